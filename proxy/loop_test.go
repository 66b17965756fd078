package proxy_test

import (
	"context"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/proxy"
	"github.com/patchbay-sip/patchbay/sip"
)

// counted is a site that counts how often its Location was asked: once for each
// time that a request comes round.
func counted(t *testing.T, rounds *atomic.Int64, f func(t *testing.T, s *site)) {
	t.Helper()
	inBubble(t, siteConfig{router: func(s *site) proxy.Router {
		location := proxy.Location(s.domains, s.users)
		return proxy.RouterFunc(func(ctx context.Context, c *proxy.Call) (proxy.Route, error) {
			rounds.Add(1)
			return location.Route(ctx, c)
		})
	}}, f)
}

// back has user reach the proxy itself, as other users.
func back(s *site, user string, contacts ...string) {
	aor := sip.NewURI(user, "example.com", 0).AOR()
	for _, c := range contacts {
		s.users.targets[aor] = append(s.users.targets[aor], sip.Target{URI: sip.MustParseURI(c)})
	}
}

// Contacts that lead back to the proxy: what comes of one request is little,
// and it has an answer.
func TestForkingLoop(t *testing.T) {
	const self = "@192.0.2.1:5060"
	crowd := make([]string, 10)
	for i := range crowd {
		crowd[i] = "sip:a" + self + ";x=" + strconv.Itoa(i)
	}
	tests := []struct {
		name   string
		a, b   []string
		rounds int64 // at most
	}{
		{"to itself", []string{"sip:a" + self}, nil, 3},
		{"there and back", []string{"sip:b" + self}, []string{"sip:a" + self}, 5},
		{"two by two", []string{"sip:a" + self + ";x=1", "sip:b" + self + ";x=2"},
			[]string{"sip:a" + self + ";x=3", "sip:b" + self + ";x=4"}, 200},
		{"ten of one", crowd, nil, 120},
		{"ten by ten", crowd, crowd, 120},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, m := range []sip.Method{sip.INVITE, sip.MESSAGE} {
				var rounds atomic.Int64
				counted(t, &rounds, func(t *testing.T, s *site) {
					eve := s.phone("eve", "10")
					back(s, "a", tt.a...)
					back(s, "b", tt.b...)
					eve.send(proxyAddr, eve.request(m, "sip:a@example.com"))
					resp := eve.receive().m.(*sip.Response)
					require.Contains(t, []int{440, 482}, resp.StatusCode)
					time.Sleep(time.Minute) // in virtual time
					require.LessOrEqual(t, rounds.Load(), tt.rounds)
				})
			}
		})
	}
}

// A request that comes back with another Request-URI is in no loop.
func TestSpiral(t *testing.T) {
	inBubble(t, siteConfig{}, func(_ *testing.T, s *site) {
		alice, bob := s.phone("alice", "10"), s.phone("bob", "20")
		back(s, "sales", "sip:office@192.0.2.1:5060")
		back(s, "office", "sip:bob@192.0.2.1:5060")
		s.users.register("bob", bob)
		alice.send(proxyAddr, alice.request(sip.MESSAGE, "sip:sales@example.com"))
		bob.asked(sip.MESSAGE).answer(200)
		alice.expect(200)
	})
}

// RFC 5393 section 5.3.3.
func TestMaxBreadth(t *testing.T) {
	tests := []struct {
		has  string
		one  string // what a request to one phone has then
		many []string
		code int // for three phones, if there is no branch
	}{
		{"", "100", []string{"33", "33", "34"}, 0},
		{"60", "60", []string{"20", "20", "20"}, 0},
		{"5000000", "100", []string{"33", "33", "34"}, 0},
		{"4", "4", []string{"1", "1", "2"}, 0},
		{"3", "3", []string{"1", "1", "1"}, 0},
		{"2", "2", nil, 440},
		{"1", "1", nil, 440},
		{"0", "", nil, 440},
		{"x", "", nil, 400},
	}
	inBubble(t, siteConfig{}, func(t *testing.T, s *site) {
		alice, bob := s.phone("alice", "10"), s.phone("bob", "20")
		three := []*phone{s.phone("all", "31"), s.phone("all", "32"), s.phone("all", "33")}
		s.users.register("bob", bob)
		s.users.register("all", three...)
		ask := func(uri, has string) {
			req := alice.request(sip.MESSAGE, uri)
			if has != "" {
				req.Set("Max-Breadth", has)
			}
			alice.send(proxyAddr, req)
		}
		for _, tt := range tests {
			ask("sip:bob@example.com", tt.has)
			if tt.one != "" {
				in := bob.asked(sip.MESSAGE)
				require.Equal(t, tt.one, in.Get("Max-Breadth"), tt.has)
				in.answer(200)
				alice.expect(200)
			} else {
				alice.expect(tt.code)
			}
			ask("sip:all@example.com", tt.has)
			if tt.code != 0 {
				alice.expect(tt.code)
				continue
			}
			var got []string
			for _, p := range three {
				in := p.asked(sip.MESSAGE)
				got = append(got, in.Get("Max-Breadth"))
				in.answer(486)
			}
			require.ElementsMatch(t, tt.many, got, tt.has)
			alice.expect(486)
		}
	})
}

// An ACK has no transaction and no Max-Breadth. One that was forwarded to
// contacts of a domain of ours does not come back and fork again, even if a
// contact brings the mark of its dialog with it.
func TestLoopedACK(t *testing.T) {
	var rounds atomic.Int64
	counted(t, &rounds, func(t *testing.T, s *site) {
		eve, bob := s.phone("eve", "10"), s.phone("bob", "20")
		s.users.register("bob", bob)
		invite := eve.request(sip.INVITE, "sip:bob@example.com")
		eve.send(proxyAddr, invite)
		bob.asked(sip.INVITE).answer(200, func(r *sip.Response) {
			r.Set("Contact", "<sip:eve@example.com>")
		})
		caller := callerLeg(eve, invite, eve.expect(200))
		mark, ok := caller.routes[0].URI.Param("pb")
		require.True(t, ok)
		for i := range 10 {
			back(s, "eve", "sip:eve@192.0.2.1:5060;lr;x="+strconv.Itoa(i)+";pb="+mark)
		}
		rounds.Store(0)
		caller.send(caller.request(sip.ACK))
		eve.silent(time.Minute)
		require.Equal(t, int64(1), rounds.Load())
	})
}
