package transaction_test

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/transaction"
)

// busy is a Handler that runs until it is let go.
func busy(letGo <-chan struct{}) transaction.Handler {
	return transaction.HandlerFunc(func(_ context.Context, req *sip.Request, tx *transaction.ServerTx) error {
		<-letGo
		if req.Method == sip.ACK {
			return nil
		}
		return tx.Respond(sip.NewResponse(req, 200))
	})
}

func inside(req *sip.Request) *sip.Request {
	to, _ := req.To()
	req.Set("To", to.WithTag("there").String())
	return req
}

// Past the bound of handlers, requests outside of dialogs are refused without
// state; what belongs to a dialog enters from a reserve, and CANCEL always.
func TestMaxHandlers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		letGo := make(chan struct{})
		w := newWorld(t, "udp", busy(letGo), transaction.WithMaxHandlers(4))
		defer w.close()
		var first *sip.Request
		for i := range 4 {
			invite := w.peer.newRequest(sip.INVITE)
			if i == 0 {
				first = invite
			}
			w.peer.send(invite)
			w.peer.response(100)
		}
		refused := w.peer.newRequest(sip.INVITE)
		w.peer.send(refused)
		resp := w.peer.response(503)
		require.NotEmpty(t, resp.Get("Retry-After"))
		w.peer.send(refused) // a repetition has the same To tag
		require.Equal(t, resp.String(), w.peer.response(503).String())
		w.peer.send(w.peer.ack(refused, resp)) // and its ACK is absorbed
		w.peer.quiet(time.Second)
		require.Equal(t, 4, w.ep.Stats().Handlers)
		require.Equal(t, 4, w.ep.Stats().Server)
		require.Equal(t, transaction.Refusals{Handlers: 1, Again: 1}, w.ep.Stats().Refused)

		w.peer.send(cancelOf(first))
		w.peer.response(200)

		w.peer.send(w.peer.newRequest(sip.BYE))            // takes the reserve, which is one
		w.peer.send(inside(w.peer.newRequest(sip.INVITE))) // finds it taken
		w.peer.response(503)
		w.peer.send(inside(w.peer.newRequest(sip.ACK)))
		w.peer.quiet(time.Second)
		require.Equal(t, transaction.Drops{ACKs: 1}, w.ep.Stats().Dropped)

		close(letGo)
		for range 5 { // four INVITEs, one of them cancelled, and the BYE
			w.peer.response(200)
		}
		w.peer.send(w.peer.newRequest(sip.INVITE))
		w.peer.response(200)
		synctest.Wait()
		require.Zero(t, w.ep.Stats().Handlers)
	})
}

func TestMaxTransactions(t *testing.T) {
	inBubble(t, "udp", answer(404), func(w *world) {
		for range 8 {
			w.peer.send(w.peer.newRequest(sip.OPTIONS))
			w.peer.response(404)
		}
		w.peer.send(w.peer.newRequest(sip.OPTIONS))
		w.peer.response(503)
		_, err := w.ep.Start(context.Background(), request(sip.OPTIONS, peerAddr), w.toPeer(), nil)
		require.ErrorIs(t, err, transaction.ErrOverloaded)
		bye := w.start(context.Background(), sip.BYE) // one of ours enters from the reserve, too
		w.peer.respond(w.peer.request(sip.BYE), 200)
		bye.response(200)
		w.peer.send(w.peer.newRequest(sip.BYE))
		w.peer.response(404)
		w.peer.send(w.peer.newRequest(sip.BYE))
		w.peer.response(503)
		require.Equal(w.t, transaction.Refusals{Transactions: 2}, w.ep.Stats().Refused)
		time.Sleep(33 * time.Second)
		w.peer.send(w.peer.newRequest(sip.OPTIONS))
		w.peer.response(404)
	}, transaction.WithMaxTransactions(8))
}

// Who was told 503 has gone elsewhere. So a repetition of that request gets the same
// again, though there be room by now, and nobody's phone rings for it.
func TestRefusedStaysRefused(t *testing.T) {
	for _, m := range []sip.Method{sip.INVITE, sip.MESSAGE} {
		t.Run(string(m), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				letGo, handled := make(chan struct{}), 0
				busy := transaction.HandlerFunc(func(_ context.Context, req *sip.Request, tx *transaction.ServerTx) error {
					<-letGo
					handled++
					return &sip.StatusError{Code: 486}
				})
				w := newWorld(t, "udp", busy, transaction.WithMaxHandlers(1))
				defer w.close()
				w.peer.send(w.peer.newRequest(sip.OPTIONS))
				refused := w.peer.newRequest(m)
				w.peer.send(refused)
				first := w.peer.response(503)
				close(letGo)
				w.peer.response(486)
				for range 3 { // to 31.5 s after the first
					time.Sleep(10500 * time.Millisecond)
					w.peer.send(refused)
					require.Equal(t, first.String(), w.peer.response(503).String())
				}
				require.Equal(t, 1, handled)
				require.Equal(t, transaction.Refusals{Handlers: 1, Again: 3}, w.ep.Stats().Refused)

				anew := refused.Clone() // what another try is: another branch
				anew.PopVia()
				w.peer.pushVia(anew, sip.NewBranch())
				w.peer.send(anew)
				w.peer.response(486)
				time.Sleep(time.Second) // by 64*T1 the client has ended
				w.peer.all()
				w.peer.send(refused)
				w.peer.response(486)
				require.Equal(t, 3, handled)
			})
		})
	}
}

