package dialog_test

import (
	"context"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/transaction"
	"github.com/patchbay-sip/patchbay/transaction/dialog"
)

// Past the bound nobody gets in, but a call that ends makes room.
func TestMaxDialogs(t *testing.T) {
	onWire(t, func(t *testing.T, alice *phone, w *wire) {
		invite, ok, _ := w.confirmed(alice)
		again := w.invite("")
		w.send(again)
		full := w.response(503)
		require.Equal(t, "5", full.Get("Retry-After"))
		ack, err := sip.NewACK(again, full)
		require.NoError(t, err)
		w.send(ack)
		w.send(w.within(invite, ok, sip.OPTIONS, 2))
		w.response(200)
		w.send(w.within(invite, ok, sip.BYE, 3))
		w.response(200)
		invite, ok, _ = w.confirmed(alice)
		w.send(w.within(invite, ok, sip.BYE, 2))
		w.response(200)
	}, dialog.WithMaxDialogs(1))
}

// Calls hold no goroutine, be they early or confirmed, with a session timer or
// an ACK that is due.
func TestCallsHoldNoGoroutine(t *testing.T) {
	timer := dialog.WithSessionTimer(dialog.SessionTimer{Interval: time.Hour})
	inBubble(t, "udp", func(t *testing.T, alice, bob *phone) {
		time.Sleep(time.Minute) // workers end when they have nothing to do
		before := runtime.NumGoroutine()
		calls := bob.accepting()
		var dialogs []*dialog.Dialog
		for range 100 {
			d, err := alice.Invite(context.Background(), alice.invite(bob), sip.Target{})
			require.NoError(t, err)
			dialogs = append(dialogs, d)
			<-calls
		}
		rings := bob.ringsWith("")
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() {
			_, err := alice.Invite(ctx, alice.invite(bob), sip.Target{})
			ended <- err
		}()
		early := <-rings
		time.Sleep(45 * time.Second)
		require.Equal(t, 101, bob.Len())
		require.LessOrEqual(t, runtime.NumGoroutine(), before+2, "Invite itself, and its ctx")
		require.True(t, early.Early())
		cancel()
		require.ErrorIs(t, <-ended, context.Canceled)
		for _, d := range dialogs {
			require.NoError(t, d.Bye(context.Background()))
		}
	}, timer)
}

// A caller makes no more than 64 early dialogs of one INVITE; the 65th phone can
// answer all the same.
func TestTooManyForks(t *testing.T) {
	onWire(t, func(t *testing.T, alice *phone, w *wire) {
		early := make(chan *dialog.Dialog, 100)
		calls := make(chan *dialog.Dialog, 1)
		go func() {
			d, err := alice.Invite(context.Background(), alice.invite(w.bob()), sip.Target{},
				dialog.OnEarly(func(d *dialog.Dialog) { early <- d }))
			require.NoError(t, err)
			calls <- d
		}()
		invite := w.request(sip.INVITE)
		for i := range 70 {
			w.send(w.early(invite, "n"+strconv.Itoa(i)))
			time.Sleep(time.Millisecond)
		}
		require.Len(t, early, 64)
		require.Equal(t, 64, alice.Len())
		w.send(w.ok(invite, "n69"))
		w.request(sip.ACK)
		d := <-calls
		time.Sleep(time.Minute)
		require.Equal(t, 1, alice.Len())
		go d.Bye(context.Background())
		w.send(sip.NewResponse(w.request(sip.BYE), 200))
	})
}

// An interval that grows for ever is followed four times.
func TestTooManyIntervals(t *testing.T) {
	onWire(t, func(t *testing.T, alice *phone, w *wire) {
		outcomes, _ := alice.calling(context.Background(), w)
		for i := range 5 {
			small := sip.NewResponse(w.request(sip.INVITE), 422)
			small.Set("Min-SE", strconv.Itoa(100+i))
			w.send(small)
			w.request(sip.ACK)
		}
		var rejected *dialog.RejectedError
		require.ErrorAs(t, (<-outcomes).err, &rejected)
		require.Equal(t, 422, rejected.Response.StatusCode)
	})
}

