package dialog_test

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/transaction"
	"github.com/patchbay-sip/patchbay/transaction/dialog"
)

// later keeps requests for the test to answer.
func later() (dialog.Option, <-chan *transaction.ServerTx) {
	txs := make(chan *transaction.ServerTx, 10)
	return dialog.OnRequest(func(_ context.Context, _ *dialog.Dialog, _ *sip.Request, tx *transaction.ServerTx) error {
		tx.Detach()
		txs <- tx
		return nil
	}), txs
}

// update is an UPDATE of bob's with an offer.
func (w *wire) update(invite *sip.Request, resp *sip.Response, seq uint32) *sip.Request {
	req := w.within(invite, resp, sip.UPDATE, seq)
	req.Set("Contact", "<sip:moved@"+bobAddr+">")
	req.SetBody("application/sdp", "update "+strconv.Itoa(int(seq)))
	return req
}

func answer(tx *transaction.ServerTx, code int, body string) error {
	resp := sip.NewResponse(tx.Request(), code)
	if body != "" {
		resp.SetBody("application/sdp", body)
	}
	return tx.Respond(resp)
}

func (w *wire) retryAfter(resp *sip.Response) {
	after, err := strconv.Atoi(resp.Get("Retry-After"))
	require.NoError(w.t, err)
	require.LessOrEqual(w.t, after, 10)
}

// confirmed is a call of bob's wire to alice.
func (w *wire) confirmed(alice *phone) (*sip.Request, *sip.Response, *dialog.Dialog) {
	calls := alice.accepting()
	invite := w.invite("")
	invite.SetBody("application/sdp", "offer")
	invite.Set("Allow", "INVITE, ACK, BYE, UPDATE")
	w.send(invite)
	w.response(180)
	ok := w.response(200)
	w.send(w.ack(invite, ok))
	d := <-calls
	<-d.Confirmed()
	return invite, ok, d
}

// RFC 3311 section 5.2: an UPDATE without an offer is answered by itself, and
// moves the target.
func TestUpdateWithoutOffer(t *testing.T) {
	onWire(t, func(t *testing.T, alice *phone, w *wire) {
		calls := alice.ringsWith("")
		invite := w.invite("")
		w.send(invite)
		ring := w.response(180)
		require.True(t, ring.HasToken("Allow", "UPDATE"))
		req := w.update(invite, ring, 2)
		req.SetBody("", "")
		w.send(req)
		require.Equal(t, "<sip:callee@"+aliceAddr+">", w.response(200).Get("Contact"))
		d := <-calls
		require.Equal(t, "sip:moved@"+bobAddr, d.NewRequest(sip.INFO).URI.String())
		require.NoError(t, answer(d.tx, 486, ""))
	})
}

// RFC 3311 section 5.2: one at a time; while the INVITE's offer has no answer,
// another one is too early.
func TestUpdateGlareIncoming(t *testing.T) {
	opt, txs := later()
	onWire(t, func(t *testing.T, alice *phone, w *wire) {
		calls := alice.ringsWith("")
		invite := w.reliableInvite()
		w.send(invite)
		ring := w.response(180)
		w.send(w.prack(invite, ring, 2))
		w.response(200)
		d := <-calls

		w.send(w.update(invite, ring, 3))
		w.retryAfter(w.response(500)) // we have not answered the first offer

		_, err := alice.Progress(d.tx, withBody(sip.NewResponse(d.tx.Request(), 183), "answer"))
		require.NoError(t, err)
		w.send(w.prack(invite, w.response(183), 4))
		w.response(200)

		w.send(w.update(invite, ring, 5))
		first := <-txs
		w.send(w.update(invite, ring, 6))
		w.retryAfter(w.response(500)) // nor the last UPDATE
		require.NoError(t, answer(first, 200, "answer"))
		require.Equal(t, "answer", w.response(200).Body())
		w.send(w.update(invite, ring, 7))
		require.NoError(t, answer(<-txs, 488, ""))
		w.response(488)
		require.NoError(t, answer(d.tx, 486, ""))
	}, opt)
}

func withBody(resp *sip.Response, body string) *sip.Response {
	resp.SetBody("application/sdp", body)
	return resp
}

// RFC 3311 section 5.2: an offer that crosses ours is answered 491.
func TestUpdateCrossesOurs(t *testing.T) {
	onWire(t, func(t *testing.T, alice *phone, w *wire) {
		invite, ok, d := w.confirmed(alice)
		done := make(chan int, 1)
		go func() {
			resp, err := d.Do(context.Background(), offer(d, sip.UPDATE))
			require.NoError(t, err)
			done <- resp.StatusCode
		}()
		ours := w.request(sip.UPDATE)
		require.NotEmpty(t, ours.Get("Contact"))
		w.send(w.update(invite, ok, 2))
		w.response(491)
		again := w.within(invite, ok, sip.INVITE, 3)
		again.SetBody("application/sdp", "update")
		w.send(again)
		ack, err := sip.NewACK(again, w.response(491))
		require.NoError(t, err)
		w.send(ack)

		_, err = d.Do(context.Background(), offer(d, sip.UPDATE))
		require.ErrorIs(t, err, dialog.ErrPending)
		_, err = d.Do(context.Background(), offer(d, sip.INVITE))
		require.ErrorIs(t, err, dialog.ErrPending)

		w.send(sip.NewResponse(ours, 200))
		require.Equal(t, 200, <-done)
		w.send(w.within(invite, ok, sip.BYE, 9))
		w.response(200)
	})
}

