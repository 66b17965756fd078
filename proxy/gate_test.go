package proxy_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/proxy"
	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/digest"
	"github.com/patchbay-sip/patchbay/sip/keyring"
)

// The default Gate.
func TestNoRelay(t *testing.T) {
	domains := sip.NewDomains("example.com").With("example.org")
	gate := proxy.NoRelay(domains)
	alice := digest.Identity{User: "alice", Realm: "example.com"}
	tests := []struct {
		name   string
		from   string
		domain string
		preset bool
		caller digest.Identity
		code   int
	}{
		{"stranger to us", "sip:eve@elsewhere.example", "example.com", false, digest.Identity{}, 0},
		{"stranger elsewhere", "sip:eve@elsewhere.example", "", false, digest.Identity{}, 403},
		{"stranger with a Route", "sip:eve@elsewhere.example", "example.com", true, digest.Identity{}, 403},
		{"user to us", "sip:alice@example.com", "example.com", false, alice, 0},
		{"user elsewhere", "sip:alice@example.com", "", false, alice, 0},
		{"user with a Route", "sip:alice@example.com", "", true, alice, 0},
		{"user with escapes", "sip:%61lice@example.com", "example.com", false, alice, 0},
		{"user anonymous", "sip:anonymous@anonymous.invalid", "example.com", false, alice, 0},
		{"user as another", "sip:bob@example.com", "example.com", false, alice, 403},
		{"user as the same of another domain", "sip:alice@example.org", "example.com", false, alice, 403},
		{"user of a realm that is no domain", "sip:alice@example.org", "example.com", false,
			digest.Identity{User: "alice", Realm: "all of us"}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			to := sip.Address{URI: sip.MustParseURI("sip:bob@example.com")}
			req := sip.NewRequest(sip.INVITE, to.URI, sip.Address{URI: sip.MustParseURI(tt.from)}, to)
			err := gate.Admit(context.Background(), &proxy.Call{
				Request: req, Domain: tt.domain, Preset: tt.preset, Caller: tt.caller,
			})
			if tt.code == 0 {
				require.NoError(t, err)
				return
			}
			var status *sip.StatusError
			require.ErrorAs(t, err, &status)
			require.Equal(t, tt.code, status.Code)
		})
	}
}

// What a stranger sends to get through to third parties: each is refused and
// nothing leaves.
func TestStrangersDoNotGetThrough(t *testing.T) {
	otherKeys := keyring.New()
	tests := []struct {
		name string
		uri  string
		edit func(*sip.Request)
	}{
		{"foreign Request-URI", "sip:victim@192.0.2.66", nil},
		{"maddr", "sip:bob@example.com;maddr=192.0.2.66", nil},
		{"preset Route", "sip:bob@example.com", func(r *sip.Request) {
			r.Add("Route", "<sip:192.0.2.66;lr>")
		}},
		{"preset Route behind ours", "sip:victim@192.0.2.66", func(r *sip.Request) {
			r.Add("Route", "<sip:192.0.2.1;lr>, <sip:192.0.2.66;lr>")
		}},
		{"To tag and our Route", "sip:victim@192.0.2.66", func(r *sip.Request) {
			r.Add("Route", "<sip:192.0.2.1;lr>")
			tagTo(r)
		}},
		{"To tag and an invented mark", "sip:victim@192.0.2.66", func(r *sip.Request) {
			r.Add("Route", "<sip:192.0.2.1;lr;pb=AAAAAAAAAAAAAAAAAAAAAA>")
			tagTo(r)
		}},
		{"To tag and a mark of other keys", "sip:victim@192.0.2.66", func(r *sip.Request) {
			from, _ := r.From()
			r.Add("Route", "<sip:192.0.2.1;lr;pb="+otherKeys.Sign("record-route", r.CallID(), from.Tag())+">")
			tagTo(r)
		}},
		{"strict router's way with an invented mark", "sip:192.0.2.1;lr;pb=AAAAAAAAAAAAAAAAAAAAAA", func(r *sip.Request) {
			r.Add("Route", "<sip:victim@192.0.2.66>")
			tagTo(r)
		}},
	}
	inBubble(t, siteConfig{}, func(t *testing.T, s *site) {
		eve, victim := s.phone("eve", "10"), s.phone("victim", "66")
		bob := s.phone("bob", "20")
		s.users.register("bob", bob)
		for _, tt := range tests {
			for _, m := range []sip.Method{sip.INVITE, sip.BYE, sip.REFER} {
				req := eve.request(m, tt.uri)
				if tt.edit != nil {
					tt.edit(req)
				}
				eve.send(proxyAddr, req)
				require.Equal(t, "Relaying Denied", eve.expect(403).Reason, tt.name)
			}
		}
		victim.silent(time.Minute)
		bob.silent(0)
	})
}

func tagTo(r *sip.Request) {
	to, _ := r.To()
	r.Set("To", to.WithTag("1").String())
}

