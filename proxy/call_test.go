package proxy_test

import (
	"context"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/proxy"
	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/transaction"
)

// establish sets up a call from one phone to the user of another and returns
// the two sides of the dialog.
func establish(s *site, caller, callee *phone) (*leg, *leg) {
	s.t.Helper()
	invite := caller.request(sip.INVITE, "sip:"+callee.user+"@example.com")
	caller.send(proxyAddr, invite)
	in := callee.asked(sip.INVITE)
	answer := in.answer(200)
	resp := caller.expect(200)
	there, here := callerLeg(caller, invite, resp), calleeLeg(in, answer)
	there.send(there.request(sip.ACK))
	callee.asked(sip.ACK)
	return there, here
}

func TestCall(t *testing.T) {
	inBubble(t, siteConfig{}, func(t *testing.T, s *site) {
		alice, bob := s.phone("alice", "10"), s.phone("bob", "20")
		s.users.register("bob", bob)

		invite := alice.request(sip.INVITE, "sip:bob@example.com")
		alice.send(proxyAddr, invite)
		in := bob.asked(sip.INVITE)
		in.answer(100)
		in.answer(180)
		alice.expect(180)
		answer := in.answer(200)
		resp := alice.expect(200)

		caller := callerLeg(alice, invite, resp)
		callee := calleeLeg(in, answer)
		caller.send(caller.request(sip.ACK))
		ack := bob.asked(sip.ACK)
		require.Equal(t, bob.contact(), ack.URI)
		require.False(t, ack.Has("Route"))

		bye := callee.request(sip.BYE)
		callee.send(bye)
		end := alice.asked(sip.BYE)
		require.Equal(t, alice.contact(), end.URI)
		require.False(t, end.Has("Route"))
		end.answer(200)
		bob.expect(200)
		alice.silent(time.Minute)
		bob.silent(time.Minute)
		require.Zero(t, s.ep.Stats().Server+s.ep.Stats().Client)
	})
}

// RFC 3261 section 16.6: what a proxy changes in a request, and that it changes
// nothing else.
func TestForwardedRequest(t *testing.T) {
	inBubble(t, siteConfig{}, func(t *testing.T, s *site) {
		alice, bob := s.phone("alice", "10"), s.phone("bob", "20")
		s.users.register("bob", bob)

		invite := alice.request(sip.INVITE, "sip:bob@example.com")
		invite.Set("Max-Forwards", "17")
		invite.Add("x-Odd", "  a ;  b=\"c,d\"")
		invite.Add("Date", "no date at all")
		invite.SetBody("application/x-octets", "a\r\n\x00\xff")
		alice.send(proxyAddr, invite)
		in := bob.asked(sip.INVITE)

		require.Equal(t, bob.contact(), in.URI)
		require.Equal(t, "16", in.Get("Max-Forwards"))
		require.Equal(t, "a\r\n\x00\xff", in.Body())
		wire := in.String()
		require.Contains(t, wire, "\r\nx-Odd:   a ;  b=\"c,d\"\r\n")
		require.Contains(t, wire, "\r\nDate: no date at all\r\n")

		var hops []sip.Via
		for v, err := range in.Vias() {
			require.NoError(t, err)
			hops = append(hops, v)
		}
		require.Len(t, hops, 2)
		require.Equal(t, sip.HostPort{Host: "192.0.2.1", Port: 5060}, hops[0].SentBy)
		require.True(t, strings.HasPrefix(hops[0].Branch(), sip.MagicCookie))
		rport, _ := hops[1].Params.Get("rport")
		require.Equal(t, "5060", rport)

		route, err := in.Address("Record-Route")
		require.NoError(t, err)
		require.Equal(t, "192.0.2.1", route.URI.Host())
		require.True(t, route.URI.Params().Has("lr"))
		require.False(t, route.URI.Params().Has("transport"))

		in.answer(486)
		alice.expect(486)
	})
}

