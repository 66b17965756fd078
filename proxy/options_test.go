package proxy_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/proxy"
	"github.com/patchbay-sip/patchbay/sip"
)

// WithEdit sees each request that is forwarded, before Branch.Edit.
func TestWithEdit(t *testing.T) {
	edit := func(c *proxy.Call, req *sip.Request) error {
		req.Set("X-Seen", fmt.Sprint(c.Request.URI, " ", req.URI.Host()))
		return nil
	}
	route := func(*site) proxy.Route {
		r := proxy.To(to(bob1).Target, to(bob2).Target)
		r.Groups[0][1].Edit = func(req *sip.Request) error {
			req.Set("X-Branch", req.Get("X-Seen"))
			return nil
		}
		return r
	}
	cfg := siteConfig{router: fixed(route), options: []proxy.Option{proxy.WithEdit(edit)}}
	inBubble(t, cfg, func(t *testing.T, s *site) {
		alice, phones := s.phone("alice", "10"), threePhones(s)
		invite := alice.request(sip.INVITE, "sip:bob@example.com")
		alice.send(proxyAddr, invite)
		one, two := phones[0].asked(sip.INVITE), phones[1].asked(sip.INVITE)
		require.Equal(t, "sip:bob@example.com 192.0.2.21", one.Get("X-Seen"))
		require.False(t, one.Has("X-Branch"))
		require.Equal(t, "sip:bob@example.com 192.0.2.22", two.Get("X-Seen"))
		require.Equal(t, "sip:bob@example.com 192.0.2.22", two.Get("X-Branch"))
		two.answer(486)
		one.answer(200)
		caller := callerLeg(alice, invite, alice.expect(200))
		for _, m := range []sip.Method{sip.ACK, sip.BYE} {
			caller.send(caller.request(m))
			require.Equal(t, bob1+" 192.0.2.21", phones[0].asked(m).Get("X-Seen"), m)
		}
	})
}

// Its error is that of the branch.
func TestWithEditError(t *testing.T) {
	for _, tt := range []struct {
		edit func() error
		want int
	}{
		{func() error { return &sip.StatusError{Code: 488} }, 488},
		{func() error { return errors.New("broken") }, 500},
		{func() error { panic("broken") }, 500},
	} {
		edit := proxy.WithEdit(func(*proxy.Call, *sip.Request) error { return tt.edit() })
		route := func(*site) proxy.Route { return proxy.To(to(bob1).Target) }
		inBubble(t, siteConfig{router: fixed(route), options: []proxy.Option{edit}}, func(_ *testing.T, s *site) {
			alice := s.phone("alice", "10")
			alice.send(proxyAddr, alice.request(sip.INVITE, "sip:bob@example.com"))
			alice.expect(tt.want)
		})
	}
}

// A ledger is what WithDone told.
type ledger struct {
	mu    sync.Mutex
	lines []string
}

func (l *ledger) done(c *proxy.Call, final *sip.Response) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, fmt.Sprint(c.Request.Method, " ", final.StatusCode))
}

// take waits until all is done and returns the lines since the last time.
func (l *ledger) take() []string {
	synctest.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	lines := l.lines
	l.lines = nil
	return lines
}

// WithDone is told once of each request, however it ended.
func TestWithDone(t *testing.T) {
	var l ledger
	inBubble(t, siteConfig{options: []proxy.Option{proxy.WithDone(l.done)}}, func(t *testing.T, s *site) {
		alice, phones := s.phone("alice", "10"), threePhones(s)
		call := func() (*sip.Request, []asked) {
			invite := alice.request(sip.INVITE, "sip:bob@example.com")
			alice.send(proxyAddr, invite)
			var ins []asked
			for _, p := range phones {
				ins = append(ins, p.asked(sip.INVITE))
			}
			return invite, ins
		}
		invite, ins := call() // two of three answer
		ins[0].answer(180)
		alice.expect(180)
		require.Empty(t, l.take())
		ins[0].answer(200)
		leg := callerLeg(alice, invite, alice.expect(200))
		ins[1].answer(200)
		alice.expect(200)
		ins[2].answer(487)
		require.Equal(t, []string{"INVITE 200"}, l.take())

		leg.send(leg.request(sip.ACK))
		phones[0].asked(sip.ACK)
		leg.send(leg.request(sip.BYE))
		phones[0].asked(sip.BYE).answer(481)
		alice.expect(481)
		require.Equal(t, []string{"BYE 481"}, l.take())

		_, ins = call()
		for _, in := range ins {
			in.answer(486)
		}
		alice.expect(486)
		require.Equal(t, []string{"INVITE 486"}, l.take())

		invite, ins = call()
		for _, in := range ins {
			in.answer(180)
			alice.expect(180)
		}
		hangUp(alice, invite)
		for _, in := range ins {
			in.yields()
		}
		alice.expect(487)
		require.Equal(t, []string{"INVITE 487"}, l.take())
	})
}

