package digest_test

import (
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/digest"
	"github.com/patchbay-sip/patchbay/sip/keyring"
)

const realm = "example.com"

var users = digest.Passwords{"alice": "secret", `o"neil`: "x", "bob": "b"}

func request(t testing.TB, method, uri string, fields ...string) *sip.Request {
	t.Helper()
	text := method + " " + uri + " SIP/2.0\r\n" +
		"Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK1\r\nMax-Forwards: 70\r\n" +
		"From: <sip:alice@example.com>;tag=1\r\nTo: <sip:alice@example.com>\r\n" +
		"Call-ID: 1\r\nCSeq: 7 " + method + "\r\n"
	for _, f := range fields {
		text += f + "\r\n"
	}
	m, err := sip.Parse([]byte(text + "Content-Length: 0\r\n\r\n"))
	require.NoError(t, err)
	return m.(*sip.Request)
}

// status authenticates req and returns the identity, or the status of the error.
func status(t testing.TB, s *digest.Server, req *sip.Request, role digest.Role) (digest.Identity, *sip.StatusError) {
	t.Helper()
	id, err := s.Authenticate(t.Context(), req, realm, role)
	if err == nil {
		require.Equal(t, realm, id.Realm)
		return id, nil
	}
	require.True(t, id.IsZero())
	var e *sip.StatusError
	require.ErrorAs(t, err, &e)
	return id, e
}

// challenged is the response that a StatusError becomes.
func challenged(req *sip.Request, e *sip.StatusError) *sip.Response {
	resp := sip.NewResponse(req, e.Code)
	for name, value := range e.Header.All() {
		resp.Add(name, value)
	}
	return resp
}

func as(user, password string) func(string) (digest.Credentials, bool) {
	return func(r string) (digest.Credentials, bool) {
		return digest.Credentials{User: user, Password: password}, r == realm
	}
}

// nonceOf takes the nonce out of a challenge.
func nonceOf(t testing.TB, e *sip.StatusError, field string) string {
	t.Helper()
	_, rest, ok := strings.Cut(e.Header.Get(field), `nonce="`)
	require.True(t, ok)
	nonce, _, ok := strings.Cut(rest, `"`)
	require.True(t, ok)
	return nonce
}

func TestChallenge(t *testing.T) {
	for _, tc := range []struct {
		role  digest.Role
		code  int
		field string
	}{
		{digest.UAS, 401, "WWW-Authenticate"},
		{digest.Proxy, 407, "Proxy-Authenticate"},
	} {
		s := digest.NewServer(users, digest.WithAlgorithms(digest.SHA256, digest.SHA512256, digest.MD5))
		_, e := status(t, s, request(t, "INVITE", "sip:bob@example.com"), tc.role)
		require.Equal(t, tc.code, e.Code)
		require.ErrorIs(t, e, digest.ErrNoCredentials)
		require.Equal(t, 3, e.Header.Len(), "a field for each algorithm")
		nonce := nonceOf(t, e, tc.field)
		var got []string
		for v := range e.Header.Values(tc.field) {
			got = append(got, v)
		}
		// RFC 8760 section 2.3: the preferred one on top.
		require.Equal(t, []string{
			`Digest realm="example.com", nonce="` + nonce + `", algorithm=SHA-256, qop="auth"`,
			`Digest realm="example.com", nonce="` + nonce + `", algorithm=SHA-512-256, qop="auth"`,
			`Digest realm="example.com", nonce="` + nonce + `", algorithm=MD5, qop="auth"`,
		}, got)
	}
}

// RFC 8760 section 2.3: each challenge of a realm has another algorithm.
func TestWithAlgorithmsPanics(t *testing.T) {
	for _, algs := range [][]digest.Algorithm{nil, {"MD5-sess"}, {digest.MD5, digest.SHA256, digest.MD5}} {
		require.Panics(t, func() { digest.WithAlgorithms(algs...) }, algs)
	}
}

func TestDefaultIsMD5Alone(t *testing.T) {
	_, e := status(t, digest.NewServer(users), request(t, "REGISTER", "sip:example.com"), digest.UAS)
	require.Equal(t, 1, e.Header.Len())
	require.Contains(t, e.Header.Get("WWW-Authenticate"), "algorithm=MD5,")
}

func TestRealmCannotBreakOut(t *testing.T) {
	s := digest.NewServer(users)
	evil := "a\", stale=true, x=\"\\\r\nEvil: 1"
	_, err := s.Authenticate(t.Context(), request(t, "REGISTER", "sip:example.com"), evil, digest.UAS)
	var e *sip.StatusError
	require.ErrorAs(t, err, &e)
	req := request(t, "REGISTER", "sip:example.com")
	require.NoError(t, digest.Answer(req, challenged(req, e), func(r string) (digest.Credentials, bool) {
		require.Equal(t, "a\", stale=true, x=\"\\  Evil: 1", r)
		return digest.Credentials{User: "alice"}, true
	}))
}

