package keyring

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
)

// MaxContent is the most bytes that Seal takes for Open to give back.
const MaxContent = 128

// What a key is used for is told apart by the first byte that it hashes; the
// length of Sign's purpose begins with a zero.
const (
	sealTag    = 1
	sealStream = 2
)

// Seal returns a token that carries content so that nobody but a holder of the
// keys can read, make or change it. It is bound to purpose and parts as that of
// Sign, has the same characters, and is 22 of them long and four more for each
// three bytes of content. The same content for the same purpose and parts makes
// the same token.
//
// It is encrypted as RFC 5297 does it, with HMAC-SHA256 in the place of the
// cipher: the code over all of it is what the key stream begins with, so no
// nonce has to be kept apart.
func (r *Ring) Seal(content []byte, purpose string, parts ...string) string {
	k := r.keys.Load().signer
	m := k.macs.Get().(*mac)
	defer k.macs.Put(m)
	sealed := append(make([]byte, 0, macSize+MaxContent), m.tag(content, purpose, parts)...)
	sealed = append(sealed, content...)
	m.mask(sealed[macSize:], sealed[:macSize])
	return base64.RawURLEncoding.EncodeToString(sealed)
}

// Open returns the content of a token that Seal made with one of the keys, for
// the same purpose and parts; ok is false for any other.
func (r *Ring) Open(token, purpose string, parts ...string) (content []byte, ok bool) {
	var buf [macSize + MaxContent]byte
	if len(token) < tokenSize || base64.RawURLEncoding.DecodedLen(len(token)) > len(buf) {
		return nil, false
	}
	n, err := base64.RawURLEncoding.Strict().Decode(buf[:], []byte(token))
	if err != nil || n < macSize {
		return nil, false
	}
	sealed := buf[:n]
	ks := r.keys.Load()
	if content, ok := ks.signer.open(sealed, purpose, parts); ok { // by far the likeliest
		return content, true
	}
	for _, k := range ks.all {
		if k == ks.signer {
			continue
		}
		if content, ok := k.open(sealed, purpose, parts); ok {
			return content, true
		}
	}
	return nil, false
}

func (k *key) open(sealed []byte, purpose string, parts []string) ([]byte, bool) {
	m := k.macs.Get().(*mac)
	defer k.macs.Put(m)
	tag := sealed[:macSize]
	content := append([]byte(nil), sealed[macSize:]...)
	m.mask(content, tag)
	if subtle.ConstantTimeCompare(tag, m.tag(content, purpose, parts)) != 1 {
		return nil, false
	}
	return content, true
}

// tag is the code over all that a sealed token stands for. It is good until m is
// used again.
func (m *mac) tag(content []byte, purpose string, parts []string) []byte {
	m.in = appendPart(append(m.in[:0], sealTag), purpose)
	for _, p := range parts {
		m.in = appendPart(m.in, p)
	}
	m.in = appendPart(m.in, string(content))
	return m.sum()[:macSize]
}

// mask adds to b the key stream that a tag begins, or takes it away again.
func (m *mac) mask(b, tag []byte) {
	for block := byte(0); len(b) > 0; block++ {
		m.in = append(append(m.in[:0], sealStream, block), tag...)
		n := min(len(b), sha256.Size)
		subtle.XORBytes(b, b[:n], m.sum())
		b = b[n:]
	}
}