// RFC 3261 section 16.7: of a response, the topmost Via is removed and the mark
// in our Record-Route becomes the caller's. Nothing else changes.
func TestForwardedResponse(t *testing.T) {
	inBubble(t, siteConfig{}, func(t *testing.T, s *site) {
		alice, bob := s.phone("alice", "10"), s.phone("bob", "20")
		s.users.register("bob", bob)
		alice.send(proxyAddr, alice.request(sip.INVITE, "sip:bob@example.com"))
		in := bob.asked(sip.INVITE)
		sent := in.answer(183, func(r *sip.Response) {
			r.Reason = "Läutet"
			r.Add("x-Odd", " a ;b")
			r.Add("Record-Route", "<sip:elsewhere.example.net;lr>")
			r.SetBody("application/sdp", "v=0\r\n")
		})
		got := alice.expect(183)
		_, err := sent.PopVia()
		require.NoError(t, err)
		mark := regexp.MustCompile(`;pb=[-_\w]+`)
		require.NotEqual(t, mark.FindString(sent.String()), mark.FindString(got.String()))
		require.Equal(t, mark.ReplaceAllString(sent.String(), ""), mark.ReplaceAllString(got.String(), ""))
		in.answer(200)
		alice.expect(200)
	})
}

// A callee that leaves out the caller's Via has its answers kept from the caller
// (RFC 3261 section 16.7 item 3), who gets one all the same.
func TestResponseWithoutCallersVia(t *testing.T) {
	inBubble(t, siteConfig{}, func(t *testing.T, s *site) {
		alice, bob := s.phone("alice", "10"), s.phone("bob", "20")
		s.users.register("bob", bob)
		for _, code := range []int{200, 486} {
			alice.send(proxyAddr, alice.request(sip.INVITE, "sip:bob@example.com"))
			in := bob.asked(sip.INVITE)
			alone := func(r *sip.Response) {
				via, err := r.Via()
				require.NoError(t, err)
				r.Del("Via")
				r.PushVia(via)
			}
			in.answer(180, alone)
			alice.silent(time.Second)
			in.answer(code, alone)
			alice.expect(502)
		}
	})
}

// RFC 3581: answers go to the address and port that the request came from,
// whatever Via says.
func TestCallerBehindNAT(t *testing.T) {
	inBubble(t, siteConfig{}, func(t *testing.T, s *site) {
		alice, bob := s.phone("alice", "10"), s.phone("bob", "20")
		s.users.register("bob", bob)
		invite := alice.request(sip.INVITE, "sip:bob@example.com")
		via, err := sip.ParseVia("SIP/2.0/UDP 10.0.0.5:5062;rport;branch=" + sip.NewBranch())
		require.NoError(t, err)
		invite.PushVia(via)
		alice.write(proxyAddr, invite)
		in := bob.asked(sip.INVITE)
		in.answer(180)
		got, err := alice.expect(180).Via()
		require.NoError(t, err)
		rport, _ := got.Params.Get("rport")
		received, _ := got.Params.Get("received")
		require.Equal(t, "5060", rport)
		require.Equal(t, "192.0.2.10", received)
		in.answer(200)
		alice.expect(200)
	})
}

func TestNobodyThere(t *testing.T) {
	inBubble(t, siteConfig{}, func(t *testing.T, s *site) {
		alice := s.phone("alice", "10")
		alice.send(proxyAddr, alice.request(sip.INVITE, "sip:bob@example.com"))
		alice.expect(480)
		alice.send(proxyAddr, alice.request(sip.MESSAGE, "sip:bob@example.com"))
		alice.expect(480)
	})
}

// RFC 3261 section 16.9: a target that cannot be reached counts as 503, and
// 16.7 item 6 turns that into 500.
func TestUnreachable(t *testing.T) {
	inBubble(t, siteConfig{}, func(t *testing.T, s *site) {
		alice := s.phone("alice", "10")
		s.users.mu.Lock()
		s.users.targets["sip:bob@example.com"] = []sip.Target{{URI: sip.MustParseURI("sip:bob@192.0.2.99;transport=tcp")}}
		s.users.mu.Unlock()
		alice.send(proxyAddr, alice.request(sip.INVITE, "sip:bob@example.com"))
		alice.expect(500)
	})
}

