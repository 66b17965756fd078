package transaction_test

import (
	"context"
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
