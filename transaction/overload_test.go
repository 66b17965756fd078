package transaction_test

import (
	"context"
	"strings"
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
		require.EqualValues(t, 2, w.ep.Stats().Refused)

		w.peer.send(cancelOf(first))
		w.peer.response(200)

		w.peer.send(w.peer.newRequest(sip.BYE))            // takes the reserve, which is one
		w.peer.send(inside(w.peer.newRequest(sip.INVITE))) // finds it taken
		w.peer.response(503)
		w.peer.send(inside(w.peer.newRequest(sip.ACK)))
		w.peer.quiet(time.Second)
		require.EqualValues(t, 1, w.ep.Stats().Dropped)

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
		for range 2 {
			w.peer.send(w.peer.newRequest(sip.BYE))
			w.peer.response(404)
		}
		w.peer.send(w.peer.newRequest(sip.BYE))
		w.peer.response(503)
		time.Sleep(33 * time.Second)
		w.peer.send(w.peer.newRequest(sip.OPTIONS))
		w.peer.response(404)
	}, transaction.WithMaxTransactions(8))
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
