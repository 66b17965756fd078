package digest_test

import (
	"crypto/md5"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/digest"
)

// response401 makes a response to req with header fields.
func response401(req *sip.Request, fields ...string) *sip.Response {
	resp := sip.NewResponse(req, 401)
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		resp.Add(name, value)
	}
	return resp
}

func TestAnswerPicksAChallenge(t *testing.T) {
	const (
		md5     = `WWW-Authenticate: Digest realm="example.com", nonce="m", algorithm=MD5, qop="auth"`
		sha     = `WWW-Authenticate: Digest realm="example.com", nonce="s", algorithm=SHA-256, qop="auth"`
		sess    = `WWW-Authenticate: Digest realm="example.com", nonce="e", algorithm=SHA-256-sess, qop="auth"`
		authInt = `WWW-Authenticate: Digest realm="example.com", nonce="i", qop="auth-int"`
		shaInt  = `WWW-Authenticate: Digest realm="example.com", nonce="t", algorithm=SHA-256, qop="AUTH-INT"`
		other   = `WWW-Authenticate: Digest realm="example.com", nonce="q", qop="auth-conf"`
		both    = `WWW-Authenticate: Digest realm="example.com", nonce="b", qop="auth-int, auth"`
		old     = `WWW-Authenticate: Digest realm="example.com", nonce="o"`
		broken  = `WWW-Authenticate: Digest realm="example.com", nonce="x", nonce="y"`
		foreign = `WWW-Authenticate: Digest realm="biloxi.com", nonce="f"`
		basic   = `WWW-Authenticate: Basic realm="example.com"`
	)
	for _, tc := range []struct {
		name   string
		fields []string
		want   []string // parts of the credentials
		err    error
	}{
		{"the only one", []string{md5}, []string{`nonce="m"`, "algorithm=MD5", "qop=auth, nc=00000001", `cnonce="`}, nil},
		{"the first of two (RFC 8760 2.4)", []string{sha, md5}, []string{`nonce="s"`, "algorithm=SHA-256"}, nil},
		{"the first, though weaker", []string{md5, sha}, []string{`nonce="m"`}, nil},
		{"the first that it can", []string{sess, broken, basic, both, authInt}, []string{`nonce="b"`, "qop=auth,"}, nil},
		{"auth-int, where it is all there is", []string{authInt}, []string{`nonce="i"`, "qop=auth-int, nc=00000001"}, nil},
		{"auth rather than auth-int", []string{authInt, both}, []string{`nonce="b"`, "qop=auth,"}, nil},
		{"auth-int rather than a weaker algorithm", []string{shaInt, md5}, []string{`nonce="t"`, "algorithm=SHA-256", "qop=auth-int,"}, nil},
		{"the first with credentials", []string{foreign, md5}, []string{`nonce="m"`}, nil},
		{"none it can", []string{sess, other, broken, basic}, nil, digest.ErrUnsupported},
		{"none at all", nil, nil, digest.ErrUnsupported},
		{"none with credentials", []string{foreign, basic}, nil, digest.ErrNoCredentials},
		{"a server of RFC 2069", []string{old}, []string{`nonce="o"`}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			req := request(t, "REGISTER", "sip:example.com")
			before := req.String()
			err := digest.Answer(req, response401(req, tc.fields...), as("alice", "secret"))
			if tc.err != nil {
				require.ErrorIs(t, err, tc.err)
				require.Equal(t, before, req.String(), "untouched")
				return
			}
			require.NoError(t, err)
			for _, part := range append(tc.want, `username="alice"`, `uri="sip:example.com"`) {
				require.Contains(t, req.Get("Authorization"), part)
			}
			if tc.fields[0] == old {
				// RFC 3261 section 22.4 rule 8: no cnonce where no qop was sent.
				for _, name := range []string{"qop", "nc=", "cnonce", "algorithm"} {
					require.NotContains(t, req.Get("Authorization"), name)
				}
			}
		})
	}
}

// The algorithm goes back as it was spelled (RFC 7616 section 3.4).
func TestAnswerEchoesAlgorithm(t *testing.T) {
	for challenge, want := range map[string]string{"md5": "algorithm=md5,", `"SHA-256"`: "algorithm=SHA-256,"} {
		req := request(t, "REGISTER", "sip:example.com")
		resp := response401(req, `WWW-Authenticate: Digest realm="example.com", nonce="n", qop="auth", algorithm=`+challenge)
		require.NoError(t, digest.Answer(req, resp, as("alice", "secret")))
		require.Contains(t, req.Get("Authorization"), want)
	}
}