// Only so many branches are remembered. Past that a request is not answered at all,
// so that a repetition may well be taken on.
func TestSilenceFarPastTheBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		letGo := make(chan struct{})
		w := newWorld(t, "udp", busy(letGo), transaction.WithMaxHandlers(1), transaction.WithMaxTransactions(4000))
		defer w.close()
		w.peer.send(w.peer.newRequest(sip.MESSAGE))
		synctest.Wait()
		codes := map[*sip.Request]int{}
		for range 3000 {
			req := w.peer.newRequest(sip.MESSAGE)
			w.peer.send(req)
			synctest.Wait()
			codes[req] = 200 // for its repetition
			if len(w.peer.came) > 0 {
				codes[req] = w.peer.response(503).StatusCode
			}
		}
		stats := w.ep.Stats()
		require.Equal(t, 1, stats.Server)
		require.LessOrEqual(t, stats.Refused.Handlers, uint64(1024), "a quarter of the transactions, or 1,024")
		require.GreaterOrEqual(t, stats.Refused.Handlers, uint64(900))
		require.EqualValues(t, 3000, stats.Refused.Handlers+stats.Dropped.Requests)
		close(letGo)
		w.peer.response(200)
		for req, code := range codes {
			synctest.Wait() // the handler of the one before has returned
			w.peer.send(req)
			w.peer.response(code)
		}
	})
}

// Shutdown lets what runs come to its end, and takes on nothing new.
func TestShutdownDrains(t *testing.T) {
	txs := make(chan *transaction.ServerTx, 10)
	inBubble(t, "udp", detached(txs), func(w *world) {
		invite := w.peer.newRequest(sip.INVITE)
		w.peer.send(invite)
		tx := <-txs
		w.peer.response(100)
		out := w.start(context.Background(), sip.OPTIONS)
		asked := w.peer.request(sip.OPTIONS)

		done := make(chan error, 1)
		go func() { done <- w.ep.Shutdown(context.Background()) }()
		synctest.Wait()
		w.peer.send(w.peer.newRequest(sip.INVITE))
		require.NotEmpty(t, w.peer.response(503).Get("Retry-After"))
		require.Equal(t, transaction.Refusals{Draining: 1}, w.ep.Stats().Refused)
		bye := w.peer.newRequest(sip.BYE)
		w.peer.send(bye)
		require.NoError(t, (<-txs).Respond(sip.NewResponse(bye, 200)))
		w.peer.response(200)

		require.NoError(t, tx.Respond(sip.NewResponse(invite, 200)))
		w.peer.response(200)
		synctest.Wait()
		require.Empty(t, done, "a request of ours has no response yet")
		w.peer.respond(asked, 200)
		out.response(200)
		require.NoError(t, <-done)
		_, err := w.ep.Start(context.Background(), request(sip.OPTIONS, peerAddr), w.toPeer(), nil)
		require.ErrorIs(t, err, transaction.ErrClosed)
	})
}

// A Shutdown that runs out of time tells what Close will cut off: not what lingers,
// but what somebody waits for.
func TestShutdownTellsWhatItCutsOff(t *testing.T) {
	txs := make(chan *transaction.ServerTx, 10)
	ringing := detached(txs)
	h := transaction.HandlerFunc(func(ctx context.Context, req *sip.Request, tx *transaction.ServerTx) error {
		switch req.Method {
		case sip.MESSAGE:
			return tx.Respond(sip.NewResponse(req, 200))
		case sip.OPTIONS:
			<-ctx.Done()
			return context.Cause(ctx)
		}
		return ringing.ServeSIP(ctx, req, tx)
	})
	inBubble(t, "udp", h, func(w *world) {
		w.peer.send(w.peer.newRequest(sip.MESSAGE))
		w.peer.response(200) // and lingers
		invite := w.peer.newRequest(sip.INVITE)
		w.peer.send(invite)
		tx := <-txs
		w.peer.response(100)
		w.peer.send(w.peer.newRequest(sip.OPTIONS)) // its handler does not return
		out := w.start(context.Background(), sip.INVITE)
		asked := w.peer.request(sip.INVITE)
		w.peer.respond(asked, 180)
		out.response(180)

		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		err := w.ep.Shutdown(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, &transaction.ShutdownError{Handlers: 1, Server: 2, Client: 1, Err: context.DeadlineExceeded}, err)
		require.Contains(t, err.Error(), "handlers 1, server transactions 2, client transactions 1")

		// It goes on draining: what ends meanwhile is not cut off.
		require.NoError(t, tx.Respond(sip.NewResponse(invite, 486)))
		w.peer.respond(asked, 486)
		out.response(486)
		synctest.Wait()
		canceled, cancel := context.WithCancel(context.Background())
		cancel()
		var cut *transaction.ShutdownError
		require.ErrorAs(t, w.ep.Shutdown(canceled), &cut)
		require.Equal(t, transaction.ShutdownError{Handlers: 1, Server: 1, Err: context.Canceled}, *cut)
		require.NoError(t, w.ep.Close())
		require.NoError(t, w.ep.Shutdown(canceled), "nothing is left")
	})
}

