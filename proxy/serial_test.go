package proxy_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/proxy"
	"github.com/patchbay-sip/patchbay/sip"
)

// fixed is a router that always says the same.
func fixed(route func(s *site) proxy.Route) func(*site) proxy.Router {
	return func(s *site) proxy.Router {
		return proxy.RouterFunc(func(context.Context, *proxy.Call) (proxy.Route, error) {
			return route(s), nil
		})
	}
}

func to(uri string) proxy.Branch {
	return proxy.Branch{Target: sip.Target{URI: sip.MustParseURI(uri)}}
}

const (
	bob1 = "sip:bob@192.0.2.21:5060"
	bob2 = "sip:bob@192.0.2.22:5060"
	bob3 = "sip:bob@192.0.2.23:5060"
)

// One group after another, the targets of one at once, each target once.
func TestGroups(t *testing.T) {
	route := func(*site) proxy.Route {
		return proxy.Route{Groups: [][]proxy.Branch{
			{to(bob1)}, {}, {to(bob2), to(bob1), to(bob3), to(bob2)}, {to(bob3)},
		}}
	}
	inBubble(t, siteConfig{router: fixed(route)}, func(_ *testing.T, s *site) {
		alice, phones := s.phone("alice", "10"), threePhones(s)
		alice.send(proxyAddr, alice.request(sip.INVITE, "sip:bob@example.com"))
		phones[0].asked(sip.INVITE).answer(404)
		two, three := phones[1].asked(sip.INVITE), phones[2].asked(sip.INVITE)
		phones[0].silent(0)
		two.answer(486)
		alice.silent(time.Second)
		three.answer(480)
		alice.expect(404)
		for _, p := range phones {
			p.silent(time.Minute)
		}
	})
}

// A branch that rings past its Timeout is cancelled and the next group begins
// at once; a 200 that comes all the same still counts.
func TestBranchTimeout(t *testing.T) {
	route := func(*site) proxy.Route {
		first, second := to(bob1), to(bob2)
		first.Timeout, second.Timeout = 20*time.Second, 10*time.Second
		return proxy.Route{Groups: [][]proxy.Branch{{first}, {second}}}
	}
	inBubble(t, siteConfig{router: fixed(route)}, func(t *testing.T, s *site) {
		alice, phones := s.phone("alice", "10"), threePhones(s)
		start := time.Now()
		alice.send(proxyAddr, alice.request(sip.INVITE, "sip:bob@example.com"))
		one := phones[0].asked(sip.INVITE)
		one.answer(180)
		alice.expect(180)
		time.Sleep(15 * time.Second)
		one.answer(180) // the Timeout is for the whole
		alice.expect(180)
		two := phones[1].asked(sip.INVITE)
		require.Equal(t, 20*time.Second, time.Since(start))
		two.answer(180)
		alice.expect(180)
		one.yields()
		time.Sleep(5 * time.Second)
		two.yields()
		require.Equal(t, 30*time.Second, time.Since(start))
		alice.expect(408)

		alice.send(proxyAddr, alice.request(sip.INVITE, "sip:bob@example.com"))
		one = phones[0].asked(sip.INVITE)
		one.answer(180)
		alice.expect(180)
		time.Sleep(15 * time.Second)
		two = phones[1].asked(sip.INVITE)
		two.answer(180)
		alice.expect(180)
		one.answer(200)
		alice.expect(200)
		phones[0].asked(sip.CANCEL).answer(481)
		two.yields()
		alice.silent(time.Minute)
	})
}

// The last branch timed out: its answer to the CANCEL is waited for, since it
// may be a 200.
func TestLastBranchTimeout(t *testing.T) {
	route := func(*site) proxy.Route {
		b := to(bob1)
		b.Timeout = 10 * time.Second
		return proxy.Route{Groups: [][]proxy.Branch{{b}}}
	}
	inBubble(t, siteConfig{router: fixed(route)}, func(t *testing.T, s *site) {
		alice, phones := s.phone("alice", "10"), threePhones(s)
		alice.send(proxyAddr, alice.request(sip.INVITE, "sip:bob@example.com"))
		one := phones[0].asked(sip.INVITE)
		one.answer(180)
		alice.expect(180)
		time.Sleep(5 * time.Second)
		cancel := phones[0].asked(sip.CANCEL)
		one.answer(200)
		cancel.answer(481)
		alice.expect(200)

		// Nor does a phone that went away in the meantime hold it for long.
		start := time.Now()
		alice.send(proxyAddr, alice.request(sip.INVITE, "sip:bob@example.com"))
		phones[0].asked(sip.INVITE).answer(180)
		alice.expect(180)
		time.Sleep(5 * time.Second)
		phones[0].asked(sip.CANCEL)
		alice.expect(408)
		require.Equal(t, 15*time.Second, time.Since(start))
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Zero(t, s.ep.Stats().Server+s.ep.Stats().Client)
	})
}

