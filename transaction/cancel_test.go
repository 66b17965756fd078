package transaction_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/transaction"
)

// cancelOf makes the CANCEL of a peer's INVITE.
func cancelOf(invite *sip.Request) *sip.Request { return sip.NewCancel(invite) }

// A handler that waits learns of CANCEL at once; its return answers 487.
func TestCancelEndsTheHandlersContext(t *testing.T) {
	causes := make(chan error, 1)
	for name, wait := range map[string]func(context.Context) error{
		"returns nil":      func(context.Context) error { return nil },
		"returns ctx.Err":  func(ctx context.Context) error { return ctx.Err() },
		"returns cause":    context.Cause,
		"returns a status": func(context.Context) error { return &sip.StatusError{Code: 487} },
	} {
		h := transaction.HandlerFunc(func(ctx context.Context, _ *sip.Request, _ *transaction.ServerTx) error {
			<-ctx.Done()
			causes <- context.Cause(ctx)
			return wait(ctx)
		})
		t.Run(name, func(t *testing.T) {
			onBoth(t, h, func(w *world) {
				invite := w.peer.newRequest(sip.INVITE)
				w.peer.send(invite)
				w.peer.response(100)
				began := time.Now()
				w.peer.send(cancelOf(invite))
				ok := w.peer.response(200)
				cseq, err := ok.CSeq()
				require.NoError(w.t, err)
				require.Equal(w.t, sip.CANCEL, cseq.Method)
				end := w.peer.response(487)
				require.Equal(w.t, began, time.Now())
				require.ErrorIs(w.t, <-causes, transaction.ErrCanceled)
				require.Equal(w.t, end.Get("To"), ok.Get("To"), "RFC 3261 section 9.2")

				w.peer.send(cancelOf(invite)) // again: the INVITE has its answer
				require.Equal(w.t, 200, w.peer.next().resp.StatusCode)
				w.peer.send(w.peer.ack(invite, end))
				w.peer.quiet(time.Minute)
				require.Zero(w.t, w.ep.Stats().Server)
			})
		})
	}
}

// A detached call learns by OnCancel, and has the last word: a 200 that was
// decided on goes through.
func TestCancelCrossesA200(t *testing.T) {
	h := transaction.HandlerFunc(func(_ context.Context, req *sip.Request, tx *transaction.ServerTx) error {
		if req.Method == sip.ACK {
			return nil
		}
		tx.OnCancel(func() {
			time.Sleep(20 * time.Millisecond)
			_ = tx.Respond(sip.NewResponse(req, 200))
		})
		tx.Detach()
		return nil
	})
	onBoth(t, h, func(w *world) {
		invite := w.peer.newRequest(sip.INVITE)
		w.peer.send(invite)
		w.peer.send(cancelOf(invite))
		require.Equal(w.t, "1 CANCEL", w.peer.response(200).Get("CSeq"))
		require.Equal(w.t, "1 INVITE", w.peer.response(200).Get("CSeq"))
		w.peer.quiet(time.Minute)
	})
}

// Nobody watches a detached call: the layer answers for it.
func TestCancelOfAnUnwatchedCall(t *testing.T) {
	txs := make(chan *transaction.ServerTx, 1)
	inBubble(t, "udp", detached(txs), func(w *world) {
		invite := w.peer.newRequest(sip.INVITE)
		w.peer.send(invite)
		tx := <-txs
		w.peer.response(100)
		w.peer.send(cancelOf(invite))
		w.peer.response(200)
		w.peer.send(w.peer.ack(invite, w.peer.response(487)))
		require.ErrorIs(t, tx.Respond(sip.NewResponse(invite, 200)), transaction.ErrAnswered)
		w.peer.quiet(time.Minute)
	})
}

// CANCEL may come before the handler has got round to OnCancel and Detach.
func TestCancelBeforeOnCancel(t *testing.T) {
	for _, watch := range []bool{true, false} {
		letGo := make(chan struct{}, 1)
		h := transaction.HandlerFunc(func(_ context.Context, req *sip.Request, tx *transaction.ServerTx) error {
			<-letGo
			if watch {
				tx.OnCancel(func() { _ = tx.Respond(sip.NewResponse(req, 480)) })
			}
			tx.Detach()
			return nil
		})
		inBubble(t, "udp", h, func(w *world) {
			invite := w.peer.newRequest(sip.INVITE)
			w.peer.send(invite)
			w.peer.send(cancelOf(invite))
			w.peer.response(200)
			letGo <- struct{}{}
			if watch {
				w.peer.response(480)
			} else {
				w.peer.response(487)
			}
		})
	}
}

func TestCancelOfNothing(t *testing.T) {
	onBoth(t, answer(200), func(w *world) {
		cancel := cancelOf(w.peer.newRequest(sip.INVITE))
		w.peer.send(cancel)
		first := w.peer.response(481)
		w.peer.send(cancel)
		require.Equal(w.t, first.String(), w.peer.response(481).String(), "the tag is stable")
		require.Zero(w.t, w.ep.Stats().Server)

		// A CANCEL has no effect on anything but INVITE.
		options := w.peer.newRequest(sip.OPTIONS)
		w.peer.send(options)
		w.peer.response(200)
		w.peer.send(cancelOf(options))
		w.peer.response(481)
	})
}

// From end to end: the callee's CANCEL has the branch and number of its INVITE
// within 50 ms; the caller gets 200 and 487.
func TestCancelEndToEnd(t *testing.T) {
	synctestWorld(t, func(w *world) {
		invite := w.peer.newRequest(sip.INVITE)
		w.peer.send(invite)
		w.peer.response(180)
		began := time.Now()
		w.peer.send(cancelOf(invite))
		require.Equal(w.t, "1 CANCEL", w.peer.response(200).Get("CSeq"))
		require.Equal(w.t, "1 INVITE", w.peer.response(487).Get("CSeq"))
		require.Less(w.t, time.Since(began), 50*time.Millisecond)
	})
}

// synctestWorld has the Endpoint pass each call on to one that rings, in the
// way of a B2BUA.
func synctestWorld(t *testing.T, f func(w *world)) {
	const calleeAddr = "192.0.2.2:5060"
	ringing := transaction.HandlerFunc(func(ctx context.Context, req *sip.Request, tx *transaction.ServerTx) error {
		if req.Method == sip.ACK {
			return nil
		}
		if err := tx.Respond(sip.NewResponse(req, 180)); err != nil {
			return err
		}
		<-ctx.Done()
		return ctx.Err()
	})
	var w *world
	between := transaction.HandlerFunc(func(ctx context.Context, req *sip.Request, tx *transaction.ServerTx) error {
		if req.Method == sip.ACK {
			return nil
		}
		leg := request(sip.INVITE, calleeAddr)
		c, err := w.ep.Start(context.WithoutCancel(ctx), leg, sip.Target{}, func(ev transaction.Event) {
			if ev.Err == nil && ev.Response.StatusCode > 100 {
				_ = tx.Respond(sip.NewResponse(req, ev.Response.StatusCode))
			}
		})
		if err != nil {
			return err
		}
		tx.OnCancel(c.Cancel)
		tx.Detach()
		return nil
	})
	inBubble(t, "udp", between, func(world *world) {
		w = world
		callee := w.serve(calleeAddr, ringing)
		f(w)
		require.NoError(t, callee.Close())
	})
}
