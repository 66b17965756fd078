package proxy_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/proxy"
	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/digest"
	"github.com/patchbay-sip/patchbay/transaction"
)

// authenticating is a site that asks its own users for credentials, as a server
// would: whoever names one of our domains in From, outside of dialogs.
func authenticating(t *testing.T, f func(t *testing.T, s *site)) {
	t.Helper()
	var s *site
	server := digest.NewServer(digest.Passwords{"alice": "secret"})
	ask := transaction.Authenticate(server, func(req *sip.Request, _ *transaction.ServerTx) (string, digest.Role, bool) {
		from, err := req.From()
		if err != nil || s.proxy.InDialog(req) {
			return "", digest.Proxy, false
		}
		domain, ok := s.domains.Lookup(from.URI)
		return domain, digest.Proxy, ok
	})
	cfg := siteConfig{middleware: []transaction.Middleware{ask}}
	inBubble(t, cfg, func(t *testing.T, started *site) {
		s = started // no request comes before
		f(t, s)
	})
}

// resend sends a request again with the credentials that a 407 asks for.
func resend(p *phone, req *sip.Request, challenge *sip.Response) {
	p.t.Helper()
	err := digest.Answer(req, challenge, func(string) (digest.Credentials, bool) {
		return digest.Credentials{User: "alice", Password: "secret"}, true
	})
	require.NoError(p.t, err)
	_, err = req.PopVia()
	require.NoError(p.t, err)
	p.send(proxyAddr, req)
}

func TestAuthenticatedCall(t *testing.T) {
	authenticating(t, func(t *testing.T, s *site) {
		alice, far := s.phone("alice", "10"), s.phone("far", "66")
		invite := alice.request(sip.INVITE, "sip:far@192.0.2.66:5060")
		const foreign = `Digest username="alice", realm="elsewhere.example", nonce="n", uri="sip:x", response="r"`
		invite.Add("Proxy-Authorization", foreign)
		alice.send(proxyAddr, invite)
		resend(alice, invite, alice.expect(407))

		// Our credentials stay here, those of another realm go on.
		in := far.asked(sip.INVITE)
		var got []string
		for v := range in.Values("Proxy-Authorization") {
			got = append(got, v)
		}
		require.Equal(t, []string{foreign}, got)
		answer := in.answer(200)
		caller := callerLeg(alice, invite, alice.expect(200))
		ack := caller.request(sip.ACK)
		ack.Copy(&invite.Header, "Proxy-Authorization") // RFC 3261 section 22.1
		caller.send(ack)
		require.Equal(t, foreign, far.asked(sip.ACK).Get("Proxy-Authorization"))

		// Within the dialog nobody is asked again.
		caller.send(caller.request(sip.INFO))
		far.asked(sip.INFO).answer(200)
		alice.expect(200)
		callee := calleeLeg(in, answer)
		callee.send(callee.request(sip.BYE))
		alice.asked(sip.BYE).answer(200)
		far.expect(200)
	})
}

// Credentials without a realm are nobody's to consume (RFC 3261 section 22.3).
func TestCredentialsWithoutRealm(t *testing.T) {
	inBubble(t, siteConfig{}, func(t *testing.T, s *site) {
		alice, bob := s.phone("alice", "10"), s.phone("bob", "20")
		s.users.register("bob", bob)
		req := alice.request(sip.MESSAGE, "sip:bob@example.com")
		req.Add("Proxy-Authorization", "NTLM TlRMTVNTUAAB")
		alice.send(proxyAddr, req)
		require.Equal(t, "NTLM TlRMTVNTUAAB", bob.asked(sip.MESSAGE).Get("Proxy-Authorization"))
	})
}

// Whoever proved to be alice does not call as somebody else of ours.
func TestSpoofedFrom(t *testing.T) {
	authenticating(t, func(t *testing.T, s *site) {
		alice, far := s.phone("alice", "10"), s.phone("far", "66")
		req := alice.request(sip.MESSAGE, "sip:far@192.0.2.66:5060")
		req.Set("From", "<sip:boss@example.com>;tag=1")
		alice.send(proxyAddr, req)
		resend(alice, req, alice.expect(407))
		require.Equal(t, "From Is Not the Caller", alice.expect(403).Reason)
		far.silent(0)
	})
}

// What the Call says of its sender.
func TestCallIdentity(t *testing.T) {
	var c *proxy.Call
	router := proxy.RouterFunc(func(_ context.Context, call *proxy.Call) (proxy.Route, error) {
		c = call
		return proxy.Route{}, proxy.ErrNoRoute
	})
	cfg := siteConfig{router: func(*site) proxy.Router { return router }}
	inBubble(t, cfg, func(t *testing.T, s *site) {
		alice := s.phone("alice", "10")
		req := alice.request(sip.MESSAGE, "sip:bob@192.0.2.1:5060")
		req.Add("Route", "<sip:example.com;lr>, <sip:192.0.2.1;lr>")
		alice.send(proxyAddr, req)
		alice.expect(480)
		synctest.Wait()
		require.Equal(t, "example.com", c.Domain)
		require.Equal(t, "udp", c.Flow.Network)
		require.Equal(t, alice.addr, c.Flow.Remote)
		require.Equal(t, proxyAddr, c.Flow.Local)
		require.False(t, c.Preset)
		require.False(t, c.Request.Has("Route"))
		require.True(t, c.Caller.IsZero())
	})
}