// Large requests that wait for an answer, and large answers that are kept, are
// bounded by their size, however few there are.
func TestMaxBytes(t *testing.T) {
	txs := make(chan *transaction.ServerTx, 10)
	inBubble(t, "udp", detached(txs), func(w *world) {
		large := func(m sip.Method, body int) *sip.Request {
			req := w.peer.newRequest(m)
			req.SetBody("text/plain", strings.Repeat("x", body))
			w.peer.send(req)
			return req
		}
		first := large(sip.INVITE, 6000)
		w.peer.response(100)
		large(sip.INVITE, 6000)
		w.peer.response(100)
		large(sip.INVITE, 10)
		require.NotEmpty(t, w.peer.response(503).Get("Retry-After"))
		w.peer.send(inside(w.peer.newRequest(sip.MESSAGE))) // from the reserve
		synctest.Wait()
		require.Equal(t, 3, w.ep.Stats().Server)

		// An answer lets go of its request, and is kept itself.
		resp := sip.NewResponse(first, 486)
		require.NoError(t, (<-txs).Respond(resp))
		w.peer.response(486)
		large(sip.INVITE, 6000)
		w.peer.response(100)
		w.peer.send(w.peer.ack(first, resp))
		second, message := <-txs, <-txs
		resp = sip.NewResponse(message.Request(), 200)
		resp.SetBody("text/plain", strings.Repeat("x", 6000))
		require.NoError(t, message.Respond(resp))
		require.NoError(t, second.Respond(sip.NewResponse(second.Request(), 200)))
		require.NoError(t, (<-txs).Respond(sip.NewResponse(second.Request(), 200)))
		w.peer.response(200)
		w.peer.response(200)
		w.peer.response(200)
		large(sip.OPTIONS, 6000)
		synctest.Wait()
		large(sip.OPTIONS, 10)
		w.peer.response(503)

		// It ends with the transactions.
		time.Sleep(time.Minute)
		w.peer.all()
		require.Zero(t, w.ep.Stats().Server)
		large(sip.OPTIONS, 6000)
		large(sip.OPTIONS, 6000)
		synctest.Wait()
		require.Equal(t, 2, w.ep.Stats().Server)
	}, transaction.WithMaxBytes(12_000))
}

// A request that comes twice at once, by two readers, while places come and go, is
// refused or taken on: never both.
func TestRefusedOrTakenOn(t *testing.T) {
	var mu sync.Mutex
	taken := map[string]bool{}
	h := transaction.HandlerFunc(func(_ context.Context, req *sip.Request, tx *transaction.ServerTx) error {
		mu.Lock()
		taken[topBranch(t, req)] = true
		mu.Unlock()
		return tx.Respond(sip.NewResponse(req, 200))
	})
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "udp", nil)
		defer w.close()
		busy, served := transaction.New(transaction.WithMaxHandlers(1)), make(chan error, 1)
		addrs := []string{"192.0.2.3:5060", "192.0.2.4:5060"}
		one, other := open(t, w.net, "udp", addrs[0]), open(t, w.net, "udp", addrs[1])
		go func() { served <- busy.Serve(context.Background(), h, one, other) }()
		refused := 0
		for range 2000 {
			req := w.peer.newRequest(sip.MESSAGE)
			var both sync.WaitGroup
			for _, addr := range addrs {
				f, err := w.peer.Connect(context.Background(), sip.Hop{Network: "udp", Addr: netip.MustParseAddrPort(addr)})
				require.NoError(t, err)
				both.Go(func() {
					_ = w.peer.Send(f, w.peer.newRequest(sip.OPTIONS))
					_ = w.peer.Send(f, req)
				})
			}
			both.Wait()
			for _, p := range w.peer.all() {
				if p.resp.StatusCode == 503 && p.resp.CallID() == req.CallID() {
					refused++
					require.False(t, taken[topBranch(t, req)], "refused and taken on")
				}
			}
		}
		require.NotZero(t, refused)
		require.NoError(t, busy.Close())
		require.ErrorIs(t, <-served, net.ErrClosed)
	})
}
