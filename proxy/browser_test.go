package proxy_test

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/transport"
	"github.com/patchbay-sip/patchbay/sip/transport/memnet"
	"github.com/patchbay-sip/patchbay/sip/transport/ws"
	"github.com/patchbay-sip/patchbay/transaction"
)

// webAddr is where browsers connect to.
var webAddr = netip.MustParseAddrPort("192.0.2.1:443")

// serveWeb makes a transport for browsers. A web server that it knows nothing of
// takes the TLS off and hands the requests on.
func serveWeb(t testing.TB, n *memnet.Network) transport.Transport {
	t.Helper()
	h := ws.NewSecure(ws.WithTLSInFront())
	l, err := n.Listen(webAddr.String())
	require.NoError(t, err)
	server := &http.Server{Handler: h, ReadHeaderTimeout: time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	t.Cleanup(func() {
		require.NoError(t, server.Close())
		require.ErrorIs(t, <-served, http.ErrServerClosed)
	})
	return h
}

// browser makes a phone in a web page, on 192.0.2.HOST, and registers it.
func (s *site) browser(user, host string) *phone {
	s.t.Helper()
	p := &phone{t: s.t, user: user, tag: sip.NewTag(), in: make(chan arrival, 64), seen: make(map[string]bool)}
	p.addr = netip.MustParseAddrPort("192.0.2." + host + ":40000")
	p.uri = sip.MustParseURI("sip:" + user + "@df7jal23ls0d.invalid;transport=ws")
	p.connect(s)
	s.register(p)
	return p
}

// connect opens the connection of a browser, which it keeps until the test ends.
func (p *phone) connect(s *site) {
	s.t.Helper()
	client := &http.Transport{DialContext: s.net.Dialer(p.addr.Addr())}
	c, _, err := websocket.Dial(context.Background(), "ws://"+webAddr.String(), &websocket.DialOptions{
		HTTPClient: &http.Client{Transport: client}, Subprotocols: []string{"sip"},
	})
	require.NoError(s.t, err)
	p.socket = c
	p.reading.Go(func() {
		for {
			_, text, err := c.Read(context.Background())
			if err != nil {
				return
			}
			m, err := sip.Parse(text)
			if err != nil {
				p.t.Errorf("%s: %v in\n%s", p.user, err, text)
				return
			}
			p.arrive(arrival{m, func(m sip.Message) {
				_ = c.Write(context.Background(), websocket.MessageText, []byte(m.String()))
			}})
		}
	})
	s.t.Cleanup(func() {
		_ = c.CloseNow()
		p.reading.Wait()
	})
}

// register registers a phone by its connection, or whatever it sends on.
func (s *site) register(p *phone) {
	s.t.Helper()
	p.send(proxyAddr, p.request(sip.REGISTER, "sip:example.com"))
	p.expect(200)
}

// onTheWeb runs a test with a site that browsers can connect to, and that takes
// REGISTER: it remembers the flow where there is no other way to the contact.
func onTheWeb(t *testing.T, f func(t *testing.T, s *site)) {
	t.Helper()
	var s *site
	registrar := func(next transaction.Handler) transaction.Handler {
		return transaction.HandlerFunc(func(ctx context.Context, req *sip.Request, tx *transaction.ServerTx) error {
			if req.Method != sip.REGISTER {
				return next.ServeSIP(ctx, req, tx)
			}
			contact, err := req.Address("Contact")
			if err != nil {
				return err
			}
			target := sip.Target{URI: contact.URI}
			if transport.OnlyByFlow(contact.URI, tx.Flow()) {
				target.Flow = tx.Flow()
			}
			from, err := req.From()
			if err != nil {
				return err
			}
			s.users.set(from.URI.AOR(), target)
			return tx.Respond(sip.NewResponse(req, 200))
		})
	}
	cfg := siteConfig{web: true, middleware: []transaction.Middleware{registrar}}
	inBubble(t, cfg, func(t *testing.T, started *site) {
		s = started // no request comes before
		f(t, s)
	})
}

// hidden makes a phone at 192.0.2.HOST that no connection can be opened to and
// nothing can be sent to where it says that it is, and registers it.
func (s *site) hidden(network, user, host, contact string) *phone {
	s.t.Helper()
	if network == "wss" {
		return s.browser(user, host)
	}
	p := s.phoneOn(network, user, host)
	p.uri = sip.MustParseURI(contact)
	if p.accept != nil {
		require.NoError(s.t, p.accept.Close())
	}
	s.register(p)
	return p
}

// What a party that cannot be sent to gets in a dialog comes over its flow,
// whichever side sends it.
func TestDialogByFlow(t *testing.T) {
	for _, tt := range []struct{ name, network, contact string }{
		{"a browser", "wss", ""},
		{"behind a NAT", "udp", "sip:%@10.1.2.3:5060"},
		{"behind a NAT by TCP", "tcp", "sip:%@10.1.2.3:5060;transport=tcp"},
		{"outbound", "tcp", "sip:%@192.0.2.77;transport=tcp;ob"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			onTheWeb(t, func(t *testing.T, s *site) {
				open := s.phone("open", "10")
				s.register(open)
				contact := func(user string) string { return strings.Replace(tt.contact, "%", user, 1) }
				hidden := s.hidden(tt.network, "hidden", "20", contact("hidden"))
				other := s.hidden(tt.network, "other", "30", contact("other"))
				for _, pair := range [][2]*phone{{open, hidden}, {hidden, open}, {hidden, other}} {
					for _, turned := range []bool{false, true} {
						caller, callee := establish(s, pair[0], pair[1])
						if turned { // who hangs up is the other one then
							caller, callee = callee, caller
						}
						exchange(t, caller, callee)
					}
				}
			})
		})
	}
}

