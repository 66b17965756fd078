package proxy_test

import (
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/transaction"
)

const manyCalls = 10_000

// 180, 183 and 200 sent back to back reach the caller in that order.
func TestOrder(t *testing.T) {
	inBubble(t, siteConfig{}, func(t *testing.T, s *site) {
		alice, bob := s.phone("alice", "10"), s.phone("bob", "20")
		s.users.register("bob", bob)
		go func() {
			for range manyCalls {
				in := bob.asked(sip.INVITE)
				in.answer(180)
				in.answer(183)
				in.answer(200)
			}
		}()
		const window = 16 // calls under way at once
		codes := make(map[string][]int)
		for sent, ended := 0, 0; ended < manyCalls; {
			for ; sent < manyCalls && sent-ended < window; sent++ {
				alice.send(proxyAddr, alice.request(sip.INVITE, "sip:bob@example.com"))
			}
			resp := alice.receive().m.(*sip.Response)
			id := resp.CallID()
			codes[id] = append(codes[id], resp.StatusCode)
			if resp.StatusCode == 200 {
				require.Equal(t, []int{180, 183, 200}, codes[id])
				ended++
			}
		}
	})
}

// Calls that ring hold neither a handler nor a goroutine, and nothing is left of
// them when they have ended.
func TestManyRingingCalls(t *testing.T) {
	cfg := siteConfig{endpoint: []transaction.Option{transaction.WithMaxHandlers(16)}}
	inBubble(t, cfg, func(t *testing.T, s *site) {
		alice, bob := s.phone("alice", "10"), s.phone("bob", "20")
		s.users.register("bob", bob)
		synctest.Wait()
		before := runtime.NumGoroutine()

		ringing := make([]asked, manyCalls)
		for i := range ringing {
			alice.send(proxyAddr, alice.request(sip.INVITE, "sip:bob@example.com"))
			ringing[i] = bob.asked(sip.INVITE)
			ringing[i].answer(180)
			alice.expect(180)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		stats := s.ep.Stats()
		require.Equal(t, manyCalls, stats.Server)
		require.Equal(t, manyCalls, stats.Client)
		require.Zero(t, stats.Handlers)
		require.Zero(t, stats.Refused)
		require.LessOrEqual(t, runtime.NumGoroutine(), before)

		for i, in := range ringing {
			if i%2 == 0 {
				in.answer(200)
				alice.expect(200)
			} else {
				in.answer(486)
				alice.expect(486)
			}
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		stats = s.ep.Stats()
		require.Zero(t, stats.Server+stats.Client)
		require.LessOrEqual(t, runtime.NumGoroutine(), before)
	})
}

// After whole calls nothing is left either: no transaction, no goroutine, no
// memory of the proxy's.
func TestBaselineAfterManyCalls(t *testing.T) {
	inBubble(t, siteConfig{}, func(t *testing.T, s *site) {
		alice, bob := s.phone("alice", "10"), s.phone("bob", "20")
		s.users.register("bob", bob)
		alice.forgetful, bob.forgetful = true, true
		var goroutines int
		var heap uint64
		for round := range 4 {
			for range manyCalls / 4 {
				_, callee := establish(s, alice, bob)
				callee.send(callee.request(sip.BYE))
				alice.asked(sip.BYE).answer(200)
				bob.expect(200)
			}
			time.Sleep(2 * time.Minute)
			synctest.Wait()
			stats := s.ep.Stats()
			require.Zero(t, stats.Server+stats.Client)
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			if round == 0 {
				goroutines, heap = runtime.NumGoroutine(), m.HeapAlloc
			}
			require.LessOrEqual(t, runtime.NumGoroutine(), goroutines)
			require.Less(t, m.HeapAlloc, heap+2<<20)
		}
	})
}