func TestAnswerEchoesOpaqueAndEscapes(t *testing.T) {
	req := request(t, "REGISTER", "sip:example.com")
	resp := response401(req, `WWW-Authenticate: Digest realm="a \"b\" c", nonce="n\\n", opaque="o\"o", qop="auth"`)
	require.NoError(t, digest.Answer(req, resp, func(realm string) (digest.Credentials, bool) {
		require.Equal(t, `a "b" c`, realm)
		return digest.Credentials{User: `o"neil`, Password: "x"}, true
	}))
	for _, part := range []string{`username="o\"neil"`, `realm="a \"b\" c"`, `nonce="n\\n"`, `opaque="o\"o"`} {
		require.Contains(t, req.Get("Authorization"), part)
	}
}

func TestAnswerSeveralRealms(t *testing.T) {
	req := request(t, "INVITE", "sip:bob@example.com",
		`Proxy-Authorization: Digest username="a", realm="atlanta.com", nonce="old", uri="u", response="00"`,
		`Proxy-Authorization: Digest username="a", realm="chicago.com", nonce="kept", uri="u", response="00"`)
	resp := response401(req,
		`Proxy-Authenticate: Digest realm="atlanta.com", nonce="new", qop="auth"`,
		`WWW-Authenticate: Digest realm="biloxi.com", nonce="b", qop="auth"`,
		`Proxy-Authenticate: Digest realm="denver.com", nonce="d", qop="auth"`)
	require.NoError(t, digest.Answer(req, resp, func(realm string) (digest.Credentials, bool) {
		return digest.Credentials{User: "alice", Password: realm}, realm != "denver.com"
	}))
	var proxy []string
	for v := range req.Values("Proxy-Authorization") {
		proxy = append(proxy, v)
	}
	require.Len(t, proxy, 2)
	require.Contains(t, proxy[0], "chicago.com")
	require.Contains(t, proxy[1], `realm="atlanta.com", nonce="new"`)
	require.Contains(t, req.Get("Authorization"), `realm="biloxi.com"`)
	cseq, err := req.CSeq()
	require.NoError(t, err)
	require.EqualValues(t, 8, cseq.Seq)
}

func TestAnswerTwice(t *testing.T) {
	const (
		first = `WWW-Authenticate: Digest realm="example.com", nonce="1", qop="auth"`
		again = `WWW-Authenticate: Digest realm="example.com", nonce="2", qop="auth"`
		stale = again + `, stale=TRUE`
	)
	for _, tc := range []struct {
		name, second   string
		user, password string
		err            error
	}{
		{"refused (RFC 3261 22.1)", again, "alice", "secret", digest.ErrRejected},
		{"stale", stale, "alice", "secret", nil},
		{"another password", again, "alice", "other", nil},
		{"another user", again, "bob", "secret", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			req := request(t, "REGISTER", "sip:example.com")
			require.NoError(t, digest.Answer(req, response401(req, first), as("alice", "secret")))
			err := digest.Answer(req, response401(req, tc.second), as(tc.user, tc.password))
			require.ErrorIs(t, err, tc.err)
			if tc.err == nil {
				require.Contains(t, req.Get("Authorization"), `nonce="2"`)
				require.Equal(t, 1, strings.Count(req.String(), "Authorization:"))
			}
		})
	}
}

func TestAnswerWithoutCSeq(t *testing.T) {
	req := request(t, "REGISTER", "sip:example.com")
	resp := response401(req, `WWW-Authenticate: Digest realm="example.com", nonce="1", qop="auth"`)
	req.Del("CSeq")
	require.ErrorIs(t, digest.Answer(req, resp, as("alice", "secret")), sip.ErrNoField)
	require.Empty(t, req.Get("Authorization"))
}

// auth-int covers the body: other credentials for another one, and the same ones are
// not sent twice for the same (RFC 7616 section 3.4.3, RFC 3261 section 22.1).
func TestAnswerCoversTheBody(t *testing.T) {
	const field = `WWW-Authenticate: Digest realm="example.com", nonce="i", qop="auth-int"`
	req := request(t, "INVITE", "sip:bob@example.com")
	req.SetBody("application/sdp", "v=0\r\n")
	require.NoError(t, digest.Answer(req, response401(req, field), as("bob", "zanzibar")))

	value := func(name string) string {
		_, rest, _ := strings.Cut(req.Get("Authorization"), " "+name+`="`)
		v, _, _ := strings.Cut(rest, `"`)
		return v
	}
	sum := func(parts ...string) string {
		h := md5.Sum([]byte(strings.Join(parts, ":")))
		return hex.EncodeToString(h[:])
	}
	want := sum(sum("bob", "example.com", "zanzibar"), "i", "00000001", value("cnonce"), "auth-int",
		sum("INVITE", "sip:bob@example.com", sum("v=0\r\n")))
	require.Equal(t, want, value("response"))

	require.ErrorIs(t, digest.Answer(req, response401(req, field), as("bob", "zanzibar")), digest.ErrRejected)
	req.SetBody("application/sdp", "v=0\r\ns=-\r\n")
	require.NoError(t, digest.Answer(req, response401(req, field), as("bob", "zanzibar")))
	require.NotEqual(t, want, value("response"))
}