// A mark is good for its dialog alone.
func TestMarkOfAnotherDialog(t *testing.T) {
	inBubble(t, siteConfig{}, func(t *testing.T, s *site) {
		alice, bob := s.phone("alice", "10"), s.phone("bob", "20")
		victim := s.phone("victim", "66")
		s.users.register("bob", bob)
		caller, _ := establish(s, alice, bob)

		bye := caller.request(sip.BYE)
		bye.URI = victim.contact()
		bye.Set("Call-ID", "another")
		caller.send(bye)
		alice.expect(403)

		bye = caller.request(sip.BYE)
		bye.URI = victim.contact()
		bye.Set("From", "<sip:alice@example.com>;tag=other")
		caller.send(bye)
		alice.expect(403)

		// Without a To tag it is in no dialog, whatever else it shows.
		invite := caller.request(sip.INVITE)
		invite.URI = victim.contact()
		invite.Set("To", "<sip:bob@example.com>")
		caller.send(invite)
		alice.expect(403)

		victim.silent(time.Minute)
	})
}

// A mark opens no way to the routers: within a dialog, too, a request for one of
// our domains is judged like any other.
func TestMarkIsNoKeyToTheRouters(t *testing.T) {
	gateway := proxy.RouterFunc(func(_ context.Context, c *proxy.Call) (proxy.Route, error) {
		if c.Request.URI.User() != "+15550100" {
			return proxy.Route{}, proxy.ErrNoRoute
		}
		return proxy.Route{Groups: [][]proxy.Branch{{to("sip:+15550100@192.0.2.40:5060")}}}, nil
	})
	cfg := siteConfig{
		options: []proxy.Option{proxy.WithGate(noNumbers{})},
		router:  func(s *site) proxy.Router { return proxy.First(gateway, proxy.Location(s.domains, s.users)) },
	}
	inBubble(t, cfg, func(t *testing.T, s *site) {
		eve, bob, gw := s.phone("eve", "10"), s.phone("bob", "20"), s.phone("gw", "40")
		s.users.register("bob", bob)
		caller, _ := establish(s, eve, bob)
		again := caller.request(sip.INVITE)
		require.True(t, s.proxy.InDialog(again))
		again.URI = sip.MustParseURI("sip:+15550100@example.com")
		require.False(t, s.proxy.InDialog(again))
		caller.send(again)
		eve.expect(403)

		// The same by way of a strict router.
		again = caller.request(sip.INVITE)
		again.URI = caller.routes[0].URI
		again.Set("Route", "<sip:+15550100@example.com>")
		require.False(t, s.proxy.InDialog(again))
		eve.send(proxyAddr, again)
		eve.expect(403)
		gw.silent(time.Minute)
	})
}

// noNumbers is a Gate that nobody passes who calls a number.
type noNumbers struct{}

func (noNumbers) Admit(_ context.Context, c *proxy.Call) error {
	if strings.HasPrefix(c.Request.URI.User(), "+") {
		return &sip.StatusError{Code: 403}
	}
	return nil
}

// An ACK that belongs to no dialog of ours goes nowhere, and is not answered.
func TestForgedACK(t *testing.T) {
	inBubble(t, siteConfig{}, func(t *testing.T, s *site) {
		eve, victim := s.phone("eve", "10"), s.phone("victim", "66")
		bob := s.phone("bob", "20")
		s.users.register("bob", bob)
		for _, uri := range []string{"sip:victim@192.0.2.66", "sip:bob@example.com"} {
			for _, route := range []string{"", "<sip:192.0.2.1;lr>", "<sip:192.0.2.1;lr;pb=AAAAAAAAAAAAAAAAAAAAAA>", "<sip:192.0.2.66;lr>"} {
				ack := eve.request(sip.ACK, uri)
				tagTo(ack)
				if route != "" {
					ack.Add("Route", route)
				}
				eve.send(proxyAddr, ack)
			}
		}
		eve.silent(time.Minute)
		victim.silent(0)
		bob.silent(0)
	})
}

func TestOpenGate(t *testing.T) {
	inBubble(t, siteConfig{options: []proxy.Option{proxy.WithGate(proxy.Open{})}}, func(_ *testing.T, s *site) {
		eve, far := s.phone("eve", "10"), s.phone("far", "66")
		eve.send(proxyAddr, eve.request(sip.MESSAGE, "sip:far@192.0.2.66"))
		far.asked(sip.MESSAGE).answer(200)
		eve.expect(200)

		req := eve.request(sip.MESSAGE, "sip:someone@192.0.2.77")
		req.Add("Route", "<sip:192.0.2.66;lr>")
		eve.send(proxyAddr, req)
		far.asked(sip.MESSAGE).answer(200)
		eve.expect(200)
	})
}

// The public test of a dialog, which middleware asks before it challenges.
func TestInDialog(t *testing.T) {
	inBubble(t, siteConfig{}, func(t *testing.T, s *site) {
		alice, bob := s.phone("alice", "10"), s.phone("bob", "20")
		s.users.register("bob", bob)
		caller, callee := establish(s, alice, bob)
		require.True(t, s.proxy.InDialog(caller.request(sip.INVITE)))
		require.True(t, s.proxy.InDialog(callee.request(sip.BYE)))
		require.False(t, s.proxy.InDialog(alice.request(sip.INVITE, "sip:bob@example.com")))
		bye := caller.request(sip.BYE)
		bye.Del("Route")
		require.False(t, s.proxy.InDialog(bye))
	})
}
