package proxy_test

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/transaction"
)

// A list of our own Route values is taken off one by one: a long one would keep
// the proxy busy for whoever sends it.
func TestManyOwnRoutes(t *testing.T) {
	inBubble(t, siteConfig{}, func(_ *testing.T, s *site) {
		eve := s.phone("eve", "10")
		for n, code := range map[int]int{32: 480, 33: 400, 500: 400} {
			req := eve.request(sip.MESSAGE, "sip:bob@example.com")
			req.Set("Route", strings.Repeat("<sip:example.com>, ", n))
			eve.send(proxyAddr, req)
			eve.expect(code)
		}
		for n, code := range map[int]int{140: 403, 141: 400} {
			req := eve.request(sip.MESSAGE, "sip:192.0.2.1;pb=x")
			req.Set("Route", strings.Repeat("<sip:a.example.net;lr>, ", n))
			eve.send(proxyAddr, req)
			eve.expect(code)
		}
	})
}

// A stranger's source address may be somebody else's. What the proxy turns away
// is answered once, with a response that is not much longer than the request,
// and leaves nothing behind.
func TestOneAnswerToStrangers(t *testing.T) {
	inBubble(t, siteConfig{}, func(t *testing.T, s *site) {
		eve := s.phone("eve", "10")
		tests := []struct {
			uri  string
			edit func(*sip.Request)
			code int
		}{
			{"sip:bob@example.com", nil, 480},
			{"sip:example.com", nil, 404},
			{"sip:victim@192.0.2.66", nil, 403},
			{"tel:+15550100", nil, 403},
			{"sip:bob@example.com", func(r *sip.Request) { r.Set("Max-Forwards", "0") }, 483},
			{"sip:bob@example.com", func(r *sip.Request) { r.Set("Max-Breadth", "x") }, 400},
			{"sip:bob@example.com", func(r *sip.Request) { r.Set("Proxy-Require", strings.Repeat("a,", 3000)) }, 420},
			{"sip:bob@example.com", func(r *sip.Request) { r.Set("Route", "<sip:192.0.2.66;lr>") }, 403},
			{"sip:bob@example.com", tagTo, 480},
		}
		for _, tt := range tests {
			for _, m := range []sip.Method{sip.INVITE, sip.MESSAGE, sip.BYE} {
				req := eve.request(m, tt.uri)
				if tt.edit != nil {
					tt.edit(req)
				}
				eve.send(proxyAddr, req)
				resp := eve.expect(tt.code)
				require.Less(t, len(resp.String()), 3*len(req.String())/2)
				eve.silent(time.Millisecond)
				require.Zero(t, s.ep.Stats().Server)
				eve.silent(time.Minute)
			}
		}
	})
}

// stuck is a Resolver that finds nothing.
type stuck struct{}

func (stuck) Resolve(ctx context.Context, _ sip.URI) ([]sip.Hop, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// ACKs to where there is no way wait for it in a handler each. They do not take
// all of them.
func TestACKsThatWait(t *testing.T) {
	cfg := siteConfig{endpoint: []transaction.Option{
		transaction.WithResolver(stuck{}), transaction.WithMaxHandlers(300),
	}}
	inBubble(t, cfg, func(t *testing.T, s *site) {
		eve, bob := s.phone("eve", "10"), s.phone("bob", "20")
		s.users.register("bob", bob)
		for range 270 {
			invite := eve.request(sip.INVITE, "sip:bob@example.com")
			eve.send(proxyAddr, invite)
			bob.asked(sip.INVITE).answer(200, func(r *sip.Response) {
				r.Set("Contact", "<sip:bob@nowhere.example.com>")
			})
			caller := callerLeg(eve, invite, eve.expect(200))
			caller.send(caller.request(sip.ACK))
		}
		synctest.Wait()
		require.Equal(t, 256, s.ep.Stats().Handlers)
		eve.send(proxyAddr, eve.request(sip.OPTIONS, "sip:example.com"))
		eve.expect(200)
	})
}

// Nor does a stranger have an answer repeated where our user cannot be reached.
func TestOneAnswerWhereNobodyIs(t *testing.T) {
	inBubble(t, siteConfig{}, func(t *testing.T, s *site) {
		eve := s.phone("eve", "10")
		gone := sip.Flow{
			Network: "tcp", Local: proxyAddr, Remote: netip.MustParseAddrPort("192.0.2.20:40000"), ID: 7,
		}
		bob := sip.NewURI("bob", "example.com", 0).AOR()
		for _, tt := range []struct {
			target sip.Target
			code   int
		}{
			{sip.Target{URI: sip.MustParseURI("sip:bob@192.0.2.20"), Flow: gone}, 480},
			{sip.Target{URI: sip.MustParseURI("sip:bob@192.0.2.20;transport=tcp")}, 500},
			{sip.Target{URI: sip.MustParseURI("sip:bob@192.0.2.20;transport=ws")}, 500},
			{sip.Target{URI: sip.MustParseURI("sip:bob@[2001:db8::20]")}, 500},
		} {
			s.users.set(bob, tt.target)
			for _, m := range []sip.Method{sip.INVITE, sip.MESSAGE} {
				eve.send(proxyAddr, eve.request(m, "sip:bob@example.com"))
				eve.expect(tt.code)
				eve.silent(time.Millisecond)
				require.Zero(t, s.ep.Stats().Server)
				eve.silent(time.Minute)
			}
		}
	})
}
