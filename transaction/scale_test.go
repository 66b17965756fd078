package transaction_test

import (
	"context"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/transaction"
)

const calls = 10_000

// Responses sent back to back arrive in that order, each time.
func TestOrderOfResponses(t *testing.T) {
	want := []int{180, 183, 200}
	// However slow the machine is, no INVITE is sent twice, which would have its 180 repeated.
	w := newWorld(t, "udp", nil, transaction.WithTimers(transaction.Timers{T1: time.Minute}))
	defer w.close()
	const callee = "192.0.2.2:5060"
	w.serve(callee, answer(want...))
	var all sync.WaitGroup
	slots := make(chan struct{}, 100) // the network's queues are finite
	for range calls {
		slots <- struct{}{}
		all.Add(1)
		var got []int
		_, err := w.ep.Start(context.Background(), request(sip.INVITE, callee), sip.Target{}, func(ev transaction.Event) {
			switch {
			case ev.Err != nil:
				t.Error(ev.Err)
			case ev.Response.StatusCode == 100: // on a slow machine
			default:
				got = append(got, ev.Response.StatusCode)
			}
			if ev.Last {
				if len(got) != 3 || got[0] != 180 || got[1] != 183 || got[2] != 200 {
					t.Errorf("got %v", got)
				}
				<-slots
				all.Done()
			}
		})
		require.NoError(t, err)
	}
	all.Wait()
}

// 10,000 calls that ring for a minute hold no goroutine and none of the few
// places for handlers; after they were answered nothing of them is left.
func TestRingingCallsHoldNoGoroutine(t *testing.T) {
	var mu sync.Mutex
	var ringing []*transaction.ServerTx
	h := transaction.HandlerFunc(func(_ context.Context, req *sip.Request, tx *transaction.ServerTx) error {
		if req.Method == sip.ACK {
			return nil
		}
		mu.Lock()
		defer mu.Unlock()
		ringing = append(ringing, tx)
		tx.OnCancel(func() {})
		tx.Detach()
		return tx.Respond(sip.NewResponse(req, 180))
	})
	inBubble(t, "udp", h, func(w *world) {
		synctest.Wait()
		before := runtime.NumGoroutine()
		for range calls {
			invite := w.peer.newRequest(sip.INVITE)
			w.peer.send(invite)
			w.peer.response(180)
		}
		require.Equal(t, calls, w.ep.Stats().Server)
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Zero(t, w.ep.Stats().Handlers)
		require.Zero(t, w.ep.Stats().Refused)
		require.Less(t, runtime.NumGoroutine(), before+20)
		for _, tx := range ringing {
			require.NoError(t, tx.Respond(sip.NewResponse(tx.Request(), 480)))
			w.peer.send(w.peer.ack(tx.Request(), w.peer.response(480)))
		}
		time.Sleep(time.Minute)
		require.Zero(t, w.ep.Stats().Server)
		require.LessOrEqual(t, runtime.NumGoroutine(), before+5)
	}, transaction.WithMaxHandlers(4))
}

// After 10,000 calls and registrations nothing is left on either side.
func TestBackToTheBaseline(t *testing.T) {
	inBubble(t, "udp", nil, func(w *world) {
		const callee = "192.0.2.2:5060"
		other := w.serve(callee, answer(100, 486))
		synctest.Wait()
		before := runtime.NumGoroutine()
		for i := range calls {
			m := sip.INVITE
			if i%2 == 0 {
				m = sip.OPTIONS
			}
			resp, err := w.ep.Do(context.Background(), request(m, callee), sip.Target{})
			require.NoError(t, err)
			require.Equal(t, 486, resp.StatusCode)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Zero(t, w.ep.Stats().Client)
		require.Zero(t, other.Stats().Server)
		require.LessOrEqual(t, runtime.NumGoroutine(), before+5)
		require.NoError(t, other.Close())
	})
}
