package transaction_test

import (
	"context"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/transaction"
)

// A call is what Start told.
type call struct {
	*transaction.ClientTx
	t      testing.TB
	events chan event
}

type event struct {
	transaction.Event
	at time.Time
}

// toPeer is the target that leads to the peer over its network.
func (w *world) toPeer() sip.Target {
	return sip.Target{URI: sip.MustParseURI("sip:bob@" + peerAddr + ";transport=" + w.peer.Network())}
}

// start sends a request to the peer.
func (w *world) start(ctx context.Context, m sip.Method, opts ...transaction.StartOption) *call {
	w.t.Helper()
	return w.startTo(ctx, m, w.toPeer(), opts...)
}

func (w *world) startTo(ctx context.Context, m sip.Method, to sip.Target, opts ...transaction.StartOption) *call {
	w.t.Helper()
	c := &call{t: w.t, events: make(chan event, 1000)}
	var err error
	c.ClientTx, err = w.ep.Start(ctx, request(m, peerAddr), to, func(ev transaction.Event) {
		c.events <- event{ev, time.Now()}
	}, opts...)
	require.NoError(w.t, err)
	return c
}

// next waits for an event.
func (c *call) next() event {
	c.t.Helper()
	select {
	case ev := <-c.events:
		return ev
	case <-time.After(time.Hour):
		require.FailNow(c.t, "no event within an hour")
		return event{}
	}
}

func (c *call) response(code int) *sip.Response {
	c.t.Helper()
	ev := c.next()
	require.NoError(c.t, ev.Err)
	require.Equal(c.t, code, ev.Response.StatusCode)
	require.Equal(c.t, code >= 200, ev.Last)
	return ev.Response
}

func (c *call) fails(err error) event {
	c.t.Helper()
	ev := c.next()
	require.ErrorIs(c.t, ev.Err, err)
	require.True(c.t, ev.Last)
	return ev
}

// silent makes sure that nothing more is told.
func (c *call) silent() {
	c.t.Helper()
	synctest.Wait()
	require.Empty(c.t, c.events)
}

// Timers A and B: the INVITE is sent seven times at doubling intervals, and
// given up after 64*T1.
func TestClientInviteTimersAAndB(t *testing.T) {
	inBubble(t, "udp", nil, func(w *world) {
		c := w.start(context.Background(), sip.INVITE)
		ev := c.fails(transaction.ErrTimeout)
		require.InDelta(t, 32*time.Second, ev.at.Sub(w.began), float64(grain))
		var want []time.Duration
		for i := range 7 {
			want = append(want, 500*time.Millisecond*(1<<i-1))
		}
		sent := w.peer.all()
		requireTimes(t, want, sent, w.began)
		for _, pk := range sent {
			require.Equal(t, c.Request().Get("Call-ID"), pk.req.CallID())
		}
		require.Zero(t, w.ep.Stats().Client)
	})
}

func TestClientInviteTimerBReliable(t *testing.T) {
	inBubble(t, "tcp", nil, func(w *world) {
		c := w.start(context.Background(), sip.INVITE)
		c.fails(transaction.ErrTimeout)
		require.InDelta(t, 32*time.Second, time.Since(w.began), float64(grain))
		require.Len(t, w.peer.all(), 1)
	})
}

// A provisional response ends retransmission and timer B.
func TestClientInviteProceeding(t *testing.T) {
	inBubble(t, "udp", nil, func(w *world) {
		c := w.start(context.Background(), sip.INVITE)
		invite := w.peer.request(sip.INVITE)
		w.peer.respond(invite, 100)
		c.response(100)
		w.peer.quiet(3 * time.Minute)
		w.peer.respond(invite, 180)
		c.response(180)
		w.peer.respond(invite, 180)
		c.response(180)
		w.peer.respond(invite, 486)
		c.response(486)
		w.peer.request(sip.ACK)
		c.silent()
	})
}

// Timer D: each repetition of the final response is acknowledged at once and
// not told again.
func TestClientInviteTimerD(t *testing.T) {
	onBoth(t, nil, func(w *world) {
		c := w.start(context.Background(), sip.INVITE)
		invite := w.peer.request(sip.INVITE)
		for i := range 3 {
			began := time.Now()
			w.peer.respond(invite, 486)
			if i == 0 || w.peer.Network() == "udp" {
				ack := w.peer.next()
				require.Equal(w.t, sip.ACK, ack.req.Method)
				require.Equal(w.t, began, ack.at)
				require.Equal(w.t, topBranch(w.t, invite), topBranch(w.t, ack.req))
			}
			time.Sleep(10 * time.Second)
		}
		c.response(486)
		c.silent()
		if w.peer.Network() == "udp" {
			require.Equal(w.t, 1, w.ep.Stats().Client)
			time.Sleep(1900 * time.Millisecond)
			require.Equal(w.t, 1, w.ep.Stats().Client)
			time.Sleep(200 * time.Millisecond)
		}
		require.Zero(w.t, w.ep.Stats().Client)
		w.peer.respond(invite, 486)
		w.peer.quiet(time.Minute)
	})
}

func topBranch(t testing.TB, req *sip.Request) string {
	via, err := req.Via()
	require.NoError(t, err)
	return via.Branch()
}

