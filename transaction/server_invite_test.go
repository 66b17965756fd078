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

// grain is how late a timer may be.
const grain = 10 * time.Millisecond

// requireTimes compares when messages came, from a beginning on.
func requireTimes(t testing.TB, want []time.Duration, got []packet, from time.Time) {
	t.Helper()
	require.Len(t, got, len(want))
	for i := range want {
		late := got[i].at.Sub(from) - want[i]
		require.GreaterOrEqual(t, late, time.Duration(0), "message %d at %v", i, got[i].at.Sub(from))
		require.LessOrEqual(t, late, time.Duration(i+1)*grain, "message %d at %v", i, got[i].at.Sub(from))
	}
}

// all takes what has come.
func (p *peer) all() (all []packet) {
	synctest.Wait()
	for {
		select {
		case pk := <-p.came:
			all = append(all, pk)
		default:
			return all
		}
	}
}

func TestServerInvite100Within200ms(t *testing.T) {
	txs := make(chan *transaction.ServerTx, 1)
	inBubble(t, "udp", detached(txs), func(w *world) {
		invite := w.peer.newRequest(sip.INVITE)
		invite.Set("Timestamp", "54.3")
		w.peer.send(invite)
		pk := w.peer.next()
		require.Equal(t, 100, pk.resp.StatusCode)
		require.Regexp(t, `^54\.3 0\.1[56]\d$`, pk.resp.Get("Timestamp"), "with the delay (section 8.2.6.1)")
		require.Less(t, pk.at.Sub(w.began), 200*time.Millisecond)
		to, err := pk.resp.To()
		require.NoError(t, err)
		require.Empty(t, to.Tag())

		w.peer.send(invite) // a retransmission gets it again
		w.peer.response(100)
		require.NoError(t, (<-txs).Respond(sip.NewResponse(invite, 603)))
		w.peer.response(603)
		w.peer.send(w.peer.ack(invite, sip.NewResponse(invite, 603)))
	})
}

func TestServerInviteNo100AfterAnAnswer(t *testing.T) {
	inBubble(t, "udp", answer(180, 200), func(w *world) {
		w.peer.send(w.peer.newRequest(sip.INVITE))
		w.peer.response(180)
		w.peer.response(200)
		w.peer.quiet(time.Second)
	})
}

// Timers G and H: a final response other than 2xx is repeated, at intervals
// that double up to T2, until 64*T1.
func TestServerInviteTimersGAndH(t *testing.T) {
	inBubble(t, "udp", answer(486), func(w *world) {
		w.peer.send(w.peer.newRequest(sip.INVITE))
		time.Sleep(time.Minute)
		var want []time.Duration
		for at, d := time.Duration(0), 500*time.Millisecond; at < 32*time.Second; at, d = at+d, min(2*d, 4*time.Second) {
			want = append(want, at)
		}
		requireTimes(t, want, w.peer.all(), w.began)
		require.Zero(t, w.ep.Stats().Server)
	})
}

// Timer H alone over a reliable transport: nothing is repeated.
func TestServerInviteTimerHReliable(t *testing.T) {
	inBubble(t, "tcp", answer(486), func(w *world) {
		w.peer.send(w.peer.newRequest(sip.INVITE))
		w.peer.response(486)
		w.peer.quiet(31 * time.Second)
		require.Equal(t, 1, w.ep.Stats().Server)
		w.peer.quiet(2 * time.Second)
		require.Zero(t, w.ep.Stats().Server)
	})
}

// Timer I: after ACK the transaction absorbs further ones for T4.
func TestServerInviteTimerI(t *testing.T) {
	onBoth(t, answer(486), func(w *world) {
		invite := w.peer.newRequest(sip.INVITE)
		w.peer.send(invite)
		ack := w.peer.ack(invite, w.peer.response(486))
		w.peer.send(ack)
		synctest.Wait()
		if w.peer.Network() == "udp" {
			require.Equal(w.t, 1, w.ep.Stats().Server)
			w.peer.send(ack)
			w.peer.send(invite) // is absorbed as well
			w.peer.quiet(4900 * time.Millisecond)
			require.Equal(w.t, 1, w.ep.Stats().Server)
			time.Sleep(200 * time.Millisecond)
			synctest.Wait()
		}
		require.Zero(w.t, w.ep.Stats().Server)
		w.peer.quiet(time.Minute)
	})
}

