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

// Timer J: the response is there for retransmissions for 64*T1, and not at all
// over a reliable transport.
func TestServerNonInviteTimerJ(t *testing.T) {
	onBoth(t, answer(200), func(w *world) {
		req := w.peer.newRequest(sip.OPTIONS)
		w.peer.send(req)
		first := w.peer.response(200)
		synctest.Wait()
		if w.peer.Network() == "tcp" {
			require.Zero(w.t, w.ep.Stats().Server)
			return
		}
		time.Sleep(31900 * time.Millisecond)
		w.peer.send(req)
		require.Equal(w.t, first.String(), w.peer.response(200).String())
		require.Equal(w.t, 1, w.ep.Stats().Server)
		w.peer.quiet(200 * time.Millisecond)
		require.Zero(w.t, w.ep.Stats().Server)
	})
}

func TestServerNonInviteTryingAndProceeding(t *testing.T) {
	txs := make(chan *transaction.ServerTx, 1)
	inBubble(t, "udp", detached(txs), func(w *world) {
		req := w.peer.newRequest(sip.MESSAGE)
		w.peer.send(req)
		tx := <-txs
		w.peer.send(req) // Trying: discarded
		w.peer.quiet(time.Second)
		require.NoError(t, tx.Respond(sip.NewResponse(req, 100)))
		w.peer.response(100)
		w.peer.send(req) // Proceeding: answered
		w.peer.response(100)
		require.NoError(t, tx.Respond(sip.NewResponse(req, 404)))
		w.peer.response(404)
		require.ErrorIs(t, tx.Respond(sip.NewResponse(req, 200)), transaction.ErrAnswered)
		require.ErrorIs(t, tx.Respond(sip.NewResponse(req, 100)), transaction.ErrAnswered)
		w.peer.quiet(time.Minute)
	})
}

// RFC 4320: a non-INVITE that nobody answered in time ends without a 408.
func TestServerNonInviteNeverAnswered(t *testing.T) {
	txs := make(chan *transaction.ServerTx, 1)
	ctxs := make(chan context.Context, 1)
	h := transaction.HandlerFunc(func(ctx context.Context, req *sip.Request, tx *transaction.ServerTx) error {
		ctxs <- ctx
		return detached(txs).ServeSIP(ctx, req, tx)
	})
	inBubble(t, "udp", h, func(w *world) {
		req := w.peer.newRequest(sip.MESSAGE)
		w.peer.send(req)
		tx, ctx := <-txs, <-ctxs
		w.peer.quiet(31 * time.Second)
		require.NoError(t, ctx.Err())
		w.peer.quiet(2 * time.Second)
		require.Zero(t, w.ep.Stats().Server)
		require.ErrorIs(t, tx.Respond(sip.NewResponse(req, 200)), transaction.ErrTerminated)
		require.ErrorIs(t, context.Cause(ctx), transaction.ErrTimeout)
	})
}
