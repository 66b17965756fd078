package proxy_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/proxy"
	"github.com/patchbay-sip/patchbay/sip"
)

// hangUp sends the CANCEL of an INVITE that was sent.
func hangUp(p *phone, invite *sip.Request) {
	p.t.Helper()
	p.send(proxyAddr, sip.NewCancel(invite))
	p.expect(200)
}

// The callee sees CANCEL at once, with the branch and the CSeq number of its
// INVITE; the caller gets 487 when the branch ended.
func TestCancel(t *testing.T) {
	inBubble(t, siteConfig{}, func(t *testing.T, s *site) {
		alice, bob := s.phone("alice", "10"), s.phone("bob", "20")
		s.users.register("bob", bob)
		invite := alice.request(sip.INVITE, "sip:bob@example.com")
		invite.Set("CSeq", "4711 INVITE")
		alice.send(proxyAddr, invite)
		in := bob.asked(sip.INVITE)
		in.answer(180)
		alice.expect(180)
		time.Sleep(5 * time.Second)

		start := time.Now()
		hangUp(alice, invite)
		cancel := bob.asked(sip.CANCEL)
		require.Less(t, time.Since(start), 50*time.Millisecond)
		require.Equal(t, "4711 CANCEL", cancel.Get("CSeq"))
		require.Equal(t, in.URI, cancel.URI)
		mine, err := in.Via()
		require.NoError(t, err)
		via, err := cancel.Via()
		require.NoError(t, err)
		require.Equal(t, mine, via)
		alice.silent(100 * time.Millisecond)
		cancel.answer(200)
		gone := in.answer(487)
		require.Equal(t, gone.Get("To"), alice.expect(487).Get("To"))
	})
}

// A final response that crosses the caller's CANCEL goes through, if there is no
// better one: a proxy has no answer of its own then (RFC 3261 section 16.7 item
// 6).
func TestFinalCrossesCancel(t *testing.T) {
	inBubble(t, siteConfig{}, func(t *testing.T, s *site) {
		alice, phones := s.phone("alice", "10"), threePhones(s)
		for _, tt := range []struct {
			answers [3]int
			want    int
		}{
			{[3]int{486, 480, 486}, 486},
			{[3]int{486, 480, 487}, 487},
			{[3]int{302, 487, 487}, 487},
			{[3]int{603, 487, 487}, 603},
			{[3]int{487, 487, 603}, 603},
			{[3]int{487, 486, 200}, 200},
		} {
			invite := alice.request(sip.INVITE, "sip:bob@example.com")
			alice.send(proxyAddr, invite)
			var ins []asked
			for _, p := range phones {
				in := p.asked(sip.INVITE)
				in.answer(180)
				alice.expect(180)
				ins = append(ins, in)
			}
			hangUp(alice, invite)
			for i, in := range ins {
				in.phone.asked(sip.CANCEL).answer(200)
				in.answer(tt.answers[i])
				synctest.Wait()
			}
			require.NotNil(t, alice.expect(tt.want), "%v", tt.answers)
			alice.silent(time.Minute)
		}
	})
}

func TestCancelOfFork(t *testing.T) {
	inBubble(t, siteConfig{}, func(_ *testing.T, s *site) {
		alice, phones := s.phone("alice", "10"), threePhones(s)
		invite := alice.request(sip.INVITE, "sip:bob@example.com")
		alice.send(proxyAddr, invite)
		var ins []asked
		for _, p := range phones {
			in := p.asked(sip.INVITE)
			in.answer(180)
			alice.expect(180)
			ins = append(ins, in)
		}
		ins[0].answer(486) // busy, and still the answer to CANCEL is 487
		hangUp(alice, invite)
		ins[1].yields()
		alice.silent(time.Second)
		ins[2].yields()
		alice.expect(487)
		alice.silent(time.Minute)
	})
}

// A 200 that crosses the caller's CANCEL goes through (RFC 3261 section 16.7
// item 5): the call is up, and it is the caller's to end it.
func TestAnswerCrossesCancel(t *testing.T) {
	inBubble(t, siteConfig{}, func(_ *testing.T, s *site) {
		alice, bob := s.phone("alice", "10"), s.phone("bob", "20")
		s.users.register("bob", bob)
		invite := alice.request(sip.INVITE, "sip:bob@example.com")
		alice.send(proxyAddr, invite)
		in := bob.asked(sip.INVITE)
		in.answer(180)
		alice.expect(180)
		hangUp(alice, invite)
		bob.asked(sip.CANCEL).answer(481)
		in.answer(200)
		alice.expect(200)
		alice.silent(time.Minute)
	})
}

// Without a provisional response there is no CANCEL yet (RFC 3261 section 9.1);
// it follows when one comes.
func TestCancelBeforeProvisional(t *testing.T) {
	inBubble(t, siteConfig{}, func(t *testing.T, s *site) {
		alice, bob := s.phone("alice", "10"), s.phone("bob", "20")
		s.users.register("bob", bob)
		invite := alice.request(sip.INVITE, "sip:bob@example.com")
		alice.send(proxyAddr, invite)
		in := bob.asked(sip.INVITE)
		hangUp(alice, invite)
		bob.silent(2 * time.Second)
		in.answer(100)
		in.yields()
		alice.expect(487)

		// One that never answers: 487 when its transaction gives up.
		invite = alice.request(sip.INVITE, "sip:bob@example.com")
		alice.send(proxyAddr, invite)
		bob.asked(sip.INVITE)
		hangUp(alice, invite)
		time.Sleep(30 * time.Second)
		alice.expect(487)
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Zero(t, s.ep.Stats().Server+s.ep.Stats().Client)
	})
}

// CANCEL while the router thinks: it is told, and no branch begins.
func TestCancelDuringRouting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		called := make(chan struct{})
		slow := proxy.RouterFunc(func(ctx context.Context, _ *proxy.Call) (proxy.Route, error) {
			close(called)
			<-ctx.Done()
			// A router that does not care goes on.
			return proxy.Route{Groups: [][]proxy.Branch{{to(bob1)}}}, nil
		})
		s := newSite(t, siteConfig{router: func(*site) proxy.Router { return slow }})
		alice, phones := s.phone("alice", "10"), threePhones(s)
		invite := alice.request(sip.INVITE, "sip:bob@example.com")
		alice.send(proxyAddr, invite)
		<-called
		hangUp(alice, invite)
		alice.expect(487)
		phones[0].silent(time.Minute)
	})
}