func TestServerInviteCompletedAnswersRetransmissions(t *testing.T) {
	inBubble(t, "udp", answer(486), func(w *world) {
		invite := w.peer.newRequest(sip.INVITE)
		w.peer.send(invite)
		first := w.peer.response(486)
		for range 3 {
			w.peer.send(invite)
			require.Equal(t, first.String(), w.peer.response(486).String())
		}
		w.peer.send(w.peer.ack(invite, first))
		w.peer.quiet(time.Minute)
	})
}

// RFC 6026: after a 2xx, repetitions of the INVITE are absorbed and further 2xx
// are sent, until Timer L.
func TestServerInviteAcceptedTimerL(t *testing.T) {
	txs := make(chan *transaction.ServerTx, 1)
	acks := make(chan *sip.Request, 10)
	h := transaction.HandlerFunc(func(ctx context.Context, req *sip.Request, tx *transaction.ServerTx) error {
		if req.Method == sip.ACK {
			acks <- req
			return nil
		}
		return detached(txs).ServeSIP(ctx, req, tx)
	})
	onBoth(t, h, func(w *world) {
		invite := w.peer.newRequest(sip.INVITE)
		w.peer.send(invite)
		tx := <-txs
		ok := sip.NewResponse(invite, 200)
		require.NoError(w.t, tx.Respond(ok))
		w.peer.response(200)
		require.ErrorIs(w.t, tx.Respond(sip.NewResponse(invite, 486)), transaction.ErrAnswered)
		require.ErrorIs(w.t, tx.Respond(sip.NewResponse(invite, 180)), transaction.ErrAnswered)

		w.peer.send(invite)
		w.peer.quiet(time.Second)

		other := sip.NewResponse(invite, 200)
		to, err := other.To()
		require.NoError(w.t, err)
		other.Set("To", to.WithTag("fork").String())
		require.NoError(w.t, tx.Respond(other))
		require.Contains(w.t, w.peer.response(200).Get("To"), "fork")

		// An ACK with the INVITE's branch, as of old, is the handler's.
		old := w.peer.ack(invite, sip.NewResponse(invite, 486))
		w.peer.send(old)
		require.Equal(w.t, old.CallID(), (<-acks).CallID())

		w.peer.quiet(30 * time.Second)
		require.Equal(w.t, 1, w.ep.Stats().Server)
		w.peer.quiet(2 * time.Second)
		require.Zero(w.t, w.ep.Stats().Server)
		require.ErrorIs(w.t, tx.Respond(ok), transaction.ErrTerminated)
	})
}

// An ACK that matches nothing is the handler's; its transaction has no answer.
func TestACKHasNoResponse(t *testing.T) {
	errs := make(chan error, 1)
	h := transaction.HandlerFunc(func(_ context.Context, req *sip.Request, tx *transaction.ServerTx) error {
		errs <- tx.Respond(sip.NewResponse(req, 200))
		return &sip.StatusError{Code: 404}
	})
	inBubble(t, "udp", h, func(w *world) {
		w.peer.send(w.peer.newRequest(sip.ACK))
		require.ErrorIs(t, <-errs, transaction.ErrNoTransaction)
		w.peer.quiet(time.Minute)
		require.Zero(t, w.ep.Stats().Server)
		require.Zero(t, w.ep.Stats().Handlers)
	})
}

func TestServerInviteRingsTooLong(t *testing.T) {
	txs := make(chan *transaction.ServerTx, 1)
	inBubble(t, "udp", detached(txs), func(w *world) {
		invite := w.peer.newRequest(sip.INVITE)
		w.peer.send(invite)
		tx := <-txs
		w.peer.response(100)
		time.Sleep(9 * time.Minute)
		require.NoError(t, tx.Respond(sip.NewResponse(invite, 180)))
		w.peer.response(180)
		w.peer.quiet(9 * time.Minute) // the 180 began it anew
		w.peer.response(408)
		require.ErrorIs(t, tx.Respond(sip.NewResponse(invite, 200)), transaction.ErrAnswered)
	})
}