// Nothing came of a branch: no CANCEL is sent, and there is nothing to wait for
// (RFC 3261 sections 9.1 and 16.8).
func TestSilentBranchTimeout(t *testing.T) {
	var asked []int
	route := func(*site) proxy.Route {
		b := to(bob1)
		b.Timeout = 3 * time.Second
		return proxy.Route{Groups: [][]proxy.Branch{{b}}, Next: func(_ context.Context, o proxy.Outcome) (proxy.Route, error) {
			asked = append(asked, o.Response.StatusCode)
			return proxy.Route{}, proxy.ErrNoRoute
		}}
	}
	inBubble(t, siteConfig{router: fixed(route)}, func(t *testing.T, s *site) {
		alice, phones := s.phone("alice", "10"), threePhones(s)
		for _, late := range []int{0, 180, 200} {
			start := time.Now()
			alice.send(proxyAddr, alice.request(sip.INVITE, "sip:bob@example.com"))
			in := phones[0].asked(sip.INVITE)
			alice.expect(408)
			require.Equal(t, 3*time.Second, time.Since(start))
			switch late {
			case 180: // it woke up
				in.answer(180)
				in.yields()
			case 200: // the caller has its answer
				in.answer(200)
			}
			phones[0].silent(time.Minute)
			alice.silent(0)
			synctest.Wait()
			require.Zero(t, s.ep.Stats().Server+s.ep.Stats().Client)
		}
		require.Equal(t, []int{408, 408, 408}, asked)

		alice.send(proxyAddr, alice.request(sip.MESSAGE, "sip:bob@example.com"))
		phones[0].asked(sip.MESSAGE)
		alice.silent(time.Minute) // RFC 4320 section 4.2
		synctest.Wait()
		require.Len(t, asked, 4)
	})
}

// One phone is silent, one is busy and one rings: the last alone is waited for.
func TestTimeoutOfFork(t *testing.T) {
	route := func(*site) proxy.Route {
		bs := []proxy.Branch{to(bob1), to(bob2), to(bob3)}
		for i := range bs {
			bs[i].Timeout = 8 * time.Second
		}
		return proxy.Route{Groups: [][]proxy.Branch{bs}}
	}
	inBubble(t, siteConfig{router: fixed(route)}, func(t *testing.T, s *site) {
		alice, phones := s.phone("alice", "10"), threePhones(s)
		start := time.Now()
		alice.send(proxyAddr, alice.request(sip.INVITE, "sip:bob@example.com"))
		phones[0].asked(sip.INVITE)
		phones[1].asked(sip.INVITE).answer(486)
		in := phones[2].asked(sip.INVITE)
		in.answer(180)
		alice.expect(180)
		cancel := phones[2].asked(sip.CANCEL)
		require.Equal(t, 8*time.Second, time.Since(start))
		cancel.answer(200)
		alice.silent(4 * time.Second)
		in.answer(487)
		alice.expect(486)
		alice.silent(time.Minute)
	})
}

// Timer C: more than three minutes after the last provisional response other
// than 100 (RFC 3261 sections 16.6 item 11, 16.7 item 2 and 16.8).
func TestTimerC(t *testing.T) {
	inBubble(t, siteConfig{}, func(t *testing.T, s *site) {
		alice, bob := s.phone("alice", "10"), s.phone("bob", "20")
		s.users.register("bob", bob)
		alice.send(proxyAddr, alice.request(sip.INVITE, "sip:bob@example.com"))
		in := bob.asked(sip.INVITE)
		for range 5 {
			in.answer(180)
			alice.expect(180)
			bob.silent(3 * time.Minute)
		}
		in.answer(100) // does not count
		in.yields()
		alice.expect(408)
	})
}

func TestWithTimerC(t *testing.T) {
	tests := []struct{ set, want time.Duration }{
		{5 * time.Minute, 5 * time.Minute},
		{3 * time.Minute, 185 * time.Second}, // must be larger
	}
	for _, tt := range tests {
		cfg := siteConfig{options: []proxy.Option{proxy.WithTimerC(tt.set)}}
		inBubble(t, cfg, func(t *testing.T, s *site) {
			alice, bob := s.phone("alice", "10"), s.phone("bob", "20")
			s.users.register("bob", bob)
			start := time.Now()
			alice.send(proxyAddr, alice.request(sip.INVITE, "sip:bob@example.com"))
			in := bob.asked(sip.INVITE)
			in.answer(180)
			alice.expect(180)
			bob.silent(tt.want - 5*time.Second)
			in.yields()
			require.Equal(t, tt.want, time.Since(start))
			alice.expect(408)
		})
	}
}

