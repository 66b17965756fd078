package transaction_test

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/digest"
	"github.com/patchbay-sip/patchbay/transaction"
)

// guarded answers 200 to whoever is alice at example.com.
func guarded(role digest.Role, n *int, who *digest.Identity) transaction.Handler {
	realm := func(req *sip.Request, _ *transaction.ServerTx) (string, digest.Role, bool) {
		return "example.com", role, req.Method != sip.OPTIONS
	}
	inner := transaction.HandlerFunc(func(_ context.Context, req *sip.Request, tx *transaction.ServerTx) error {
		*n++
		*who = tx.Identity()
		if req.Method == sip.ACK {
			return nil
		}
		return tx.Respond(sip.NewResponse(req, 200))
	})
	d := digest.NewServer(digest.Passwords{"alice": "secret"})
	return transaction.Chain(inner, transaction.Authenticate(d, realm))
}

func credentials(user, password string) transaction.Option {
	return transaction.WithCredentials(func(realm string) (digest.Credentials, bool) {
		return digest.Credentials{User: user, Password: password}, realm == "example.com"
	})
}

// Do answers a challenge once, with a transaction of its own.
func TestCredentials(t *testing.T) {
	const callee = "192.0.2.2:5060"
	for name, c := range map[string]struct {
		role    digest.Role
		opt     transaction.Option
		method  sip.Method
		code, n int
		cseq    string
		user    string
	}{
		"401":            {digest.UAS, credentials("alice", "secret"), sip.REGISTER, 200, 1, "2 REGISTER", "alice"},
		"407":            {digest.Proxy, credentials("alice", "secret"), sip.MESSAGE, 200, 1, "2 MESSAGE", "alice"},
		"INVITE":         {digest.Proxy, credentials("alice", "secret"), sip.INVITE, 200, 1, "2 INVITE", "alice"},
		"wrong password": {digest.UAS, credentials("alice", "wrong"), sip.REGISTER, 401, 0, "2 REGISTER", ""},
		"no credentials": {digest.UAS, credentials("alice", "secret"), sip.OPTIONS, 200, 1, "1 OPTIONS", ""},
		"not ours":       {digest.UAS, transaction.WithCredentials(func(string) (digest.Credentials, bool) { return digest.Credentials{}, false }), sip.REGISTER, 401, 0, "1 REGISTER", ""},
		"none":           {digest.UAS, transaction.WithStray(nil), sip.REGISTER, 401, 0, "1 REGISTER", ""},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, "udp", nil, func(w *world) {
				var n int
				var who digest.Identity
				server := w.serve(callee, guarded(c.role, &n, &who))
				req := request(c.method, callee)
				resp, err := w.ep.Do(context.Background(), req, sip.Target{})
				require.NoError(t, err)
				require.Equal(t, c.code, resp.StatusCode)
				require.Equal(t, c.cseq, resp.Get("CSeq"))
				require.Equal(t, c.n, n)
				require.Equal(t, c.user, who.User)
				require.False(t, req.Has("Authorization") || req.Has("Proxy-Authorization"))
				require.NoError(t, server.Close())
			}, c.opt)
		})
	}
}

// A stale nonce is answered anew; a server that calls each one stale is not
// answered for ever.
func TestStaleNonces(t *testing.T) {
	n := 0
	stale := transaction.HandlerFunc(func(_ context.Context, req *sip.Request, tx *transaction.ServerTx) error {
		n++
		resp := sip.NewResponse(req, 401)
		resp.Add("WWW-Authenticate", `Digest realm="example.com", nonce="n", stale=true, qop="auth"`)
		return tx.Respond(resp)
	})
	inBubble(t, "udp", nil, func(w *world) {
		server := w.serve("192.0.2.2:5060", stale)
		resp, err := w.ep.Do(context.Background(), request(sip.REGISTER, "192.0.2.2:5060"), sip.Target{})
		require.NoError(t, err)
		require.Equal(t, 401, resp.StatusCode)
		require.Equal(t, 5, n)
		require.NoError(t, server.Close())
	}, credentials("alice", "secret"))
}

