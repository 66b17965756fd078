package digest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/digest"
)

// fill replaces NONCE, URI and RESPONSE in a field by right ones for alice.
func fill(t testing.TB, s *digest.Server, req *sip.Request, uri, field string) string {
	t.Helper()
	_, e := status(t, s, request(t, string(req.Method), "sip:example.com"), digest.UAS)
	nonce := nonceOf(t, e, "WWW-Authenticate")
	ha1 := digest.HA1(digest.MD5, "alice", realm, "secret")
	return strings.NewReplacer("NONCE", nonce, "URI", uri,
		"RESPONSE", fmt.Sprintf("%x", response(req, ha1, nonce, uri))).Replace(field)
}

func TestCredentialsGrammar(t *testing.T) {
	const ok = `username="alice", realm="example.com", nonce="NONCE", uri="URI", response="RESPONSE"`
	long := strings.Repeat("x", 257)
	for _, tc := range []struct {
		name, field string
		code        int // 0 if the credentials are right
	}{
		{"as in the RFC", `Digest ` + ok, 0},
		{"any order", `Digest response="RESPONSE", uri="URI", nonce="NONCE", realm="example.com", username="alice"`, 0},
		{"names and scheme in any case", `dIGEST USERNAME="alice",Realm="example.com",NONCe="NONCE",uRi="URI",Response="RESPONSE"`, 0},
		{"odd white space", "Digest \t username = \"alice\" ,\t,realm= \"example.com\",, nonce =\"NONCE\" , uri=\"URI\",response=\"RESPONSE\" ,", 0},
		{"folded", "Digest username=\"alice\",\r\n realm=\"example.com\",\r\n\tnonce=\"NONCE\", uri=\"URI\", response=\"RESPONSE\"", 0},
		{"quoted pairs", `Digest username="\a\lice", realm="exam\ple.com", nonce="NONCE", uri="URI", response="RESPONSE"`, 0},
		{"no quotes", `Digest username=alice, realm=example.com, nonce=NONCE, uri=URI, response=RESPONSE`, 0},
		{"algorithm named", `Digest ` + ok + `, algorithm=md5`, 0},
		{"algorithm quoted", `Digest ` + ok + `, algorithm="MD5"`, 0},
		{"unknown parameters", `Digest ` + ok + `, opaque="", x="a, \"username=eve\"", y=z, x=again`, 0},

		{"another scheme", `Basic YWxpY2U6c2VjcmV0`, 401},
		{"no scheme", ok, 401},
		{"another realm", `Digest username="alice", realm="example.org"`, 401},
		{"realm in another case", `Digest ` + strings.Replace(ok, "example.com", "Example.com", 1), 401},
		{"algorithm not offered", `Digest ` + ok + `, algorithm=SHA-256`, 401},
		{"algorithm unknown", `Digest ` + ok + `, algorithm=MD5-sess`, 401},
		{"qop not offered", `Digest ` + ok + `, qop=auth-int, nc=00000001, cnonce="x"`, 401},
		{"response of another size", `Digest ` + strings.Replace(ok, "RESPONSE", "RESPONSE00", 1), 401},

		{"username twice", `Digest ` + ok + `, username="alice"`, 400},
		{"response twice, in another case", `Digest ` + ok + `, Response="00"`, 400},
		{"no username", `Digest ` + strings.Replace(ok, `username="alice"`, `x=y`, 1), 400},
		{"empty username", `Digest ` + strings.Replace(ok, "alice", "", 1), 400},
		{"no nonce", `Digest ` + strings.Replace(ok, "nonce", "n", 1), 400},
		{"no uri", `Digest ` + strings.Replace(ok, "uri", "u", 1), 400},
		{"no response", `Digest ` + strings.Replace(ok, "response", "r", 1), 400},
		{"long username", `Digest ` + strings.Replace(ok, "alice", long, 1), 400},
		{"response that is no hex", `Digest ` + strings.Replace(ok, "RESPONSE", "hello", 1), 400},
		{"response too long", `Digest ` + strings.Replace(ok, "RESPONSE", strings.Repeat("0", 66), 1), 400},
		{"qop without cnonce", `Digest ` + ok + `, qop=auth, nc=00000001`, 400},
		{"qop without nc", `Digest ` + ok + `, qop=auth, cnonce="x"`, 400},
		{"nc too short", `Digest ` + ok + `, qop=auth, cnonce="x", nc=1`, 400},
		{"nc no hex", `Digest ` + ok + `, qop=auth, cnonce="x", nc=0000000g`, 400},
		{"open quote", `Digest ` + ok + `, x="y`, 400},
		{"open quote after a backslash", `Digest ` + ok + `, x="y\"`, 400},
		{"no value", `Digest ` + ok + `, x`, 400},
		{"empty value", `Digest ` + ok + `, x=`, 400},
		{"no name", `Digest ` + ok + `, ="y"`, 400},
		{"no comma", `Digest ` + ok + ` x=y`, 400},
		{"text behind a quote", `Digest ` + ok + `, x="y"z`, 400},
		{"backslash without quotes", `Digest ` + ok + `, x=y\`, 400},
		{"control character", `Digest ` + ok + ", x=\"\x01\"", 400},
		{"33 parameters", `Digest ` + ok + strings.Repeat(", x=y", 28), 400},
		{"32 parameters", `Digest ` + ok + strings.Repeat(", x=y", 27), 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := digest.NewServer(users)
			req := request(t, "REGISTER", "sip:example.com")
			req = request(t, "REGISTER", "sip:example.com", "Authorization: "+fill(t, s, req, "sip:example.com", tc.field))
			id, e := status(t, s, req, digest.UAS)
			if tc.code == 0 {
				require.Nil(t, e)
				require.Equal(t, "alice", id.User)
				return
			}
			require.NotNil(t, e)
			require.Equal(t, tc.code, e.Code)
			if tc.code == 400 {
				require.Contains(t, e.Reason, "Bad Authorization: ")
			}
		})
	}
}

func TestUpperCaseResponse(t *testing.T) {
	s := digest.NewServer(users)
	req := request(t, "REGISTER", "sip:example.com")
	_, e := status(t, s, req, digest.UAS)
	nonce := nonceOf(t, e, "WWW-Authenticate")
	req.Set("Authorization", fmt.Sprintf(`Digest username="alice", realm=%q, nonce=%q, uri="sip:example.com", response="%X"`,
		realm, nonce, response(req, digest.HA1(digest.MD5, "alice", realm, "secret"), nonce, "sip:example.com")))
	_, e = status(t, s, req, digest.UAS)
	require.Nil(t, e)
}

// RFC 7616 section 3.4.6, RFC 3261 section 22.4 rule 6.
func TestDigestURI(t *testing.T) {
	domains := sip.NewDomains("example.com", "192.0.2.7", "192.0.2.7:5080")
	for _, tc := range []struct {
		name, request, uri string
		domains            *sip.Domains
		ok                 bool
	}{
		{"the same", "sip:bob@example.com", "sip:bob@example.com", nil, true},
		{"equal by 19.1.4", "sip:bob@example.com;transport=tcp", "sip:%62ob@EXAMPLE.com;Transport=TCP", nil, true},
		{"parameter added on the way", "sip:bob@example.com;transport=tcp", "sip:bob@example.com", nil, true},
		{"parameter removed on the way", "sip:bob@example.com", "sip:bob@example.com;user=phone", nil, true},
		{"default port", "sip:bob@example.com:5060", "sip:bob@example.com", nil, true},
		{"default port of sips", "sips:bob@example.com:5061", "sips:bob@example.com", nil, true},
		{"the server and not the callee", "sip:bob@192.0.2.7:5080", "sip:192.0.2.7:5080", nil, true},
		{"tel", "tel:+1-201-555-0123", "tel:+12015550123", nil, true},
		{"another name of the domain", "sip:bob@example.com", "sip:192.0.2.7:5080", domains, true},

		{"another user", "sip:premium@example.com", "sip:bob@example.com", nil, false},
		{"a user and the server", "sip:example.com", "sip:bob@example.com", nil, false},
		{"another host", "sip:bob@example.org", "sip:bob@example.com", nil, false},
		{"another port", "sip:bob@example.com:5080", "sip:bob@example.com", nil, false},
		{"another scheme", "sips:bob@example.com", "sip:bob@example.com", nil, false},
		{"user in another case", "sip:bob@example.com", "sip:Bob@example.com", nil, false},
		{"another name without domains", "sip:bob@example.com", "sip:192.0.2.7:5080", nil, false},
		{"another user under another name", "sip:bob@example.com", "sip:eve@192.0.2.7", domains, false},
		{"a host that is not ours", "sip:bob@example.org", "sip:bob@example.com", domains, false},
		{"from a host that is not ours", "sip:bob@example.com", "sip:bob@example.org", domains, false},
		{"tel with another number", "tel:+1-201-555-0123", "tel:+12015550124", nil, false},
		{"no uri", "sip:bob@example.com", "bob", nil, false},
		{"a star", "sip:bob@example.com", "*", nil, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := digest.NewServer(users, digest.WithDomains(tc.domains))
			req := request(t, "INVITE", tc.request)
			req.Set("Authorization", fill(t, s, req, tc.uri,
				`Digest username="alice", realm="example.com", nonce="NONCE", uri="URI", response="RESPONSE"`))
			_, e := status(t, s, req, digest.UAS)
			if tc.ok {
				require.Nil(t, e)
			} else {
				require.NotNil(t, e)
				require.Equal(t, 400, e.Code)
				require.Equal(t, "Bad Authorization: uri is not the Request-URI", e.Reason)
			}
		})
	}
}

// A recorded answer is worth nothing for another method.
func TestMethodCounts(t *testing.T) {
	s := digest.NewServer(users)
	req := request(t, "OPTIONS", "sip:bob@example.com")
	_, e := status(t, s, req, digest.UAS)
	require.NoError(t, digest.Answer(req, challenged(req, e), as("alice", "secret")))
	replay := request(t, "INVITE", "sip:bob@example.com", "Authorization: "+req.Get("Authorization"))
	_, e = status(t, s, replay, digest.UAS)
	require.ErrorIs(t, e, digest.ErrWrongCredentials)
}

func TestSeveralFields(t *testing.T) {
	s := digest.NewServer(users)
	req := request(t, "REGISTER", "sip:example.com")
	const form = `Digest username="alice", realm="example.com", nonce="NONCE", uri="URI", response="RESPONSE"`
	good := "Authorization: " + fill(t, s, req, "sip:example.com", form)
	dead := "Authorization: " + fill(t, digest.NewServer(users), req, "sip:example.com", form)
	foreign := `Authorization: Digest username="alice", realm="biloxi.com", nonce="x", uri="y", response="z"`
	broken := `Authorization: Digest realm="biloxi.com", nonce=`
	// Of a server that has our keys and realm, and asks for something else.
	sha := good + ", algorithm=SHA-256"
	deadSHA := dead + ", algorithm=SHA-256"
	for _, tc := range []struct {
		name   string
		fields []string
		err    error
	}{
		{"ours behind another realm's", []string{foreign, good}, nil},
		{"ours in front of another realm's", []string{good, foreign}, nil},
		{"another scheme", []string{"Authorization: Basic eA==", good}, nil},
		{"a nonce of another server of the realm first", []string{dead, good}, nil},
		{"a nonce of another server of the realm last", []string{good, dead}, nil},
		{"an algorithm that was not asked for first", []string{sha, good}, nil},
		{"an algorithm that was not asked for last", []string{good, sha}, nil},
		{"an algorithm that was not asked for alone", []string{sha}, digest.ErrWrongCredentials},
		{"none fits, one is stale", []string{deadSHA, sha, dead}, digest.ErrStaleNonce},
		{"another realm's, malformed (RFC 3261 16.3)", []string{broken, good}, nil},
		{"another realm's alone", []string{foreign}, digest.ErrNoCredentials},
		{"another server's alone", []string{dead}, digest.ErrStaleNonce},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, e := status(t, s, request(t, "REGISTER", "sip:example.com", tc.fields...), digest.UAS)
			if tc.err == nil {
				require.Nil(t, e)
			} else {
				require.ErrorIs(t, e, tc.err)
			}
		})
	}
	many := make([]string, 17)
	for i := range many {
		many[i] = foreign
	}
	_, e := status(t, s, request(t, "REGISTER", "sip:example.com", many...), digest.UAS)
	require.Equal(t, 400, e.Code)
}
