package keyring_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"regexp"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip/keyring"
)

func TestSignIsURLSafe(t *testing.T) {
	token := keyring.New().Sign("digest-nonce", "example.com", "\x00\xff")
	require.Regexp(t, regexp.MustCompile(`^[A-Za-z0-9_-]{22}$`), token)
}

// Tokens are HMAC-SHA256 over the length-prefixed parts: a farm of several
// versions of this package must agree on them for ever.
func TestSignIsHMAC(t *testing.T) {
	path := keyFile(t, key('k')+"\n")
	r, err := keyring.Load(path)
	require.NoError(t, err)

	m := hmac.New(sha256.New, []byte(bytesOf('k')))
	m.Write([]byte("\x00\x00\x00\x00\x00\x00\x00\x03rrr" +
		"\x00\x00\x00\x00\x00\x00\x00\x02ab" + "\x00\x00\x00\x00\x00\x00\x00\x00"))
	require.Equal(t, base64.RawURLEncoding.EncodeToString(m.Sum(nil)[:16]), r.Sign("rrr", "ab", ""))
}

func TestVerify(t *testing.T) {
	r := keyring.New()
	token := r.Sign("flow", "ab", "c")
	require.True(t, r.Verify(token, "flow", "ab", "c"))

	for name, ok := range map[string]bool{
		"other purpose":         r.Verify(token, "nonce", "ab", "c"),
		"other border":          r.Verify(token, "flow", "a", "bc"),
		"joined parts":          r.Verify(token, "flow", "abc"),
		"an empty part more":    r.Verify(token, "flow", "ab", "c", ""),
		"a part less":           r.Verify(token, "flow", "ab"),
		"purpose grown by part": r.Verify(token, "flowab", "c"),
		"no token":              r.Verify("", "flow", "ab", "c"),
		"short token":           r.Verify(token[:21], "flow", "ab", "c"),
		"long token":            r.Verify(token+"A", "flow", "ab", "c"),
		"other ring":            keyring.New().Verify(token, "flow", "ab", "c"),
	} {
		require.False(t, ok, name)
	}
	for i := range token {
		forged := []byte(token)
		forged[i] ^= 1
		require.False(t, r.Verify(string(forged), "flow", "ab", "c"), "byte %d", i)
	}
}

func TestRotateInMemory(t *testing.T) {
	r := keyring.New()
	token := r.Sign("flow", "x")
	for range 7 {
		require.NoError(t, r.Rotate())
		require.True(t, r.Verify(token, "flow", "x"))
	}
	require.NoError(t, r.Rotate())
	require.False(t, r.Verify(token, "flow", "x"), "the ninth key is gone")
	require.ErrorIs(t, r.Reload(), keyring.ErrNoFile)
}

func TestConcurrentUse(t *testing.T) {
	r := keyring.New()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 200 {
				if !r.Verify(r.Sign("p", "x"), "p", "x") {
					t.Error("own token refused")
				}
			}
		})
	}
	for range 3 {
		require.NoError(t, r.Rotate())
	}
	wg.Wait()
}

func BenchmarkSign(b *testing.B) {
	r := keyring.New()
	b.ReportAllocs()
	for b.Loop() {
		r.Sign("digest-nonce", "example.com", "69204a1b8f3c2d1e0a9b8c7d")
	}
}

func BenchmarkVerify(b *testing.B) {
	r := keyring.New()
	token := r.Sign("digest-nonce", "example.com", "69204a1b8f3c2d1e0a9b8c7d")
	b.ReportAllocs()
	for b.Loop() {
		if !r.Verify(token, "digest-nonce", "example.com", "69204a1b8f3c2d1e0a9b8c7d") {
			b.Fatal("refused")
		}
	}
}