// ACK is never challenged.
func TestAuthenticateLetsACKPass(t *testing.T) {
	var n int
	var who digest.Identity
	inBubble(t, "udp", guarded(digest.Proxy, &n, &who), func(w *world) {
		invite := w.peer.newRequest(sip.INVITE)
		w.peer.send(invite)
		resp := w.peer.response(407)
		require.True(t, resp.Has("Proxy-Authenticate"))
		w.peer.send(w.peer.ack(invite, resp))
		w.peer.send(w.peer.newRequest(sip.ACK))
		synctest.Wait()
		w.peer.send(w.peer.newRequest(sip.OPTIONS))
		w.peer.response(200)
		require.Equal(t, 2, n)
		require.True(t, who.IsZero())
	})
}

// The challenge is acknowledged, and what is cancelled afterwards is the second
// INVITE.
func TestCancelAfterAChallenge(t *testing.T) {
	inBubble(t, "udp", nil, func(w *world) {
		c := w.start(context.Background(), sip.INVITE)
		first := w.peer.request(sip.INVITE)
		challenge := sip.NewResponse(first, 407)
		challenge.Add("Proxy-Authenticate", `Digest realm="example.com", nonce="n", qop="auth"`)
		w.peer.send(challenge)
		w.peer.request(sip.ACK)
		second := w.peer.request(sip.INVITE)
		require.Equal(t, "2 INVITE", second.Get("CSeq"))
		require.Equal(t, first.CallID(), second.CallID())
		require.NotEqual(t, topBranch(t, first), topBranch(t, second))
		w.peer.respond(second, 180)
		c.response(180)
		require.Equal(t, second.Get("Proxy-Authorization"), c.Request().Get("Proxy-Authorization"))
		c.Cancel()
		require.Equal(t, topBranch(t, second), topBranch(t, w.peer.request(sip.CANCEL)))
	}, credentials("alice", "secret"))
}

// A server that wants the body protected gets that: the credentials differ from
// body to body, and cover what is sent.
func TestCredentialsForTheBody(t *testing.T) {
	const callee = "192.0.2.2:5060"
	var fields []string
	strict := transaction.HandlerFunc(func(_ context.Context, req *sip.Request, tx *transaction.ServerTx) error {
		if !req.Has("Authorization") {
			resp := sip.NewResponse(req, 401)
			resp.Add("WWW-Authenticate", `Digest realm="example.com", nonce="n", qop="auth-int"`)
			return tx.RespondOnce(resp)
		}
		fields = append(fields, req.Get("Authorization"))
		cnonce := param(req, "cnonce")
		want := md5Of(md5Of("alice", "example.com", "secret"), "n", "00000001", cnonce, "auth-int",
			md5Of("MESSAGE", req.URI.String(), md5Of(req.Body())))
		if param(req, "response") != want {
			return &sip.StatusError{Code: 403}
		}
		return tx.Respond(sip.NewResponse(req, 200))
	})
	inBubble(t, "udp", nil, func(w *world) {
		server := w.serve(callee, strict)
		for _, body := range []string{"", "hello", "bye"} {
			req := request(sip.MESSAGE, callee)
			req.SetBody("text/plain", body)
			resp, err := w.ep.Do(context.Background(), req, sip.Target{})
			require.NoError(t, err)
			require.Equal(t, 200, resp.StatusCode)
		}
		require.Len(t, fields, 3)
		require.NoError(t, server.Close())
	}, credentials("alice", "secret"))
}

func param(req *sip.Request, name string) string {
	_, rest, _ := strings.Cut(req.Get("Authorization"), " "+name+`="`)
	value, _, _ := strings.Cut(rest, `"`)
	return value
}

func md5Of(parts ...string) string {
	sum := md5.Sum([]byte(strings.Join(parts, ":")))
	return hex.EncodeToString(sum[:])
}
