package digest

import (
	"crypto/md5"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"strings"
)

// An Algorithm is a digest algorithm as it stands in a challenge.
type Algorithm string

// The algorithms of RFC 7616 section 6.1 and RFC 8760 section 2.1 that are
// implemented.
const (
	MD5       Algorithm = "MD5"
	SHA256    Algorithm = "SHA-256"
	SHA512256 Algorithm = "SHA-512-256"
)

// maxSize is the size of the longest hash.
const maxSize = sha256.Size

// ParseAlgorithm finds an algorithm by its name in any case. ok is false for
// one that is not implemented.
func ParseAlgorithm(name string) (alg Algorithm, ok bool) {
	for _, a := range [...]Algorithm{MD5, SHA256, SHA512256} {
		if strings.EqualFold(name, string(a)) {
			return a, true
		}
	}
	return "", false
}

// Size returns the size of the algorithm's hash in bytes, 16 or 32; 0 for one
// that is not implemented.
func (a Algorithm) Size() int {
	switch a {
	case MD5:
		return md5.Size
	case SHA256:
		return sha256.Size
	case SHA512256:
		return sha512.Size256
	}
	return 0
}

// appendSum appends the hash of data to dst.
func (a Algorithm) appendSum(dst, data []byte) []byte {
	switch a {
	case MD5:
		sum := md5.Sum(data)
		return append(dst, sum[:]...)
	case SHA256:
		sum := sha256.Sum256(data)
		return append(dst, sum[:]...)
	case SHA512256:
		sum := sha512.Sum512_256(data)
		return append(dst, sum[:]...)
	}
	panic("digest: unknown algorithm " + string(a))
}

// HA1 computes H(user:realm:password), raw: what a Secrets keeps instead of
// the password (RFC 7616 section 3.4.2). It panics for an algorithm that is not
// implemented; ParseAlgorithm and Size tell.
func HA1(alg Algorithm, user, realm, password string) []byte {
	return alg.appendSum(nil, []byte(user+":"+realm+":"+password))
}

// A proof is what a response is computed from (RFC 7616 section 3.4.1). The
// strings are as they stand between their quotes.
type proof struct {
	alg                    Algorithm
	nonce, nc, cnonce, qop string
	method, uri            string
	body                   string // of the request; for auth-int alone
}

// appendTo appends the response for ha1, raw, to dst.
func (p *proof) appendTo(dst, ha1 []byte) []byte {
	var scratch [512]byte
	var sum [maxSize]byte

	a2 := append(scratch[:0], p.method...)
	a2 = append(append(a2, ':'), p.uri...)
	if p.qop == authInt { // RFC 7616 section 3.4.3
		body := p.alg.appendSum(sum[:0], []byte(p.body))
		a2 = hex.AppendEncode(append(a2, ':'), body)
	}
	ha2 := p.alg.appendSum(sum[:0], a2)

	b := hex.AppendEncode(scratch[:0], ha1)
	b = append(append(b, ':'), p.nonce...)
	if p.qop != "" { // without it, RFC 2069
		b = append(append(b, ':'), p.nc...)
		b = append(append(b, ':'), p.cnonce...)
		b = append(append(b, ':'), p.qop...)
	}
	b = hex.AppendEncode(append(b, ':'), ha2)
	return p.alg.appendSum(dst, b)
}