// Client and server of this package, and the cases of RFC 3261 section 22.
func TestAnswerIsAccepted(t *testing.T) {
	for _, alg := range []digest.Algorithm{digest.MD5, digest.SHA256, digest.SHA512256} {
		for _, role := range []digest.Role{digest.UAS, digest.Proxy} {
			for user, password := range users {
				t.Run(fmt.Sprint(alg, role, user), func(t *testing.T) {
					s := digest.NewServer(users, digest.WithAlgorithms(alg))
					req := request(t, "INVITE", "sip:bob@example.com;transport=tcp")
					_, e := status(t, s, req, role)
					require.NoError(t, digest.Answer(req, challenged(req, e), as(user, password)))
					cseq, err := req.CSeq()
					require.NoError(t, err)
					require.Equal(t, "8 INVITE", cseq.String())

					id, e := status(t, s, req, role)
					require.Nil(t, e)
					require.Equal(t, user, id.User)

					// Another role's credentials do not count.
					_, e = status(t, s, req, 1-role)
					require.ErrorIs(t, e, digest.ErrNoCredentials)
				})
			}
		}
	}
}

func TestWrongCredentials(t *testing.T) {
	s := digest.NewServer(users, digest.WithAlgorithms(digest.SHA256, digest.MD5))
	for _, tc := range []struct{ name, user, password string }{
		{"wrong password", "alice", "Secret"},
		{"unknown user", "eve", "secret"},
		{"no password", "alice", ""},
		{"unknown user without password", "eve", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			req := request(t, "REGISTER", "sip:example.com")
			_, e := status(t, s, req, digest.UAS)
			require.NoError(t, digest.Answer(req, challenged(req, e), as(tc.user, tc.password)))
			_, e = status(t, s, req, digest.UAS)
			require.Equal(t, 401, e.Code)
			require.ErrorIs(t, e, digest.ErrWrongCredentials)
			require.NotContains(t, e.Header.Get("WWW-Authenticate"), "stale")
			require.Equal(t, 2, e.Header.Len())
		})
	}
}

// secrets answers as the test wants.
type secrets func() ([]byte, error)

func (f secrets) HA1(context.Context, string, string, digest.Algorithm) ([]byte, error) { return f() }

func TestSecretsDecide(t *testing.T) {
	down := errors.New("directory is down")
	for _, tc := range []struct {
		name string
		ha1  []byte
		err  error
		code int // 0: some other error
	}{
		{"unknown user", nil, fmt.Errorf("db: %w", digest.ErrUnknownUser), 401},
		{"no secret for the algorithm", nil, digest.ErrNoAlgorithm, 401},
		{"outage", nil, down, 0},
		{"out of time", nil, context.DeadlineExceeded, 0},
		{"a secret of another size", make([]byte, 32), nil, 0},
		{"no secret and no error", nil, nil, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := digest.NewServer(secrets(func() ([]byte, error) { return tc.ha1, tc.err }))
			req := request(t, "REGISTER", "sip:example.com")
			_, e := status(t, s, req, digest.UAS)
			// The dummy that an unknown user is compared with is no secret.
			answer(t, req, nonceOf(t, e, "WWW-Authenticate"), make([]byte, 16))
			_, err := s.Authenticate(t.Context(), req, realm, digest.UAS)
			require.Error(t, err)
			if tc.code != 0 {
				require.ErrorAs(t, err, &e)
				require.Equal(t, tc.code, e.Code)
				return
			}
			require.False(t, errors.As(err, new(*sip.StatusError)), "the handler answers 500")
			if tc.err != nil {
				require.ErrorIs(t, err, tc.err)
			}
		})
	}
}

// answer puts credentials without qop into req, computed from a raw HA1.
func answer(t testing.TB, req *sip.Request, nonce string, ha1 []byte) {
	t.Helper()
	req.Set("Authorization", fmt.Sprintf(`Digest username="alice", realm=%q, nonce=%q, uri=%q, response="%x"`,
		realm, nonce, req.URI.String(), response(req, ha1, nonce, req.URI.String())))
}

// response is the one of RFC 2069.
func response(req *sip.Request, ha1 []byte, nonce, uri string) [md5.Size]byte {
	ha2 := md5.Sum([]byte(string(req.Method) + ":" + uri))
	return md5.Sum(fmt.Appendf(nil, "%x:%s:%x", ha1, nonce, ha2))
}

