package keyring_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip/keyring"
)

func ExampleRing_Seal() {
	keys := keyring.New()
	token := keys.Seal([]byte("192.0.2.9:5060"), "flow", "call-1")
	content, ok := keys.Open(token, "flow", "call-1")
	fmt.Println(string(content), ok)
	_, ok = keys.Open(token, "flow", "call-2")
	fmt.Println(ok)
	// Output:
	// 192.0.2.9:5060 true
	// false
}

func TestSealAndOpen(t *testing.T) {
	r := keyring.New()
	for _, n := range []int{0, 1, 15, 31, 32, 33, 64, 65, keyring.MaxContent} {
		content := bytes.Repeat([]byte{'x'}, n)
		token := r.Seal(content, "flow", "ab", "c")
		require.Regexp(t, `^[A-Za-z0-9_-]{22,}$`, token)
		require.Equal(t, token, r.Seal(content, "flow", "ab", "c"))
		got, ok := r.Open(token, "flow", "ab", "c")
		require.True(t, ok, n)
		require.Equal(t, string(content), string(got))

		// Nothing of the content shows.
		raw, err := base64.RawURLEncoding.DecodeString(token)
		require.NoError(t, err)
		require.Len(t, raw, 16+n)
		if n > 8 {
			require.NotContains(t, string(raw), "xxx")
		}
	}
	long := r.Seal(make([]byte, keyring.MaxContent+1), "flow")
	_, ok := r.Open(long, "flow")
	require.False(t, ok)
}

// A farm of several versions of this package must agree on the tokens for ever.
func TestSealIsWhatItSays(t *testing.T) {
	r, err := keyring.Load(keyFile(t, key('k')+"\n"))
	require.NoError(t, err)
	hash := func(parts ...string) []byte {
		m := hmac.New(sha256.New, []byte(bytesOf('k')))
		m.Write([]byte(strings.Join(parts, "")))
		return m.Sum(nil)
	}
	content := strings.Repeat("0123456789", 4)
	tag := hash("\x01", "\x00\x00\x00\x00\x00\x00\x00\x04flow", "\x00\x00\x00\x00\x00\x00\x00\x01a",
		"\x00\x00\x00\x00\x00\x00\x00\x28", content)[:16]
	stream := append(hash("\x02\x00", string(tag)), hash("\x02\x01", string(tag))...)
	want := tag
	for i := range content {
		want = append(want, content[i]^stream[i])
	}
	require.Equal(t, base64.RawURLEncoding.EncodeToString(want), r.Seal([]byte(content), "flow", "a"))
}

func TestOpenRefuses(t *testing.T) {
	r := keyring.New()
	content := []byte("content")
	token := r.Seal(content, "flow", "ab", "c")
	for name, open := range map[string]func() ([]byte, bool){
		"other purpose":      func() ([]byte, bool) { return r.Open(token, "nonce", "ab", "c") },
		"other border":       func() ([]byte, bool) { return r.Open(token, "flow", "a", "bc") },
		"an empty part more": func() ([]byte, bool) { return r.Open(token, "flow", "ab", "c", "") },
		"a part less":        func() ([]byte, bool) { return r.Open(token, "flow", "ab") },
		"no token":           func() ([]byte, bool) { return r.Open("", "flow", "ab", "c") },
		"the tag alone":      func() ([]byte, bool) { return r.Open(token[:22], "flow", "ab", "c") },
		"shorter":            func() ([]byte, bool) { return r.Open(token[:len(token)-1], "flow", "ab", "c") },
		"longer":             func() ([]byte, bool) { return r.Open(token+"A", "flow", "ab", "c") },
		"other ring":         func() ([]byte, bool) { return keyring.New().Open(token, "flow", "ab", "c") },
		"a signature":        func() ([]byte, bool) { return r.Open(r.Sign("flow", "ab", "c"), "flow", "ab", "c") },
		"no base64":          func() ([]byte, bool) { return r.Open(strings.Repeat("!", 22), "flow", "ab", "c") },
	} {
		got, ok := open()
		require.False(t, ok, name)
		require.Empty(t, got, name)
	}
	require.False(t, r.Verify(r.Seal(nil, "flow", "ab"), "flow", "ab"))
	for i := range token {
		for bit := range 6 {
			const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
			forged := []byte(token)
			forged[i] = alphabet[strings.IndexByte(alphabet, token[i])^1<<bit]
			_, ok := r.Open(string(forged), "flow", "ab", "c")
			require.False(t, ok, "character %d, bit %d", i, bit)
		}
	}
}

func TestOpenAfterRotation(t *testing.T) {
	r := keyring.New()
	token := r.Seal([]byte("x"), "flow")
	for range 7 {
		require.NoError(t, r.Rotate())
		_, ok := r.Open(token, "flow")
		require.True(t, ok)
	}
	require.NoError(t, r.Rotate())
	_, ok := r.Open(token, "flow")
	require.False(t, ok)
}

func BenchmarkSealAndOpen(b *testing.B) {
	r := keyring.New()
	content := make([]byte, 26)
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := r.Open(r.Seal(content, "flow", "a84b4c76e66710@pc33.atlanta.example.com", "1928301774"), "flow", "a84b4c76e66710@pc33.atlanta.example.com", "1928301774"); !ok {
			b.Fatal("own token refused")
		}
	}
}