// A refresh is tried once a second at most, whatever the other end asks for.
func TestRefreshIsNotHurried(t *testing.T) {
	for _, code := range []int{500, 422} {
		onWire(t, func(t *testing.T, alice *phone, w *wire) {
			invite := w.timedInvite("timer", "90;refresher=uas")
			ok, _ := w.answered(alice, invite)
			for i := range 5 {
				update := w.request(sip.UPDATE)
				came := time.Now()
				resp := sip.NewResponse(update, code)
				resp.Set("Retry-After", "0")
				resp.Set("Min-SE", strconv.Itoa(100+i))
				w.send(resp)
				if i < 4 {
					continue
				}
				w.request(sip.UPDATE)
				require.GreaterOrEqual(t, time.Since(came), time.Second)
			}
			w.send(w.within(invite, ok, sip.BYE, 2))
			w.response(200)
		})
	}
}

// A re-INVITE can have reliable provisional responses, too.
func TestProgressOfReInvite(t *testing.T) {
	onRequest := dialog.OnRequest(func(_ context.Context, d *dialog.Dialog, req *sip.Request, tx *transaction.ServerTx) error {
		if err := d.Progress(tx, withBody(sip.NewResponse(req, 183), "new answer")); err != nil {
			return err
		}
		return d.Accept(tx, sip.NewResponse(req, 200))
	})
	inBubble(t, "udp", func(t *testing.T, alice, bob *phone) {
		caller, callee := ring(t, alice, bob)
		told := make(chan string, 2)
		resp, err := caller.Do(context.Background(), offer(caller, sip.INVITE),
			dialog.OnProvisional(func(resp *sip.Response) { told <- resp.Get("RSeq") + resp.Body() }))
		require.NoError(t, err)
		require.Equal(t, 200, resp.StatusCode)
		require.Contains(t, <-told, "new answer")
		require.Empty(t, told)
		require.False(t, callee.Early())

		req := caller.NewRequest(sip.INVITE) // the same as before: nobody is asked, nothing rings
		req.SetBody("application/sdp", "new offer")
		resp, err = caller.Do(context.Background(), req)
		require.NoError(t, err)
		require.Equal(t, "new answer", resp.Body())
		require.NoError(t, caller.Bye(context.Background()))
	}, onRequest)
}

// PRACK that never comes for a re-INVITE fails that, and not the call.
func TestProgressOfReInviteWithoutPRACK(t *testing.T) {
	onRequest := dialog.OnRequest(func(_ context.Context, d *dialog.Dialog, req *sip.Request, tx *transaction.ServerTx) error {
		tx.Detach()
		return d.Progress(tx, withBody(sip.NewResponse(req, 183), "new answer"))
	})
	onWire(t, func(t *testing.T, alice *phone, w *wire) {
		invite, ok, d := w.confirmed(alice)
		again := w.within(invite, ok, sip.INVITE, 2)
		again.Set("Supported", "100rel")
		again.SetBody("application/sdp", "new offer")
		w.send(again)
		for range 7 {
			w.response(183)
		}
		ack, err := sip.NewACK(again, w.response(504))
		require.NoError(t, err)
		w.send(ack)
		require.Equal(t, 1, alice.Len())
		require.NoError(t, d.Err())
		w.send(w.within(invite, ok, sip.BYE, 3))
		w.response(200)
	}, onRequest)
}

// An offer in the answer to a re-INVITE without one is answered in its ACK.
func TestOfferInAnswerToReInvite(t *testing.T) {
	onWire(t, func(t *testing.T, alice *phone, w *wire) {
		invite, ok, d := w.confirmed(alice)
		for _, opts := range [][]dialog.InviteOption{
			{dialog.OnOffer(func(_ *dialog.Dialog, offer string) (string, error) { return "answer to " + offer, nil })},
			{},
		} {
			errs := make(chan error, 1)
			go func() {
				_, err := d.Do(context.Background(), d.NewRequest(sip.INVITE), opts...)
				errs <- err
			}()
			w.send(withBody(sip.NewResponse(w.request(sip.INVITE), 200), "offer"))
			ack := w.request(sip.ACK)
			if len(opts) > 0 {
				require.NoError(t, <-errs)
				require.Equal(t, "answer to offer", ack.Body())
			} else {
				require.ErrorIs(t, <-errs, dialog.ErrNoAnswer)
				require.Empty(t, ack.Body())
			}
		}
		w.send(w.within(invite, ok, sip.BYE, 3))
		w.response(200)
	})
}
