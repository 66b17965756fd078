package dialog_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip"
)

// Shutdown ends each call in the way that is due to it: on either side, early or
// confirmed, and when ACK is still to come.
func TestShutdown(t *testing.T) {
	onWire(t, func(t *testing.T, alice *phone, w *wire) {
		confirmed, ok, d := w.confirmed(alice)
		calls := alice.accepting()
		unacked := w.invite("")
		w.send(unacked)
		w.response(180)
		late := w.response(200)
		<-calls
		rings := alice.ringsWith("")
		early := w.invite("")
		w.send(early)
		w.response(180)
		<-rings

		down := make(chan error, 1)
		go func() { down <- alice.Shutdown(context.Background()) }()
		time.Sleep(10 * time.Millisecond)
		came := map[string]*sip.Request{}
		for range 2 {
			switch m := (<-w.came).(type) {
			case *sip.Request:
				came[m.CallID()] = m
				w.send(sip.NewResponse(m, 200))
			case *sip.Response:
				require.Equal(t, 503, m.StatusCode)
				require.Equal(t, early.CallID(), m.CallID())
				ack, err := sip.NewACK(early, m)
				require.NoError(t, err)
				w.send(ack)
			}
		}
		require.Contains(t, came, ok.CallID())
		<-d.Done()
		require.Empty(t, down, "one has no ACK")

		again := w.invite("")
		w.send(again)
		resp := w.response(503)
		require.Equal(t, again.CallID(), resp.CallID())
		ack, err := sip.NewACK(again, resp)
		require.NoError(t, err)
		w.send(ack)

		w.send(w.ack(unacked, late))
		bye := w.request(sip.BYE)
		require.Equal(t, unacked.CallID(), bye.CallID())
		w.send(sip.NewResponse(bye, 200))
		require.NoError(t, <-down)
		require.NoError(t, alice.Shutdown(context.Background()), "nothing is left to do")
		require.NotEmpty(t, confirmed.CallID())
	})
}

func TestShutdownRunsOutOfTime(t *testing.T) {
	onWire(t, func(t *testing.T, alice *phone, w *wire) {
		calls := alice.accepting()
		w.send(w.invite(""))
		w.response(180)
		w.response(200)
		<-calls
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		require.ErrorIs(t, alice.Shutdown(ctx), context.DeadlineExceeded)
		require.Equal(t, 1, alice.Len())
	})
}

// A caller's ringing call is its own; the Endpoint's Shutdown waits for the BYEs.
func TestShutdownOfACaller(t *testing.T) {
	inBubble(t, "udp", func(t *testing.T, alice, bob *phone) {
		caller, callee := ring(t, alice, bob)
		rings := bob.ringsWith("")
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() {
			_, err := alice.Invite(ctx, alice.invite(bob), sip.Target{})
			ended <- err
		}()
		<-rings
		time.Sleep(time.Second)
		require.NoError(t, alice.Shutdown(context.Background()))
		<-caller.Done()
		require.Equal(t, 1, alice.Len())
		cancel()
		require.ErrorIs(t, <-ended, context.Canceled)
		require.NoError(t, alice.ep.Shutdown(context.Background()))
		<-callee.Done()
	})
}
