// Package keyring holds the keys that a SIP server signs its own tokens with:
// digest nonces, Record-Route marks, flow tokens. A farm of servers shares one
// key file, so that each of them knows the tokens of the others.
//
// A token is HMAC-SHA256 (RFC 2104) cut to 128 bits. It proves that one of the
// servers made it. It does not expire by itself: what has to end, such as a
// nonce, is signed together with its time. A token that Seal made carries
// something as well, and hides it.
package keyring

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"hash"
	"sync"
	"sync/atomic"
)

const (
	// keySize is the size of a new key: that of the hash, beyond which more
	// adds nothing (RFC 2104 section 3).
	keySize = sha256.Size
	// minKeySize and maxKeySize bound what a key file may hold.
	minKeySize = 16
	maxKeySize = sha256.BlockSize
	// maxKeys bounds the keys of a ring, and so the work for a false token.
	maxKeys = 8
	// macSize is how much of the HMAC a token carries.
	macSize = 16
	// tokenSize is macSize bytes in base64.
	tokenSize = 22
)

// ErrNoFile is what Reload returns for a ring that was made by New.
var ErrNoFile = errors.New("keyring: the ring was not loaded from a file")

// A Ring is a list of keys, the newest first. All of them verify; the second
// one signs, or the only one. So the newest is known to every server of a farm
// before any of them signs with it, and a token that one of them has made is
// never strange to another while keys are rotated.
//
// Its methods may be called from several goroutines at once.
type Ring struct {
	path string // "" without a file
	keys atomic.Pointer[keys]
	mu   sync.Mutex // held while keys are replaced
}

// keys is one generation of a Ring; it never changes.
type keys struct {
	all    []*key // newest first
	signer *key
}

// A key keeps hash states that have the key mixed in already, which is half of
// the work of a short HMAC.
type key struct {
	secret string
	macs   sync.Pool // of *mac
}

// A mac is a keyed hash with its scratch space.
type mac struct {
	hash hash.Hash
	in   []byte
	out  [sha256.Size]byte
}

// New makes a ring with one random key, for a server that stands alone. Its
// tokens die with it.
func New() *Ring {
	r := &Ring{}
	r.set([]string{newSecret()})
	return r
}

// Sign returns a token of 22 characters, [A-Za-z0-9_-], over purpose and
// parts. Tokens of one purpose never verify for another, and the borders
// between the parts count.
func (r *Ring) Sign(purpose string, parts ...string) string {
	var token [tokenSize]byte
	r.keys.Load().signer.token(&token, purpose, parts)
	return string(token[:])
}

// Verify tells whether token was signed over the same purpose and parts with
// one of the keys. How long it takes tells nothing of how much of a token was
// right.
func (r *Ring) Verify(token, purpose string, parts ...string) bool {
	if len(token) != tokenSize {
		return false
	}
	ks := r.keys.Load()
	if ks.signer.verifies(token, purpose, parts) { // by far the likeliest
		return true
	}
	for _, k := range ks.all {
		if k != ks.signer && k.verifies(token, purpose, parts) {
			return true
		}
	}
	return false
}

// set replaces the keys, newest first. A key that stays keeps its states.
func (r *Ring) set(secrets []string) {
	old := r.keys.Load()
	next := &keys{all: make([]*key, 0, len(secrets))}
	for _, s := range secrets {
		next.all = append(next.all, old.find(s))
	}
	next.signer = next.all[min(1, len(next.all)-1)]
	r.keys.Store(next)
}

// find returns the key with this secret, a new one if ks has none.
func (ks *keys) find(secret string) *key {
	if ks != nil {
		for _, k := range ks.all {
			if k.secret == secret {
				return k
			}
		}
	}
	k := &key{secret: secret}
	k.macs.New = func() any {
		return &mac{hash: hmac.New(sha256.New, []byte(secret))}
	}
	return k
}

func (k *key) verifies(token, purpose string, parts []string) bool {
	var want [tokenSize]byte
	k.token(&want, purpose, parts)
	var got [tokenSize]byte
	copy(got[:], token)
	return subtle.ConstantTimeCompare(got[:], want[:]) == 1
}

// token computes the token of k over purpose and parts. Each of them goes in
// behind its length, so no two lists hash alike.
func (k *key) token(dst *[tokenSize]byte, purpose string, parts []string) {
	m := k.macs.Get().(*mac)
	m.in = appendPart(m.in[:0], purpose)
	for _, p := range parts {
		m.in = appendPart(m.in, p)
	}
	base64.RawURLEncoding.Encode(dst[:], m.sum()[:macSize])
	k.macs.Put(m)
}

// sum hashes m.in; the result is good until the next one.
func (m *mac) sum() []byte {
	m.hash.Reset()
	m.hash.Write(m.in)
	return m.hash.Sum(m.out[:0])
}

func appendPart(b []byte, part string) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(len(part)))
	return append(b, part...)
}

func newSecret() string {
	b := make([]byte, keySize)
	rand.Read(b) // never fails
	return string(b)
}