// Answers of the proxy's own, and those that WithDone is not told of.
func TestWithDoneOwnAnswers(t *testing.T) {
	var l ledger
	router := func(s *site) proxy.Router {
		return proxy.RouterFunc(func(ctx context.Context, c *proxy.Call) (proxy.Route, error) {
			switch c.Request.URI.User() {
			case "silent":
				r := proxy.To(to(bob1).Target)
				r.Groups[0][0].Timeout = time.Second
				return r, nil
			case "unreachable":
				return proxy.To(to("sip:bob@192.0.2.99;transport=tcp").Target), nil
			case "outage":
				return proxy.Route{}, errors.New("database is down")
			case "panic":
				panic("router")
			case "slow":
				<-ctx.Done()
				return proxy.Route{}, ctx.Err()
			}
			return proxy.Route{}, proxy.ErrNoRoute
		})
	}
	cfg := siteConfig{router: router, options: []proxy.Option{proxy.WithDone(l.done)}}
	inBubble(t, cfg, func(t *testing.T, s *site) {
		alice, bob := s.phone("alice", "10"), s.phone("bob", "21")
		for _, tt := range []struct {
			method sip.Method
			uri    string
			answer int
			told   []string
		}{
			{sip.INVITE, "sip:nobody@example.com", 480, []string{"INVITE 480"}},
			{sip.MESSAGE, "sip:nobody@example.com", 480, []string{"MESSAGE 480"}},
			{sip.INVITE, "sip:unreachable@example.com", 500, []string{"INVITE 500"}},
			{sip.INVITE, "sip:outage@example.com", 500, []string{"INVITE 500"}},
			{sip.INVITE, "sip:silent@example.com", 408, []string{"INVITE 408"}},
			{sip.INVITE, "sip:panic@example.com", 500, nil},
			{sip.INVITE, "sip:bob@elsewhere.example", 403, nil},
			{sip.OPTIONS, "sip:example.com", 200, nil},
		} {
			alice.send(proxyAddr, alice.request(tt.method, tt.uri))
			alice.expect(tt.answer)
			require.Equal(t, tt.told, l.take(), "%s %s", tt.method, tt.uri)
		}
		bob.asked(sip.INVITE)
		alice.send(proxyAddr, alice.request(sip.MESSAGE, "sip:silent@example.com"))
		bob.asked(sip.MESSAGE)
		alice.silent(time.Minute)
		require.Empty(t, l.take())

		invite := alice.request(sip.INVITE, "sip:slow@example.com")
		alice.send(proxyAddr, invite)
		hangUp(alice, invite)
		alice.expect(487)
		require.Equal(t, []string{"INVITE 487"}, l.take())
	})
}

// The caller has its answer by then; a slow or broken function does not matter.
func TestWithDoneComesAfter(t *testing.T) {
	done := proxy.WithDone(func(*proxy.Call, *sip.Response) {
		time.Sleep(time.Hour)
		panic("done")
	})
	inBubble(t, siteConfig{options: []proxy.Option{done}}, func(t *testing.T, s *site) {
		alice, phones := s.phone("alice", "10"), threePhones(s)
		ins := forked(s, alice, phones...)
		start := time.Now()
		ins[0].answer(200)
		alice.expect(200)
		ins[1].yields()
		ins[2].yields()
		require.Zero(t, time.Since(start))
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		require.Zero(t, s.ep.Stats().Server)
	})
}

// The caller gets a 500, the log says why; and not more than it can hold.
func TestUnreachableIsLogged(t *testing.T) {
	var log bytes.Buffer
	route := func(*site) proxy.Route {
		dead := to("sip:bob@192.0.2.99;transport=tcp")
		silent := to(bob1)
		silent.Timeout = time.Second
		return proxy.Route{Groups: [][]proxy.Branch{{dead}, {silent}}}
	}
	cfg := siteConfig{
		router:  fixed(route),
		options: []proxy.Option{proxy.WithLogger(slog.New(slog.NewTextHandler(&log, nil)))},
	}
	inBubble(t, cfg, func(t *testing.T, s *site) {
		alice, bob := s.phone("alice", "10"), s.phone("bob", "21")
		for _, want := range []int{10, 20} {
			for range 25 {
				alice.send(proxyAddr, alice.request(sip.INVITE, "sip:bob@example.com"))
			}
			for range 25 {
				bob.asked(sip.INVITE)
			}
			for range 25 {
				alice.expect(408)
			}
			synctest.Wait()
			lines := log.String()
			require.Equal(t, want, strings.Count(lines, "level=WARN"), lines)
			require.Equal(t, want, strings.Count(lines, "192.0.2.99:5060"), lines)
			require.NotContains(t, lines, "192.0.2.21")
		}
	})
}
