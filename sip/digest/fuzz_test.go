package digest_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/digest"
)

// Whatever stands in Authorization is answered with 400 or 401, and lets nobody
// in who does not know the password.
func FuzzAuthenticate(f *testing.F) {
	for _, seed := range []string{
		`Digest username="alice", realm="example.com", nonce="n", uri="sip:example.com", response="00"`,
		`Digest username="alice", realm="example.com", nonce="n", uri="sip:example.com", response="00", qop=auth, nc=00000001, cnonce="\"", algorithm=MD5`,
		`digest ,, realm = "example.com" , username=a\`, `Basic x`, "",
	} {
		f.Add(seed)
	}
	s := digest.NewServer(users, digest.WithAlgorithms(digest.SHA256, digest.MD5))
	f.Fuzz(func(t *testing.T, value string) {
		req := request(t, "REGISTER", "sip:example.com")
		req.Set("Authorization", value)
		_, e := status(t, s, req, digest.UAS)
		if e == nil {
			t.Fatal("let in")
		}
		if e.Code != 400 && e.Code != 401 {
			t.Fatalf("status %d", e.Code)
		}
	})
}

// An answer to any challenge is credentials for its realm that a server can
// read, or one of the documented errors.
func FuzzAnswer(f *testing.F) {
	for _, seed := range []string{
		`Digest realm="example.com", nonce="n", qop="auth", algorithm=SHA-256, opaque="o", stale=true`,
		`Digest realm="a\"b", nonce="\\", qop="auth-int,auth"`, `Digest nonce=n`, `Digest realm="", nonce=",", domain="x"`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		req := request(t, "REGISTER", "sip:example.com")
		var realm string
		err := digest.Answer(req, response401(req, "WWW-Authenticate: "+value), func(r string) (digest.Credentials, bool) {
			realm = r
			return digest.Credentials{User: "alice", Password: "secret"}, true
		})
		if err != nil {
			if !errors.Is(err, digest.ErrUnsupported) {
				t.Fatal(err)
			}
			return
		}
		// The nonce is none of ours, so it is stale: the rest was right.
		all := digest.NewServer(users, digest.WithAlgorithms(digest.MD5, digest.SHA256, digest.SHA512256))
		_, err = all.Authenticate(t.Context(), req, realm, digest.UAS)
		var e *sip.StatusError
		if realm == "" || !errors.As(err, &e) {
			return
		}
		if !slices.ContainsFunc([]error{digest.ErrStaleNonce, digest.ErrWrongCredentials}, func(want error) bool { return errors.Is(err, want) }) {
			t.Fatalf("%v: %q became %q", err, value, req.Get("Authorization"))
		}
	})
}