func offer(d *dialog.Dialog, m sip.Method) *sip.Request {
	req := d.NewRequest(m)
	req.SetBody("application/sdp", "new offer")
	return req
}

// RFC 3261 section 14.1, RFC 3311 section 5.3: after a 491 another try is made,
// once: by the callee within 2 s, by the owner of the Call-ID after 2.1 to 4 s.
func TestAnotherTryAfter491(t *testing.T) {
	for _, m := range []sip.Method{sip.INVITE, sip.UPDATE} {
		onWire(t, func(t *testing.T, alice *phone, w *wire) {
			invite, ok, d := w.confirmed(alice)
			w.glare(t, d, m, 0, 2*time.Second)
			w.send(w.within(invite, ok, sip.BYE, 9))
			w.response(200)
		})
		onWire(t, func(t *testing.T, alice *phone, w *wire) {
			outcomes, _ := alice.calling(context.Background(), w)
			w.send(w.ok(w.request(sip.INVITE), "one"))
			w.request(sip.ACK)
			d := (<-outcomes).dialog
			w.glare(t, d, m, 2100*time.Millisecond, 4*time.Second)
			go d.Bye(context.Background())
			w.send(sip.NewResponse(w.request(sip.BYE), 200))
		})
	}
}

// glare has a request of the dialog answered 491 twice.
func (w *wire) glare(t *testing.T, d *dialog.Dialog, m sip.Method, least, most time.Duration) {
	done := make(chan int, 1)
	go func() {
		resp, err := d.Do(context.Background(), offer(d, m))
		require.NoError(t, err)
		done <- resp.StatusCode
	}()
	reject := func() *sip.Request {
		req := w.request(m)
		w.send(sip.NewResponse(req, 491))
		if m == sip.INVITE {
			w.request(sip.ACK)
		}
		return req
	}
	first := reject()
	began := time.Now()
	second := reject()
	waited := time.Since(began)
	require.GreaterOrEqual(t, waited, least)
	require.LessOrEqual(t, waited, most+50*time.Millisecond)
	require.Equal(t, first.Body(), second.Body())
	a, err := first.CSeq()
	require.NoError(t, err)
	b, err := second.CSeq()
	require.NoError(t, err)
	require.Greater(t, b.Seq, a.Seq)
	require.Equal(t, 491, <-done)
}

// An INVITE with the description of before is a refresh: the program is not
// asked, and the answer is the one of before.
func TestReInviteThatChangesNothing(t *testing.T) {
	opt, txs := later()
	onWire(t, func(t *testing.T, alice *phone, w *wire) {
		invite, ok, _ := w.confirmed(alice)
		again := w.within(invite, ok, sip.INVITE, 2)
		again.SetBody("application/sdp", "offer")
		w.send(again)
		same := w.response(200)
		require.Equal(t, "answer", same.Body())
		ack := w.within(invite, ok, sip.ACK, 2)
		w.send(ack)
		require.Empty(t, txs)
		w.send(w.within(invite, ok, sip.BYE, 9))
		w.response(200)
	}, opt)
}

// UPDATE in an early dialog, both ways, between two phones.
func TestUpdateInEarlyDialog(t *testing.T) {
	onRequest := dialog.OnRequest(func(_ context.Context, _ *dialog.Dialog, _ *sip.Request, tx *transaction.ServerTx) error {
		return answer(tx, 200, "fine")
	})
	for seed := range uint64(5) {
		lossy(t, seed, func(t *testing.T, alice, bob *phone) {
			calls := bob.ringsWith("answer")
			early := make(chan *dialog.Dialog, 1)
			ctx, cancel := context.WithCancel(context.Background())
			ended := make(chan error, 1)
			go func() {
				_, err := alice.Invite(ctx, alice.invite(bob), sip.Target{}, dialog.OnEarly(func(d *dialog.Dialog) { early <- d }))
				ended <- err
			}()
			caller := <-early
			callee := <-calls
			time.Sleep(20 * time.Second) // for PRACK
			for _, d := range []*dialog.Dialog{caller, callee.Dialog} {
				resp, err := d.Do(ctx, offer(d, sip.UPDATE))
				require.NoError(t, err)
				require.Equal(t, "fine", resp.Body())
			}
			cancel()
			require.ErrorIs(t, <-ended, context.Canceled)
		}, onRequest)
	}
}
