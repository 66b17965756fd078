package transaction_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/transaction"
)

// refusing is a handler that turns everything away.
func refusing(calls *atomic.Int64, after time.Duration) transaction.HandlerFunc {
	return func(_ context.Context, req *sip.Request, _ *transaction.ServerTx) error {
		calls.Add(1)
		time.Sleep(after)
		return transaction.Refusal(&sip.StatusError{Code: 407})
	}
}

// RFC 3261 section 26.3.2.4: a refusal is sent once, and nothing is kept; its ACK
// is known by the To tag (8.2.7).
func TestRefusalIsStateless(t *testing.T) {
	for _, m := range []sip.Method{sip.INVITE, sip.REGISTER} {
		var calls atomic.Int64
		onBoth(t, refusing(&calls, 0), func(w *world) {
			calls.Store(0)
			req := w.peer.newRequest(m)
			w.peer.send(req)
			first := w.peer.response(407)
			w.peer.quiet(time.Minute)
			require.Zero(w.t, w.ep.Stats().Server)

			// A repetition is refused once more, in the same words.
			w.peer.send(req)
			again := w.peer.response(407)
			require.Equal(w.t, first.Get("To"), again.Get("To"))
			require.Equal(w.t, int64(2), calls.Load())
			if m == sip.INVITE {
				w.peer.send(w.peer.ack(req, again))
				w.peer.quiet(time.Minute)
				require.Equal(w.t, int64(2), calls.Load())
			}
		})
	}
}

// After a provisional response the client does not repeat the INVITE: the
// refusal is repeated until its ACK comes.
func TestLateRefusalIsRepeated(t *testing.T) {
	var calls atomic.Int64
	inBubble(t, "udp", refusing(&calls, time.Second), func(w *world) {
		invite := w.peer.newRequest(sip.INVITE)
		w.peer.send(invite)
		w.peer.response(100)
		w.peer.response(407)
		ack := w.peer.ack(invite, w.peer.response(407))
		w.peer.send(ack)
		w.peer.quiet(time.Minute)
		require.Equal(t, int64(1), calls.Load())
		synctest.Wait()
		require.Zero(t, w.ep.Stats().Server)
	})
}

// A connection that is gone is not opened again to turn a request away: where to
// is what the stranger wrote into Via.
func TestRefusalOpensNoConnection(t *testing.T) {
	var calls atomic.Int64
	inBubble(t, "tcp", refusing(&calls, 10*time.Millisecond), func(w *world) {
		caller := w.newPeer("tcp", "192.0.2.4:5060")
		caller.send(caller.newRequest(sip.INVITE))
		synctest.Wait()
		require.Equal(t, int64(1), calls.Load())
		require.NoError(t, caller.Transport.Close())
		again := w.newPeer("tcp", "192.0.2.4:5060")
		again.quiet(time.Minute)
		require.Zero(t, w.ep.Stats().Server)
	})
}

// Only an error with a status is a refusal; another one is still an outage.
func TestRefusalOfAnotherError(t *testing.T) {
	require.NoError(t, transaction.Refusal(nil))
	outage := errors.New("no database")
	require.ErrorIs(t, transaction.Refusal(outage), outage)
	inBubble(t, "udp", transaction.HandlerFunc(func(context.Context, *sip.Request, *transaction.ServerTx) error {
		return transaction.Refusal(outage)
	}), func(w *world) {
		w.peer.send(w.peer.newRequest(sip.OPTIONS))
		w.peer.response(500)
	})
}

// What changes nothing may be answered once and forgotten; a 2xx to an INVITE
// may not.
func TestRespondOnce(t *testing.T) {
	once := transaction.HandlerFunc(func(_ context.Context, req *sip.Request, tx *transaction.ServerTx) error {
		if req.Method == sip.ACK {
			return nil
		}
		return tx.RespondOnce(sip.NewResponse(req, 200))
	})
	inBubble(t, "udp", once, func(w *world) {
		w.peer.send(w.peer.newRequest(sip.OPTIONS))
		w.peer.response(200)
		w.peer.quiet(time.Millisecond)
		require.Zero(t, w.ep.Stats().Server)
		w.peer.send(w.peer.newRequest(sip.INVITE))
		w.peer.response(200)
		w.peer.quiet(time.Millisecond)
		require.Equal(t, 1, w.ep.Stats().Server)
	})
}
