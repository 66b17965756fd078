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

// nonInviteTimes is when a request is sent that nobody answers: timer E.
func nonInviteTimes(from, interval, until time.Duration) (times []time.Duration) {
	for at, d := from, interval; at < until; at, d = at+d, min(2*d, 4*time.Second) {
		times = append(times, at)
	}
	return times
}

// Timers E and F.
func TestClientNonInviteTimersEAndF(t *testing.T) {
	inBubble(t, "udp", nil, func(w *world) {
		c := w.start(context.Background(), sip.OPTIONS)
		ev := c.fails(transaction.ErrTimeout)
		require.InDelta(t, 32*time.Second, ev.at.Sub(w.began), float64(grain))
		requireTimes(t, nonInviteTimes(0, 500*time.Millisecond, 32*time.Second), w.peer.all(), w.began)
		require.Zero(t, w.ep.Stats().Client)
	})
}

func TestClientNonInviteTimerFReliable(t *testing.T) {
	inBubble(t, "tcp", nil, func(w *world) {
		c := w.start(context.Background(), sip.OPTIONS)
		c.fails(transaction.ErrTimeout)
		require.InDelta(t, 32*time.Second, time.Since(w.began), float64(grain))
		require.Len(t, w.peer.all(), 1)
	})
}

// After a provisional response timer E fires when it would have, and is T2 from
// then on; timer F goes on.
func TestClientNonInviteProceeding(t *testing.T) {
	inBubble(t, "udp", nil, func(w *world) {
		c := w.start(context.Background(), sip.OPTIONS)
		w.peer.respond(w.peer.request(sip.OPTIONS), 100)
		c.response(100)
		c.fails(transaction.ErrTimeout)
		var want []time.Duration
		for at := 500 * time.Millisecond; at < 32*time.Second; at += 4 * time.Second {
			want = append(want, at)
		}
		requireTimes(t, want, w.peer.all(), w.began)
		require.InDelta(t, 32*time.Second, time.Since(w.began), float64(grain))
	})
}

// Timer K: 5 seconds over UDP, not 32, and none over a reliable transport.
func TestClientNonInviteTimerK(t *testing.T) {
	onBoth(t, nil, func(w *world) {
		c := w.start(context.Background(), sip.OPTIONS)
		req := w.peer.request(sip.OPTIONS)
		w.peer.respond(req, 200)
		c.response(200)
		if w.peer.Network() == "udp" {
			time.Sleep(4900 * time.Millisecond)
			require.Equal(w.t, 1, w.ep.Stats().Client)
			w.peer.respond(req, 200)
			time.Sleep(200 * time.Millisecond)
			require.Zero(w.t, w.ep.Stats().Stray)
		}
		synctest.Wait()
		require.Zero(w.t, w.ep.Stats().Client)
		w.peer.quiet(time.Minute)
		c.silent()
	})
}

// The end of ctx abandons the request; what comes later is absorbed.
func TestClientNonInviteAbandoned(t *testing.T) {
	inBubble(t, "udp", nil, func(w *world) {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		c := w.start(ctx, sip.OPTIONS)
		c.fails(context.DeadlineExceeded)
		req := w.peer.request(sip.OPTIONS)
		w.peer.all()
		w.peer.quiet(20 * time.Second)
		w.peer.respond(req, 200)
		c.silent()
		require.Zero(t, w.ep.Stats().Stray)
		time.Sleep(20 * time.Second)
		require.Zero(t, w.ep.Stats().Client)
	})
}

func TestClientNonInviteCancel(t *testing.T) {
	inBubble(t, "udp", nil, func(w *world) {
		c := w.start(context.Background(), sip.OPTIONS)
		c.Cancel()
		c.fails(context.Canceled)
		c.Cancel()
		c.silent()
	})
}

func TestACKAndCANCELAreNotStarted(t *testing.T) {
	inBubble(t, "udp", nil, func(w *world) {
		for _, m := range []sip.Method{sip.ACK, sip.CANCEL} {
			_, err := w.ep.Start(context.Background(), request(m, peerAddr), w.toPeer(), nil)
			require.ErrorIs(t, err, transaction.ErrMethod)
		}
	})
}
