package proxy_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/proxy"
	"github.com/patchbay-sip/patchbay/sip"
)

// Branch.Edit, Target.Route and a Target without a URI.
func TestBranchEdits(t *testing.T) {
	route := func(*site) proxy.Route {
		first, second, third := to("sip:one@192.0.2.99"), to("sip:two@192.0.2.99?Subject=x"), proxy.Branch{}
		hop := sip.Address{URI: sip.MustParseURI("sip:192.0.2.21;lr")}
		first.Route, second.Route, third.Route = []sip.Address{hop}, []sip.Address{hop}, []sip.Address{hop}
		first.Edit = func(r *sip.Request) error {
			r.Set("Subject", "first")
			return nil
		}
		second.Edit = func(r *sip.Request) error {
			if r.Has("Subject") {
				return errors.New("edits are shared")
			}
			return nil
		}
		return proxy.Route{Groups: [][]proxy.Branch{{first}, {second}, {third}}}
	}
	inBubble(t, siteConfig{router: fixed(route)}, func(t *testing.T, s *site) {
		alice, hop := s.phone("alice", "10"), s.phone("hop", "21")
		alice.send(proxyAddr, alice.request(sip.INVITE, "sip:bob@example.com"))
		in := hop.asked(sip.INVITE)
		require.Equal(t, "first", in.Get("Subject"))
		require.Equal(t, "sip:one@192.0.2.99", in.URI.String())
		require.Equal(t, "<sip:192.0.2.21;lr>", in.Get("Route"))
		in.answer(404)
		in = hop.asked(sip.INVITE)
		require.Equal(t, "sip:two@192.0.2.99", in.URI.String())
		in.answer(404)
		in = hop.asked(sip.INVITE)
		require.Equal(t, "sip:bob@example.com", in.URI.String())
		in.answer(404)
		alice.expect(404)
	})
}

// Phones behind NATs may have the same private contact: their flows tell them
// apart, and are the only way to them.
func TestTargetFlow(t *testing.T) {
	private := sip.MustParseURI("sip:bob@10.0.0.5:5062")
	var targets []proxy.Branch
	router := proxy.RouterFunc(func(_ context.Context, c *proxy.Call) (proxy.Route, error) {
		if c.Request.Method == sip.MESSAGE { // as good as a REGISTER
			targets = append(targets, proxy.Branch{Target: sip.Target{URI: private, Flow: c.Flow}})
			return proxy.Route{}, proxy.ErrNoRoute
		}
		return proxy.Route{Groups: [][]proxy.Branch{targets}}, nil
	})
	cfg := siteConfig{
		options: []proxy.Option{proxy.WithGate(proxy.Open{})},
		router:  func(*site) proxy.Router { return router },
	}
	inBubble(t, cfg, func(t *testing.T, s *site) {
		alice := s.phone("alice", "10")
		phones := []*phone{s.phone("bob", "21"), s.streamPhone("bob", "22")}
		for _, p := range phones {
			p.send(proxyAddr, p.request(sip.MESSAGE, "sip:bob@example.com"))
			p.expect(480)
		}
		alice.send(proxyAddr, alice.request(sip.INVITE, "sip:bob@example.com"))
		for _, p := range phones {
			in := p.asked(sip.INVITE)
			require.Equal(t, private, in.URI)
			in.answer(486)
		}
		alice.expect(486)

		// A Route that the caller has preset comes first (RFC 3261 section 16.6
		// item 6).
		hop := s.phone("hop", "66")
		invite := alice.request(sip.INVITE, "sip:bob@example.com")
		invite.Add("Route", "<sip:192.0.2.66;lr>")
		alice.send(proxyAddr, invite)
		for range phones {
			in := hop.asked(sip.INVITE)
			require.Equal(t, private, in.URI)
			in.answer(404)
		}
		alice.expect(404)
	})
}

// A Router that made no target, as of a gateway that was not configured, must not
// have the proxy call itself.
func TestZeroTarget(t *testing.T) {
	var unset sip.URI
	nowhere := sip.Target{URI: unset.WithUser("123"), Q: sip.QMax}
	routes := []struct {
		proxy.Route
		want int
	}{
		{proxy.To(nowhere), 500},
		{proxy.Route{Groups: [][]proxy.Branch{{{Target: nowhere}}, {to(bob1)}}}, 200},
		{proxy.To(to(bob1).Target, nowhere), 200},
		{proxy.To(), 480},
	}
	for _, tt := range routes {
		var log bytes.Buffer
		asked := 0
		cfg := siteConfig{
			options: []proxy.Option{proxy.WithLogger(slog.New(slog.NewTextHandler(&log, nil)))},
			router: fixed(func(*site) proxy.Route {
				asked++
				return tt.Route
			}),
		}
		inBubble(t, cfg, func(t *testing.T, s *site) {
			alice, bob := s.phone("alice", "10"), s.phone("bob", "21")
			alice.send(proxyAddr, alice.request(sip.INVITE, "sip:bob@example.com"))
			if tt.want == 200 {
				bob.asked(sip.INVITE).answer(200)
			}
			alice.expect(tt.want)
			synctest.Wait()
			require.Equal(t, 1, asked)
			require.Equal(t, tt.want != 480, strings.Contains(log.String(), "without a target"), log.String())
		})
	}
}