// RFC 6026: each 2xx is told, until timer M; none is acknowledged here.
func TestClientInviteAcceptedTimerM(t *testing.T) {
	onBoth(t, nil, func(w *world) {
		c := w.start(context.Background(), sip.INVITE)
		invite := w.peer.request(sip.INVITE)
		for range 3 {
			w.peer.respond(invite, 200)
			c.response(200)
		}
		w.peer.respond(invite, 486)
		c.silent()
		w.peer.quiet(31 * time.Second)
		w.peer.respond(invite, 200)
		c.response(200)
		time.Sleep(2 * time.Second)
		require.Zero(w.t, w.ep.Stats().Client)
		w.peer.respond(invite, 200)
		c.silent()
		require.EqualValues(w.t, 1, w.ep.Stats().Stray)
	})
}

func TestClientInviteCancel(t *testing.T) {
	onBoth(t, nil, func(w *world) {
		ctx, cancel := context.WithCancel(context.Background())
		c := w.start(ctx, sip.INVITE)
		invite := w.peer.request(sip.INVITE)
		w.peer.respond(invite, 180)
		c.response(180)
		began := time.Now()
		cancel()
		pk := w.peer.next()
		require.Equal(w.t, sip.CANCEL, pk.req.Method)
		require.Equal(w.t, began, pk.at, "CANCEL goes out at once")
		require.Equal(w.t, topBranch(w.t, invite), topBranch(w.t, pk.req))
		require.Equal(w.t, invite.URI, pk.req.URI)
		cseq, err := pk.req.CSeq()
		require.NoError(w.t, err)
		require.Equal(w.t, sip.CSeq{Seq: 1, Method: sip.CANCEL}, cseq)

		w.peer.respond(pk.req, 200)
		w.peer.respond(invite, 487)
		w.peer.request(sip.ACK)
		c.response(487)
		c.Cancel() // too late
		w.peer.quiet(time.Minute)
		c.silent()
		require.Zero(w.t, w.ep.Stats().Client)
	})
}

// RFC 3261 section 9.1: no CANCEL before a provisional response.
func TestClientInviteCancelWaitsFor1xx(t *testing.T) {
	inBubble(t, "udp", nil, func(w *world) {
		c := w.start(context.Background(), sip.INVITE)
		c.Cancel()
		invite := w.peer.request(sip.INVITE)
		time.Sleep(600 * time.Millisecond)
		w.peer.request(sip.INVITE) // retransmission goes on
		w.peer.respond(invite, 100)
		w.peer.request(sip.CANCEL)
		c.response(100)
		w.peer.respond(invite, 200) // crosses
		c.response(200)
	})
}

// CANCEL is a transaction of its own: it is repeated, and the INVITE ends
// 64*T1 later.
func TestClientInviteCancelUnanswered(t *testing.T) {
	inBubble(t, "udp", nil, func(w *world) {
		c := w.start(context.Background(), sip.INVITE)
		invite := w.peer.request(sip.INVITE)
		w.peer.respond(invite, 180)
		c.response(180)
		began := time.Now()
		c.Cancel()
		ev := c.fails(transaction.ErrTimeout)
		require.InDelta(t, 32*time.Second, ev.at.Sub(began), float64(grain))
		require.Len(t, w.peer.all(), 11)
		require.Zero(t, w.ep.Stats().Client)
	})
}

func TestClientInviteCancelNeverAnswered(t *testing.T) {
	inBubble(t, "udp", nil, func(w *world) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		c := w.start(ctx, sip.INVITE)
		c.fails(transaction.ErrTimeout)
		require.InDelta(t, 32*time.Second, time.Since(w.began), float64(grain))
		for _, pk := range w.peer.all() {
			require.Equal(t, sip.INVITE, pk.req.Method)
		}
	})
}

func TestClientInviteRingsTooLong(t *testing.T) {
	inBubble(t, "udp", nil, func(w *world) {
		c := w.start(context.Background(), sip.INVITE)
		invite := w.peer.request(sip.INVITE)
		w.peer.respond(invite, 180)
		c.response(180)
		w.peer.quiet(10*time.Minute - time.Second)
		w.peer.respond(w.peer.request(sip.CANCEL), 200)
		w.peer.respond(invite, 487)
		c.response(487)
	})
}

// A cancelled INVITE that was not sent yet never is.
func TestCancelDuringLookup(t *testing.T) {
	looking := make(chan struct{})
	slow := resolver(func(ctx context.Context, _ sip.URI) ([]sip.Hop, error) {
		close(looking)
		<-ctx.Done()
		return nil, ctx.Err()
	})
	inBubble(t, "udp", nil, func(w *world) {
		ctx, cancel := context.WithCancelCause(context.Background())
		c := w.startTo(ctx, sip.INVITE, sip.Target{URI: sip.MustParseURI("sip:example.com")})
		<-looking
		require.Nil(t, c.Request())
		why := context.DeadlineExceeded
		cancel(why)
		c.fails(why)
		w.peer.quiet(time.Minute)
	}, transaction.WithResolver(slow))
}

type resolver func(context.Context, sip.URI) ([]sip.Hop, error)

func (f resolver) Resolve(ctx context.Context, u sip.URI) ([]sip.Hop, error) { return f(ctx, u) }

func hops(network string, addrs ...string) (all []sip.Hop) {
	for _, a := range addrs {
		all = append(all, sip.Hop{Network: network, Addr: netip.MustParseAddrPort(a)})
	}
	return all
}