// Route.Next sees how the groups went, and what it says is tried next.
func TestNext(t *testing.T) {
	tests := []struct {
		name    string
		answer  int
		outcome int
		next    func() (proxy.Route, error)
		want    int
	}{
		{"busy, then voicemail", 486, 486, func() (proxy.Route, error) {
			return proxy.Route{Groups: [][]proxy.Branch{{to(bob2)}}}, nil
		}, 200},
		{"nothing more", 486, 486, func() (proxy.Route, error) { return proxy.Route{}, proxy.ErrNoRoute }, 486},
		{"an empty route", 480, 480, func() (proxy.Route, error) { return proxy.Route{}, nil }, 480},
		{"another answer", 486, 486, func() (proxy.Route, error) {
			return proxy.Route{}, &sip.StatusError{Code: 600, Reason: "Gone Home"}
		}, 600},
		{"an outage", 486, 486, func() (proxy.Route, error) { return proxy.Route{}, errors.New("database is down") }, 500},
		{"gateway out of service", 503, 503, func() (proxy.Route, error) {
			return proxy.Route{Groups: [][]proxy.Branch{{to(bob2)}}}, nil
		}, 200},
		{"6xx ends it", 603, 0, nil, 603},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			outcome := 0
			route := func(*site) proxy.Route {
				return proxy.Route{
					Groups: [][]proxy.Branch{{to(bob1)}},
					Next: func(_ context.Context, o proxy.Outcome) (proxy.Route, error) {
						outcome = o.Response.StatusCode
						return tt.next()
					},
				}
			}
			inBubble(t, siteConfig{router: fixed(route)}, func(t *testing.T, s *site) {
				alice, phones := s.phone("alice", "10"), threePhones(s)
				alice.send(proxyAddr, alice.request(sip.INVITE, "sip:bob@example.com"))
				phones[0].asked(sip.INVITE).answer(tt.answer)
				if tt.want == 200 {
					phones[1].asked(sip.INVITE).answer(200)
				}
				alice.expect(tt.want)
				require.Equal(t, tt.outcome, outcome)
			})
		})
	}
}

// No answer is a 408 to Next, and Next of the second route sees what became of
// the second alone.
func TestNextAfterNoAnswer(t *testing.T) {
	var outcomes []int
	note := func(o proxy.Outcome) { outcomes = append(outcomes, o.Response.StatusCode) }
	ringing := func(uri string) [][]proxy.Branch {
		b := to(uri)
		b.Timeout = 10 * time.Second
		return [][]proxy.Branch{{b}}
	}
	route := func(*site) proxy.Route {
		return proxy.Route{Groups: ringing(bob1), Next: func(_ context.Context, o proxy.Outcome) (proxy.Route, error) {
			note(o)
			return proxy.Route{Groups: [][]proxy.Branch{{to(bob2)}}, Next: func(_ context.Context, o proxy.Outcome) (proxy.Route, error) {
				note(o)
				return proxy.Route{Groups: ringing(bob3)}, nil
			}}, nil
		}}
	}
	inBubble(t, siteConfig{router: fixed(route)}, func(t *testing.T, s *site) {
		alice, phones := s.phone("alice", "10"), threePhones(s)
		alice.send(proxyAddr, alice.request(sip.INVITE, "sip:bob@example.com"))
		one := phones[0].asked(sip.INVITE)
		one.answer(180)
		alice.expect(180)
		time.Sleep(5 * time.Second)
		two := phones[1].asked(sip.INVITE)
		one.yields()
		two.answer(404)
		phones[2].asked(sip.INVITE).answer(200)
		alice.expect(200)
		require.Equal(t, []int{408, 404}, outcomes)
	})
}

// A Next that names the same target again and again does not go on for ever, nor
// does one that always has another.
func TestEndlessNext(t *testing.T) {
	for _, fresh := range []bool{false, true} {
		asked := 0
		var again func(context.Context, proxy.Outcome) (proxy.Route, error)
		route := func(*site) proxy.Route {
			b := to(bob1)
			if fresh {
				b = to(fmt.Sprintf("sip:%d@192.0.2.21:5060", asked))
			}
			return proxy.Route{Groups: [][]proxy.Branch{{b}}, Next: again}
		}
		again = func(context.Context, proxy.Outcome) (proxy.Route, error) {
			asked++
			return route(nil), nil
		}
		inBubble(t, siteConfig{router: fixed(route)}, func(t *testing.T, s *site) {
			alice, phones := s.phone("alice", "10"), threePhones(s)
			alice.send(proxyAddr, alice.request(sip.INVITE, "sip:bob@example.com"))
			tries := 1
			if fresh {
				tries = 100
			}
			for range tries {
				phones[0].asked(sip.INVITE).answer(486)
			}
			alice.expect(486)
			require.Equal(t, tries, asked)
		})
	}
}

// CANCEL while Next thinks: no further branch begins, and what there was is the
// answer (RFC 3261 section 16.7 item 6).
func TestCancelDuringNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		called := make(chan struct{})
		route := func(*site) proxy.Route {
			return proxy.Route{
				Groups: [][]proxy.Branch{{to(bob1)}},
				Next: func(ctx context.Context, _ proxy.Outcome) (proxy.Route, error) {
					close(called)
					<-ctx.Done()
					return proxy.Route{Groups: [][]proxy.Branch{{to(bob2)}}}, nil
				},
			}
		}
		s := newSite(t, siteConfig{router: fixed(route)})
		alice, phones := s.phone("alice", "10"), threePhones(s)
		invite := alice.request(sip.INVITE, "sip:bob@example.com")
		alice.send(proxyAddr, invite)
		phones[0].asked(sip.INVITE).answer(486)
		<-called
		hangUp(alice, invite)
		alice.expect(486)
		phones[1].silent(time.Minute)
	})
}