// However the caller writes a user, a router sees one name.
func TestAOR(t *testing.T) {
	tests := []struct {
		uri  string
		want sip.AOR
	}{
		{"sip:9030@example.com", "sip:9030@example.com"},
		{"sip:%39030:secret@EXAMPLE.com:5060;user=phone", "sip:9030@example.com"},
		{"sip:%39%30%330@192.0.2.1:5060", "sip:9030@example.com"}, // an alias
		{"sip:a%20b@example.com", "sip:a%20b@example.com"},
		{"sip:example.com", ""},
		{"sip:9030@elsewhere.example", ""},
		{"sip:9030@example.com;maddr=192.0.2.66", ""},
		{"tel:9030", ""},
	}
	var seen []*proxy.Call
	router := proxy.RouterFunc(func(_ context.Context, c *proxy.Call) (proxy.Route, error) {
		seen = append(seen, c)
		return proxy.Route{}, &sip.StatusError{Code: 480}
	})
	cfg := siteConfig{
		router:  func(*site) proxy.Router { return router },
		options: []proxy.Option{proxy.WithGate(proxy.Open{})},
	}
	inBubble(t, cfg, func(t *testing.T, s *site) {
		alice := s.phone("alice", "10")
		for i, tt := range tests {
			alice.send(proxyAddr, alice.request(sip.MESSAGE, tt.uri))
			alice.expect(480)
			synctest.Wait()
			require.Len(t, seen, i+1)
			require.Equal(t, tt.want, seen[i].AOR, tt.uri)
		}
	})
}

// An error of Edit is the answer of its branch.
func TestEditError(t *testing.T) {
	tests := []struct {
		err  error
		want int
	}{
		{&sip.StatusError{Code: 488, Reason: "No"}, 488},
		{errors.New("broken"), 500},
		{&sip.StatusError{Code: 200, Reason: "No"}, 500}, // nothing that a branch could have failed with
	}
	for _, tt := range tests {
		route := func(*site) proxy.Route {
			b := to(bob1)
			b.Edit = func(*sip.Request) error { return tt.err }
			return proxy.Route{Groups: [][]proxy.Branch{{b}}}
		}
		inBubble(t, siteConfig{router: fixed(route)}, func(_ *testing.T, s *site) {
			alice := s.phone("alice", "10")
			alice.send(proxyAddr, alice.request(sip.INVITE, "sip:bob@example.com"))
			alice.expect(tt.want)
		})
	}
}

// Code of the user that panics costs its branch or its call, and nothing else.
func TestPanics(t *testing.T) {
	bad := to(bob1)
	bad.Edit = func(*sip.Request) error { panic("Edit") }
	calls := 0
	route := func(*site) proxy.Route {
		calls++
		if calls == 1 {
			return proxy.Route{Groups: [][]proxy.Branch{{bad}, {to(bob2)}}}
		}
		b := to(bob2)
		b.Timeout = time.Second
		return proxy.Route{Groups: [][]proxy.Branch{{b}}, Next: func(context.Context, proxy.Outcome) (proxy.Route, error) {
			panic("Next, on the goroutine of a timer")
		}}
	}
	inBubble(t, siteConfig{router: fixed(route)}, func(_ *testing.T, s *site) {
		alice, phones := s.phone("alice", "10"), threePhones(s)
		alice.send(proxyAddr, alice.request(sip.INVITE, "sip:bob@example.com"))
		phones[1].asked(sip.INVITE).answer(200)
		alice.expect(200)

		alice.send(proxyAddr, alice.request(sip.INVITE, "sip:bob@example.com"))
		in := phones[1].asked(sip.INVITE)
		in.answer(180)
		alice.expect(180)
		in.yields()
		alice.expect(500)
	})
}

// What a Router says by its error.
func TestRouterErrors(t *testing.T) {
	tests := []struct {
		name string
		err  error
		uri  string
		want int
	}{
		{"nothing to say", proxy.ErrNoRoute, "sip:bob@example.com", 480},
		{"nothing to say, no user", proxy.ErrNoRoute, "sip:example.com", 404},
		{"a response", &sip.StatusError{Code: 404, Reason: "Who?"}, "sip:bob@example.com", 404},
		{"an outage", errors.New("database is down"), "sip:bob@example.com", 500},
		{"an empty route", nil, "sip:bob@example.com", 480},
		{"tel", proxy.ErrNoRoute, "tel:+15550100", 416},
		{"an address of ours that is no domain", proxy.ErrNoRoute, "sip:bob@192.0.2.1:5060;transport=tcp", 480},
	}
	for _, tt := range tests {
		cfg := siteConfig{
			options: []proxy.Option{proxy.WithGate(proxy.Open{})},
			router: func(*site) proxy.Router {
				nothing := proxy.RouterFunc(func(context.Context, *proxy.Call) (proxy.Route, error) {
					return proxy.Route{}, proxy.ErrNoRoute
				})
				last := proxy.RouterFunc(func(context.Context, *proxy.Call) (proxy.Route, error) {
					return proxy.Route{}, tt.err
				})
				return proxy.First(nothing, last)
			},
		}
		inBubble(t, cfg, func(t *testing.T, s *site) {
			alice := s.phone("alice", "10")
			alice.send(proxyAddr, alice.request(sip.INVITE, tt.uri))
			require.NotNil(t, alice.expect(tt.want), tt.name)
		})
	}
}
