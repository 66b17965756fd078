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
		w.peer.response(100)
		w.peer.quiet(27 * time.Second)
		require.NoError(t, ctx.Err())
		w.peer.quiet(2 * time.Second)
		require.Zero(t, w.ep.Stats().Server)
		require.ErrorIs(t, tx.Respond(sip.NewResponse(req, 200)), transaction.ErrTerminated)
		require.ErrorIs(t, context.Cause(ctx), transaction.ErrTimeout)
	})
}

// RFC 4320 section 4.1: no 100 before timer E is at T2, one then, and no other
// provisional response at any time.
func TestServerNonInviteTrying(t *testing.T) {
	txs := make(chan *transaction.ServerTx, 1)
	onBoth(t, detached(txs), func(w *world) {
		req := w.peer.newRequest(sip.MESSAGE)
		req.Set("Timestamp", "54")
		began := time.Now()
		w.peer.send(req)
		tx := <-txs
		require.ErrorIs(w.t, tx.Respond(sip.NewResponse(req, 180)), transaction.ErrStatus)
		require.ErrorIs(w.t, tx.Respond(sip.NewResponse(req, 199)), transaction.ErrStatus)
		require.ErrorIs(w.t, tx.Respond(sip.NewResponse(req, 408)), transaction.ErrStatus)
		pk := w.peer.next()
		require.InDelta(w.t, 3500*time.Millisecond, pk.at.Sub(began), float64(grain))
		require.Equal(w.t, 100, pk.resp.StatusCode)
		require.Regexp(w.t, `^54 3\.5[01]\d$`, pk.resp.Get("Timestamp"))
		w.peer.send(req) // Proceeding: answered
		require.Equal(w.t, pk.resp.String(), w.peer.response(100).String())
		require.NoError(w.t, tx.Respond(sip.NewResponse(req, 404)))
		w.peer.response(404)
		w.peer.quiet(time.Minute)
		require.Zero(w.t, w.ep.Stats().Server)
	})
}

// A reliable transport may carry a 100 at any time.
func TestServerNonInviteEarly100(t *testing.T) {
	txs := make(chan *transaction.ServerTx, 1)
	onBoth(t, detached(txs), func(w *world) {
		req := w.peer.newRequest(sip.MESSAGE)
		w.peer.send(req)
		tx := <-txs
		require.NoError(w.t, tx.Respond(sip.NewResponse(req, 100)))
		if w.peer.Network() == "tcp" {
			w.peer.response(100)
			w.peer.quiet(10 * time.Second)
		} else {
			w.peer.quiet(3400 * time.Millisecond)
			w.peer.response(100)
		}
		require.NoError(w.t, tx.Respond(sip.NewResponse(req, 200)))
		w.peer.response(200)
	})
}
