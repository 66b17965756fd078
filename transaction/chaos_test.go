package transaction_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/transport/memnet"
	"github.com/patchbay-sip/patchbay/transaction"
)

// ledger notes what became of each request, by Call-ID.
type ledger struct {
	mu      sync.Mutex
	handled map[string]int // times that a handler saw it
	told    map[string]int // last events
	finals  map[string]int // the code of the first final response
	failed  int
}

// erratic answers in every way there is, at any time.
func (l *ledger) erratic(random func(n int) int) transaction.Handler {
	return transaction.HandlerFunc(func(_ context.Context, req *sip.Request, tx *transaction.ServerTx) error {
		if req.Method == sip.ACK {
			return nil
		}
		l.mu.Lock()
		l.handled[req.CallID()]++
		l.mu.Unlock()
		code := []int{200, 302, 404, 486, 500, 603}[random(6)]
		switch {
		case req.Method != sip.INVITE && random(2) == 0:
			return tx.Respond(sip.NewResponse(req, code))
		case random(4) == 0:
			return &sip.StatusError{Code: 480}
		}
		tx.OnCancel(func() {
			_ = tx.Respond(sip.NewResponse(req, []int{487, 200}[random(2)]))
		})
		tx.Detach()
		time.AfterFunc(time.Duration(random(20_000))*time.Millisecond, func() {
			if req.Method == sip.INVITE {
				_ = tx.Respond(sip.NewResponse(req, 180))
			}
			_ = tx.Respond(sip.NewResponse(req, code))
		})
		return nil
	})
}

func (l *ledger) event(t *testing.T, callID string) func(transaction.Event) {
	return func(ev transaction.Event) {
		l.mu.Lock()
		defer l.mu.Unlock()
		switch {
		case ev.Err != nil:
			l.failed++
			if !errors.Is(ev.Err, transaction.ErrTimeout) && !errors.Is(ev.Err, context.Canceled) {
				t.Error(ev.Err)
			}
		case !ev.Last:
			if l.told[callID] > 0 {
				t.Errorf("%d after the end", ev.Response.StatusCode)
			}
			return
		case l.told[callID] > 0 && ev.Response.StatusCode < 300 && l.finals[callID] < 300:
			return // a 2xx again
		default:
			l.finals[callID] = ev.Response.StatusCode
		}
		if l.told[callID]++; l.told[callID] > 1 {
			t.Errorf("%s ended twice", callID)
		}
	}
}

// On a network that loses 30 % of the packets, doubles some and disorders all,
// each request ends exactly once and is handled at most once, and nothing of it
// is left.
func TestChaos(t *testing.T) {
	const n = 3000
	synctest.Test(t, func(t *testing.T) {
		l := &ledger{handled: map[string]int{}, told: map[string]int{}, finals: map[string]int{}}
		var mu sync.Mutex
		source := rand.New(rand.NewPCG(1, 2))
		random := func(n int) int {
			mu.Lock()
			defer mu.Unlock()
			return source.IntN(n)
		}
		w := &world{t: t, net: memnet.New(memnet.WithSeed(7), memnet.WithLoss(0.3), memnet.WithDuplication(0.1),
			memnet.WithDelay(20*time.Millisecond), memnet.WithJitter(300*time.Millisecond))}
		w.ep = w.serve(serverAddr, nil)
		server := w.serve(calleeAddr, l.erratic(random))
		for range n {
			m := []sip.Method{sip.INVITE, sip.MESSAGE}[random(2)]
			req := request(m, calleeAddr)
			ctx, cancel := context.WithCancel(context.Background())
			_, err := w.ep.Start(ctx, req, sip.Target{}, l.event(t, req.CallID()))
			require.NoError(t, err)
			if random(4) == 0 {
				time.AfterFunc(time.Duration(random(10_000))*time.Millisecond, cancel)
			} else {
				defer cancel()
			}
			time.Sleep(time.Duration(random(10)) * time.Millisecond)
		}
		time.Sleep(12 * time.Minute)
		synctest.Wait()
		require.Len(t, l.told, n)
		for callID, times := range l.handled {
			require.Equal(t, 1, times, callID)
		}
		require.Greater(t, len(l.finals), n/2)
		for _, s := range []transaction.Stats{w.ep.Stats(), server.Stats()} {
			require.Zero(t, s.Server)
			require.Zero(t, s.Client)
			require.Zero(t, s.Handlers)
			require.Zero(t, s.Malformed)
		}
		require.NoError(t, w.ep.Shutdown(context.Background()))
		require.NoError(t, server.Shutdown(context.Background()))
	})
}

// Each timer follows WithTimers.
func TestTimersAreSettable(t *testing.T) {
	timers := transaction.Timers{T1: 100 * time.Millisecond, T2: 400 * time.Millisecond, T4: time.Second, D: 2 * time.Second, Ringing: time.Minute}
	inBubble(t, "udp", nil, func(w *world) {
		require.Equal(t, timers, w.ep.Timers())
		w.start(context.Background(), sip.OPTIONS).fails(transaction.ErrTimeout)
		requireTimes(t, []time.Duration{0, 100 * time.Millisecond, 300 * time.Millisecond, 700 * time.Millisecond, 1100 * time.Millisecond},
			w.peer.all()[:5], w.began)
		require.InDelta(t, 6400*time.Millisecond, time.Since(w.began), float64(grain))
	}, transaction.WithTimers(timers))
}

func TestFlowAndPeer(t *testing.T) {
	txs := make(chan *transaction.ServerTx, 1)
	inBubble(t, "tcp", detached(txs), func(w *world) {
		req := w.peer.newRequest(sip.OPTIONS)
		w.peer.send(req)
		tx := <-txs
		require.Equal(t, serverAddr, tx.Flow().Local.String())
		require.Equal(t, tx.Flow(), tx.Peer().Flow)
		require.Equal(t, req.CallID(), tx.Request().CallID())
		require.Equal(t, "<sip:me@"+serverAddr+";transport=tcp>", tx.Contact("me"))
		require.NoError(t, w.peer.Transport.Close())
		synctest.Wait()
		require.Equal(t, tx.Flow(), tx.Peer().Flow, "the flow is gone, but what it was is known")
	})
}