// RFC 3263 section 4.3: of a gateway with two addresses the second is called when
// the first answers 503, within one branch: the caller sees one outcome, and a 503
// of the last as 500.
func TestServersOfATarget(t *testing.T) {
	cfg := siteConfig{
		endpoint: []transaction.Option{transaction.WithResolver(both{"192.0.2.31:5060", "192.0.2.32:5060"})},
		router:   fixed(func(*site) proxy.Route { return proxy.To(to("sip:bob@gateway.example.net").Target) }),
	}
	inBubble(t, cfg, func(t *testing.T, s *site) {
		alice, first, second := s.phone("alice", "10"), s.phone("first", "31"), s.phone("second", "32")
		for answer, want := range map[int]int{200: 200, 486: 486, 503: 500} {
			alice.send(proxyAddr, alice.request(sip.INVITE, "sip:bob@example.com"))
			first.asked(sip.INVITE).answer(503)
			second.asked(sip.INVITE).answer(answer)
			alice.expect(want)
			alice.silent(time.Second)
		}
	})
}

// both resolves each name to two addresses.
type both [2]string

func (b both) Resolve(context.Context, sip.URI) (hops []sip.Hop, err error) {
	for _, addr := range b {
		hops = append(hops, sip.Hop{Network: "udp", Addr: netip.MustParseAddrPort(addr)})
	}
	return hops, nil
}

// An INVITE to a dead host is answered 408 when Timer B fires; any other
// request is not answered at all (RFC 4320 section 4.2).
func TestTimeout(t *testing.T) {
	inBubble(t, siteConfig{}, func(t *testing.T, s *site) {
		alice, bob := s.phone("alice", "10"), s.phone("bob", "20")
		s.users.register("bob", bob)
		alice.send(proxyAddr, alice.request(sip.MESSAGE, "sip:bob@example.com"))
		bob.asked(sip.MESSAGE)
		alice.silent(2 * time.Minute)

		start := time.Now()
		alice.send(proxyAddr, alice.request(sip.INVITE, "sip:bob@example.com"))
		bob.asked(sip.INVITE)
		time.Sleep(31 * time.Second)
		alice.expect(408)
		require.InDelta(t, 32, time.Since(start).Seconds(), 0.5)
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Zero(t, s.ep.Stats().Server+s.ep.Stats().Client)
	})
}

// RFC 4320 section 4.1: other than 100 there is no provisional response to what
// is no INVITE.
func TestNoProvisionalOutsideInvite(t *testing.T) {
	inBubble(t, siteConfig{}, func(t *testing.T, s *site) {
		alice, bob := s.phone("alice", "10"), s.phone("bob", "20")
		s.users.register("bob", bob)
		alice.send(proxyAddr, alice.request(sip.MESSAGE, "sip:bob@example.com"))
		in := bob.asked(sip.MESSAGE)
		require.False(t, in.Has("Record-Route"))
		in.answer(183)
		alice.silent(time.Second)
		in.answer(202)
		alice.expect(202)
	})
}

// A method that nobody knows is forwarded like any other, and may open a
// dialog (RFC 3261 sections 16.3 item 1 and 16.6 item 4).
func TestUnknownMethod(t *testing.T) {
	inBubble(t, siteConfig{}, func(t *testing.T, s *site) {
		alice, bob := s.phone("alice", "10"), s.phone("bob", "20")
		s.users.register("bob", bob)
		alice.send(proxyAddr, alice.request("FROBNICATE", "sip:bob@example.com"))
		in := bob.asked("FROBNICATE")
		require.True(t, in.Has("Record-Route"))
		in.answer(200)
		alice.expect(200)
	})
}