// RFC 3261 section 22.4 rule 8: qop is optional for servers to receive.
func TestWithoutQop(t *testing.T) {
	ha1 := digest.HA1(digest.MD5, "alice", realm, "secret")
	for _, tc := range []struct {
		name string
		algs []digest.Algorithm
		ok   bool
	}{
		{"MD5", []digest.Algorithm{digest.MD5}, true},
		{"MD5 not offered", []digest.Algorithm{digest.SHA256}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := digest.NewServer(users, digest.WithAlgorithms(tc.algs...))
			req := request(t, "REGISTER", "sip:example.com")
			_, e := status(t, s, req, digest.UAS)
			answer(t, req, nonceOf(t, e, "WWW-Authenticate"), ha1)
			id, e := status(t, s, req, digest.UAS)
			if tc.ok {
				require.Nil(t, e)
				require.Equal(t, "alice", id.User)
			} else {
				require.ErrorIs(t, e, digest.ErrWrongCredentials)
			}
		})
	}
}

func TestNonceLifetime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := digest.NewServer(users, digest.WithNonceLifetime(time.Minute))
		req := request(t, "REGISTER", "sip:example.com")
		_, e := status(t, s, req, digest.UAS)
		first := challenged(req, e)
		require.NoError(t, digest.Answer(req, first, as("alice", "secret")))
		wrong := request(t, "REGISTER", "sip:example.com")
		require.NoError(t, digest.Answer(wrong, first, as("alice", "guess")))

		time.Sleep(time.Minute)
		_, e = status(t, s, req, digest.UAS)
		require.Nil(t, e, "good for a minute")

		time.Sleep(time.Second)
		_, e = status(t, s, req, digest.UAS)
		require.ErrorIs(t, e, digest.ErrStaleNonce)
		require.Contains(t, e.Header.Get("WWW-Authenticate"), ", stale=true")
		_, wrongE := status(t, s, wrong, digest.UAS)
		require.ErrorIs(t, wrongE, digest.ErrWrongCredentials)
		require.NotContains(t, wrongE.Header.Get("WWW-Authenticate"), "stale")

		// Stale is no refusal: the client answers again.
		require.NoError(t, digest.Answer(req, challenged(req, e), as("alice", "secret")))
		_, e = status(t, s, req, digest.UAS)
		require.Nil(t, e)
	})
}

func TestNonceFromTheFuture(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		keys := keyring.New()
		s := digest.NewServer(users, digest.WithKeys(keys))
		for _, tc := range []struct {
			ahead time.Duration
			fresh bool
		}{{0, true}, {30 * time.Second, true}, {31 * time.Second, false}, {240 * time.Hour, false}} {
			head := fmt.Sprintf("%08x%016x", time.Now().Add(tc.ahead).Unix(), 1)
			req := request(t, "REGISTER", "sip:example.com")
			answer(t, req, head+keys.Sign("digest-nonce", realm, head), digest.HA1(digest.MD5, "alice", realm, "secret"))
			_, e := status(t, s, req, digest.UAS)
			if tc.fresh {
				require.Nil(t, e)
			} else {
				require.ErrorIs(t, e, digest.ErrStaleNonce)
			}
		}
	})
}

// Nonces that this server did not make, made for another realm, or changed.
func TestStrangeNonces(t *testing.T) {
	keys := keyring.New()
	s := digest.NewServer(users, digest.WithKeys(keys))
	req := request(t, "REGISTER", "sip:example.com")
	_, e := status(t, s, req, digest.UAS)
	good := nonceOf(t, e, "WWW-Authenticate")
	_, err := s.Authenticate(t.Context(), req, "other.example", digest.UAS)
	require.ErrorAs(t, err, &e)

	for name, nonce := range map[string]string{
		"other realm":    nonceOf(t, e, "WWW-Authenticate"),
		"short":          good[:45],
		"long":           good + "A",
		"one letter":     "x",
		"time changed":   "f" + good[1:],
		"no time":        "gggggggg" + good[8:],
		"random changed": good[:8] + "zz" + good[10:],
		"sign changed":   good[:45] + "!",
	} {
		t.Run(name, func(t *testing.T) {
			req := request(t, "REGISTER", "sip:example.com")
			answer(t, req, nonce, digest.HA1(digest.MD5, "alice", realm, "secret"))
			_, e := status(t, s, req, digest.UAS)
			require.Equal(t, 401, e.Code)
			require.ErrorIs(t, e, digest.ErrStaleNonce, "the password was right all the same (RFC 7616 section 3.3)")
		})
	}

	other := digest.NewServer(users, digest.WithKeys(keys))
	answer(t, req, good, digest.HA1(digest.MD5, "alice", realm, "secret"))
	_, e = status(t, other, req, digest.UAS)
	require.Nil(t, e, "a server of the farm knows it")
}