// RFC 7118 section 5.2: ws is the one transport parameter for WebSockets.
func TestRecordRouteTowardsBrowser(t *testing.T) {
	onTheWeb(t, func(t *testing.T, s *site) {
		alice, bob := s.browser("alice", "10"), s.phone("bob", "20")
		s.register(bob)
		caller, callee := establish(s, alice, bob)
		require.Len(t, caller.routes, 2)
		web, plain := caller.routes[0].URI, caller.routes[1].URI
		require.Equal(t, webAddr.String(), web.HostPort().String())
		network, _ := web.Param("transport")
		require.Equal(t, "ws", network)
		require.Equal(t, proxyAddr.String(), plain.HostPort().String())
		require.False(t, plain.Params().Has("transport"))

		// A plain contact needs no flow; what the mark of the other side holds is
		// hidden, and longer.
		require.Len(t, markOf(t, caller), 22)
		raw, err := base64.RawURLEncoding.DecodeString(markOf(t, callee))
		require.NoError(t, err)
		require.Greater(t, len(raw), 30)
		require.NotContains(t, string(raw), "wss")
		addr := alice.addr.Addr().As4()
		require.NotContains(t, string(raw), string(addr[:]))
	})
}

// RFC 5626 section 5.3.1: where the flow is gone, there is no other.
func TestFlowFailed(t *testing.T) {
	onTheWeb(t, func(t *testing.T, s *site) {
		alice, bob := s.browser("alice", "10"), s.phone("bob", "20")
		s.register(bob)
		caller, callee := establish(s, alice, bob)
		require.NoError(t, alice.socket.CloseNow())
		alice.reading.Wait()
		callee.send(callee.request(sip.ACK)) // and nothing comes of it
		callee.send(callee.request(sip.INFO))
		require.Equal(t, "Flow Failed", bob.expect(430).Reason)

		// The browser may come back and go on: what it says is by its own mark.
		alice.connect(s)
		caller.send(caller.request(sip.BYE))
		bob.asked(sip.BYE).answer(200)
		alice.expect(200)
		// Its old flow is nobody's.
		callee.send(callee.request(sip.INFO))
		bob.expect(430)
		alice.silent(0)
	})
}

// Whoever closed the page is not there; another one that is there is reached.
func TestBrowserClosed(t *testing.T) {
	onTheWeb(t, func(t *testing.T, s *site) {
		alice, bob, other := s.browser("alice", "10"), s.phone("bob", "20"), s.phone("alice", "30")
		require.NoError(t, alice.socket.CloseNow())
		alice.reading.Wait()
		bob.send(proxyAddr, bob.request(sip.INVITE, "sip:alice@example.com"))
		bob.expect(480)
		s.users.register("alice", other)
		bob.send(proxyAddr, bob.request(sip.INVITE, "sip:alice@example.com"))
		other.asked(sip.INVITE).answer(200)
		bob.expect(200)
	})
}

// A flow token is good in its own dialog, for whom it was made, and for the hop
// that is behind it.
func TestFlowTokenAloneIsNothing(t *testing.T) {
	onTheWeb(t, func(t *testing.T, s *site) {
		alice, bob, eve := s.browser("alice", "10"), s.phone("bob", "20"), s.phone("eve", "30")
		s.register(bob)
		s.register(eve)
		theirs, callee := establish(s, alice, bob)
		hers, _ := establish(s, eve, alice)
		token := markOf(t, hers)
		require.Greater(t, len(token), 22)

		route := func(mark string) string { return "<sip:192.0.2.1;lr;pb=" + mark + ">" }
		for name, edit := range map[string]func(*sip.Request){
			"bob's mark in her dialog": func(r *sip.Request) { r.Set("Route", route(markOf(t, callee))) },
			"her mark in their dialog": func(r *sip.Request) {
				r.Set("Call-ID", theirs.callID)
				r.Set("From", callee.local.String())
				r.Set("To", callee.remote.String())
			},
			"bob's mark, and his name, in her call": func(r *sip.Request) {
				r.Set("Route", route(markOf(t, callee)))
				r.Set("From", callee.local.String())
				r.Set("To", callee.remote.String())
			},
			"as if she had been called": func(r *sip.Request) {
				r.Set("From", hers.remote.String())
				r.Set("To", hers.local.String())
			},
			"another host":            func(r *sip.Request) { r.URI = sip.MustParseURI("sip:alice@another.invalid;transport=ws") },
			"another host by a Route": func(r *sip.Request) { r.Add("Route", "<sip:192.0.2.20;lr>") },
			"a stranger's token": func(r *sip.Request) {
				r.Set("Route", route(strings.Repeat("A", len(token))))
			},
			"half of it": func(r *sip.Request) { r.Set("Route", route(token[:22])) },
			"another end": func(r *sip.Request) {
				r.Set("Route", route(token[:22]+strings.Repeat("A", len(token)-22)))
			},
			"out of a dialog": func(r *sip.Request) {
				to := hers.remote
				to.Params = sip.Params{}
				r.Set("To", to.String())
			},
		} {
			for _, m := range []sip.Method{sip.BYE, sip.INVITE, sip.ACK} {
				req := hers.request(m)
				edit(req)
				require.False(t, s.proxy.InDialog(req), name)
				eve.send(proxyAddr, req)
				if m != sip.ACK {
					require.Equal(t, "Relaying Denied", eve.expect(403).Reason, name)
				}
			}
		}
		alice.silent(time.Second)
		bob.silent(0)
		hers.send(hers.request(sip.BYE))
		alice.asked(sip.BYE).answer(200)
		eve.expect(200)
	})
}
