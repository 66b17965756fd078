package dialog_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/transaction"
	"github.com/patchbay-sip/patchbay/transaction/dialog"
)

// A ringing is a call that a phone was offered and has not answered.
type ringing struct {
	*dialog.Dialog
	tx *transaction.ServerTx
}

// ringsWith has the phone send 18x responses, each with the body given, or none
// where that is empty.
func (p *phone) ringsWith(bodies ...string) chan ringing {
	calls := make(chan ringing, 10)
	p.mux.HandleFunc(sip.INVITE, func(_ context.Context, req *sip.Request, tx *transaction.ServerTx) error {
		tx.Detach()
		var d *dialog.Dialog
		for i, body := range bodies {
			resp := sip.NewResponse(req, 180+i)
			if body != "" {
				resp.SetBody("application/sdp", body)
			}
			var err error
			if d, err = p.Progress(tx, resp); err != nil {
				return err
			}
		}
		calls <- ringing{d, tx}
		return nil
	})
	return calls
}

// accept answers with a body.
func (r ringing) accept(p *phone, body string) error {
	ok := sip.NewResponse(r.tx.Request(), 200)
	if body != "" {
		ok.SetBody("application/sdp", body)
	}
	_, err := p.Accept(r.tx, ok)
	return err
}

// reliableInvite is an INVITE with an offer, by somebody who Supports 100rel.
func (w *wire) reliableInvite() *sip.Request {
	invite := w.invite("")
	invite.Add("Supported", "100rel")
	invite.SetBody("application/sdp", "offer")
	return invite
}

// prack acknowledges a provisional response.
func (w *wire) prack(invite *sip.Request, resp *sip.Response, seq uint32) *sip.Request {
	prack := w.within(invite, resp, sip.PRACK, seq)
	prack.Set("RAck", resp.Get("RSeq")+" "+invite.Get("CSeq"))
	return prack
}

// RFC 3262 section 3: a reliable response names its extension and number, and is
// repeated at intervals that double without bound until PRACK comes.
func TestProgressUntilPRACK(t *testing.T) {
	onWire(t, func(t *testing.T, alice *phone, w *wire) {
		calls := alice.ringsWith("answer")
		invite := w.reliableInvite()
		w.send(invite)
		first := w.response(180)
		began := time.Now()
		require.Equal(t, "100rel", first.Get("Require"))
		require.NotEmpty(t, first.Get("Contact"))
		rseq, err := first.Uint("RSeq")
		require.NoError(t, err)
		require.Positive(t, rseq)
		require.Less(t, rseq, uint32(1<<31))
		require.Equal(t, 1, alice.Len(), "there is an early dialog")

		var times []time.Duration
		for range 5 {
			require.Equal(t, first.String(), w.response(180).String())
			times = append(times, time.Since(began).Round(100*time.Millisecond))
		}
		require.Equal(t, []time.Duration{
			500 * time.Millisecond, 1500 * time.Millisecond, 3500 * time.Millisecond,
			7500 * time.Millisecond, 15500 * time.Millisecond,
		}, times)

		w.send(w.prack(invite, first, 2))
		w.response(200)
		time.Sleep(30 * time.Second)
		require.Empty(t, w.came)
		require.NoError(t, (<-calls).accept(alice, ""))
		ok := w.response(200)
		w.send(w.ack(invite, ok))
		w.send(w.within(invite, ok, sip.BYE, 3))
		w.response(200)
	})
}

// A caller that knows nothing of 100rel gets its provisional responses once.
func TestProgressUnreliable(t *testing.T) {
	onWire(t, func(t *testing.T, alice *phone, w *wire) {
		calls := alice.ringsWith("answer", "")
		w.send(w.invite(""))
		require.Empty(t, w.response(180).Get("RSeq"))
		require.Empty(t, w.response(181).Get("Require"))
		d := <-calls
		require.True(t, d.Early())
		time.Sleep(10 * time.Second)
		require.Empty(t, w.came)
		require.NoError(t, answer(d.tx, 486, ""))
		w.response(486)
		<-d.Done()
		var rejected *dialog.RejectedError
		require.ErrorAs(t, d.Err(), &rejected)
		require.Equal(t, 486, rejected.Response.StatusCode)
	})
}

// RFC 3262 section 3: without PRACK the INVITE is answered 5xx after 64*T1.
func TestProgressWithoutPRACK(t *testing.T) {
	onWire(t, func(t *testing.T, alice *phone, w *wire) {
		calls := alice.ringsWith("answer")
		invite := w.reliableInvite()
		w.send(invite)
		began := time.Now()
		for range 7 {
			w.response(180)
		}
		end := w.response(504)
		require.Equal(t, 32*time.Second, time.Since(began).Round(time.Second))
		ack, err := sip.NewACK(invite, end)
		require.NoError(t, err)
		w.send(ack)
		d := <-calls
		<-d.Done()
		require.ErrorIs(t, d.Err(), dialog.ErrNoPRACK)
		require.Zero(t, alice.Len())
		require.ErrorIs(t, d.accept(alice, ""), transaction.ErrAnswered)
	})
}

// RFC 3262 section 3: PRACK is matched by its RAck; one that matches nothing is
// answered 481, and one that is no PRACK at all 400.
func TestPRACKMatching(t *testing.T) {
	onWire(t, func(t *testing.T, alice *phone, w *wire) {
		calls := alice.ringsWith("answer")
		invite := w.reliableInvite()
		w.send(invite)
		ring := w.response(180)
		rseq := ring.Get("RSeq")
		seq := uint32(2)
		for rack, code := range map[string]int{
			"4294967295 1 INVITE": 481,
			rseq + " 2 INVITE":    481,
			rseq + " 1 UPDATE":    481,
			"":                    400,
			"nonsense":            400,
		} {
			prack := w.prack(invite, ring, seq)
			prack.Set("RAck", rack)
			if rack == "" {
				prack.Del("RAck")
			}
			w.send(prack)
			w.response(code)
			seq++
		}
		w.send(w.prack(invite, ring, seq))
		w.response(200)
		w.send(w.prack(invite, ring, seq+1))
		w.response(481)
		require.NoError(t, answer((<-calls).tx, 603, ""))
	})
}

// RFC 3262 section 3: one at a time, each numbered one higher.
func TestProgressOneAfterAnother(t *testing.T) {
	onWire(t, func(t *testing.T, alice *phone, w *wire) {
		calls := alice.ringsWith("", "answer", "")
		invite := w.reliableInvite()
		w.send(invite)
		d := <-calls
		var last uint32
		for i, code := range []int{180, 181, 182} {
			resp := w.response(code)
			rseq, err := resp.Uint("RSeq")
			require.NoError(t, err)
			if i > 0 {
				require.Equal(t, last+1, rseq)
			}
			last = rseq
			synctest.Wait()
			require.Empty(t, w.came)
			w.send(w.prack(invite, resp, uint32(2+i)))
			w.response(200)
		}
		require.Equal(t, 182, d.Response().StatusCode)
		require.NoError(t, d.accept(alice, ""))
		ok := w.response(200)
		w.send(w.ack(invite, ok))
		require.Nil(t, w.requestOrNone())
		require.Equal(t, 200, d.Response().StatusCode)
		w.send(w.within(invite, ok, sip.BYE, 9))
		w.response(200)
	})
}

// RFC 3261 section 13.3.1.1: a phone that rings says so each minute, reliably
// where the first response was, and not for ever.
func TestProgressEachMinute(t *testing.T) {
	for _, invite := range []func(w *wire) *sip.Request{
		func(w *wire) *sip.Request { return w.invite("") },
		(*wire).reliableInvite,
	} {
		onWire(t, func(t *testing.T, alice *phone, w *wire) {
			calls := alice.ringsWith("answer")
			req := invite(w)
			w.send(req)
			began := time.Now()
			for n := range 10 {
				resp := w.response(180)
				require.Equal(t, time.Duration(n)*time.Minute, time.Since(began).Round(time.Second))
				require.Equal(t, n == 0, resp.Body() != "")
				if resp.Has("RSeq") {
					w.send(w.prack(req, resp, uint32(2+n)))
					w.response(200)
				}
			}
			d := <-calls
			<-d.Done() // by the Endpoint's Timers.Ringing
			var rejected *dialog.RejectedError
			require.ErrorAs(t, d.Err(), &rejected)
			require.Equal(t, 408, rejected.Response.StatusCode)
			require.Less(t, time.Since(began), 21*time.Minute)
		})
	}
}

func TestProgressTooMany(t *testing.T) {
	onWire(t, func(t *testing.T, alice *phone, w *wire) {
		calls := alice.ringsWith("")
		w.send(w.reliableInvite())
		w.response(180)
		d := <-calls
		for range 7 {
			_, err := alice.Progress(d.tx, sip.NewResponse(d.tx.Request(), 182))
			require.NoError(t, err)
		}
		_, err := alice.Progress(d.tx, sip.NewResponse(d.tx.Request(), 182))
		require.ErrorIs(t, err, dialog.ErrPending)
		_, err = alice.Progress(d.tx, sip.NewResponse(d.tx.Request(), 200))
		require.Error(t, err)
		require.NoError(t, answer(d.tx, 486, ""))
	})
}

// CANCEL was faster: no early dialog is left behind.
func TestProgressAfterCANCEL(t *testing.T) {
	onWire(t, func(t *testing.T, alice *phone, w *wire) {
		errs := make(chan error, 1)
		alice.mux.HandleFunc(sip.INVITE, func(ctx context.Context, req *sip.Request, tx *transaction.ServerTx) error {
			<-ctx.Done()
			require.NoError(t, tx.Respond(sip.NewResponse(req, 487)))
			_, err := alice.Progress(tx, sip.NewResponse(req, 180))
			errs <- err
			return nil
		})
		invite := w.reliableInvite()
		w.send(invite)
		w.response(100)
		w.send(sip.NewCancel(invite))
		w.response(200)
		w.response(487)
		require.ErrorIs(t, <-errs, transaction.ErrAnswered)
		require.Zero(t, alice.Len())
	})
}

// RFC 3262 section 5: the 2xx waits for the PRACK of a description.
func TestAcceptWaitsForPRACK(t *testing.T) {
	onWire(t, func(t *testing.T, alice *phone, w *wire) {
		calls := alice.ringsWith("answer")
		invite := w.reliableInvite()
		w.send(invite)
		ring := w.response(180)
		d := <-calls
		require.NoError(t, d.accept(alice, ""))
		require.Equal(t, ring.String(), w.response(180).String(), "and no 200")
		require.True(t, d.Early())
		w.send(w.prack(invite, ring, 2))
		require.Equal(t, "2 PRACK", w.response(200).Get("CSeq"))
		ok := w.response(200)
		require.Equal(t, "1 INVITE", ok.Get("CSeq"))
		w.send(w.ack(invite, ok))
		<-d.Confirmed()
		require.False(t, d.Early())
		w.send(w.within(invite, ok, sip.BYE, 3))
		w.response(200)
	})
}

// RFC 3262 section 3: without a description the 2xx need not wait, the response
// is repeated no more, and its PRACK is answered all the same.
func TestAcceptBeforePRACK(t *testing.T) {
	onWire(t, func(t *testing.T, alice *phone, w *wire) {
		calls := alice.ringsWith("", "")
		invite := w.reliableInvite()
		w.send(invite)
		ring := w.response(180)
		require.NoError(t, (<-calls).accept(alice, "answer"))
		ok := w.response(200)
		w.send(w.ack(invite, ok))
		require.Nil(t, w.requestOrNone())
		w.send(w.prack(invite, ring, 2))
		require.Equal(t, "2 PRACK", w.response(200).Get("CSeq"))
		time.Sleep(time.Minute)
		require.Empty(t, w.came)
		w.send(w.within(invite, ok, sip.BYE, 3))
		w.response(200)
	})
}

// The 2xx does not overtake the answer to the PRACK that it waited for, nor does
// the next provisional response.
func TestAcceptWaitsForAnswerToPRACK(t *testing.T) {
	onWire(t, func(t *testing.T, alice *phone, w *wire) {
		calls := alice.ringsWith("answer")
		invite := w.reliableInvite()
		w.send(invite)
		ring := w.response(180)
		prack := w.prack(invite, ring, 2)
		prack.SetBody("application/sdp", "second offer")
		w.send(prack)
		d := <-calls
		synctest.Wait()
		_, err := alice.Progress(d.tx, withBody(sip.NewResponse(d.tx.Request(), 182), "again"))
		require.NoError(t, err)
		require.NoError(t, d.accept(alice, ""))
		require.Equal(t, "2 PRACK", w.response(200).Get("CSeq"))
		w.send(w.prack(invite, w.response(182), 3))
		require.Equal(t, "3 PRACK", w.response(200).Get("CSeq"))
		ok := w.response(200)
		require.Equal(t, "1 INVITE", ok.Get("CSeq"))
		w.send(w.ack(invite, ok))
		w.send(w.within(invite, ok, sip.BYE, 4))
		w.response(200)
	}, dialog.OnRequest(func(_ context.Context, _ *dialog.Dialog, _ *sip.Request, tx *transaction.ServerTx) error {
		time.Sleep(time.Second)
		return answer(tx, 200, "second answer")
	}))
}

// CANCEL while the 2xx waits for PRACK.
func TestAcceptWaitsForPRACKAndIsCanceled(t *testing.T) {
	onWire(t, func(t *testing.T, alice *phone, w *wire) {
		calls := alice.ringsWith("answer")
		invite := w.reliableInvite()
		w.send(invite)
		w.response(180)
		d := <-calls
		require.NoError(t, d.accept(alice, ""))
		w.send(sip.NewCancel(invite))
		w.response(200)
		ack, err := sip.NewACK(invite, w.response(487))
		require.NoError(t, err)
		w.send(ack)
		<-d.Done()
		require.Zero(t, alice.Len())
		time.Sleep(time.Minute)
		require.Empty(t, w.came)
	})
}

// The offer may come in the 18x; PRACK then has the answer.
func TestOfferInProgress(t *testing.T) {
	answers := make(chan string, 1)
	onWire(t, func(t *testing.T, alice *phone, w *wire) {
		calls := alice.ringsWith("offer")
		invite := w.reliableInvite()
		invite.SetBody("", "")
		w.send(invite)
		ring := w.response(180)
		prack := w.prack(invite, ring, 2)
		prack.SetBody("application/sdp", "answer")
		w.send(prack)
		w.response(200)
		require.Equal(t, "answer", <-answers)
		require.NoError(t, (<-calls).accept(alice, ""))
		ok := w.response(200)
		w.send(w.ack(invite, ok))
		w.send(w.within(invite, ok, sip.BYE, 3))
		w.response(200)
	}, dialog.OnRequest(func(_ context.Context, d *dialog.Dialog, req *sip.Request, tx *transaction.ServerTx) error {
		answers <- req.Body()
		return tx.Respond(sip.NewResponse(req, 200))
	}))
}

// RFC 3262 section 5: an offer in PRACK is answered in its 2xx, by the program.
func TestOfferInPRACK(t *testing.T) {
	onWire(t, func(t *testing.T, alice *phone, w *wire) {
		alice.ringsWith("answer")
		invite := w.reliableInvite()
		w.send(invite)
		prack := w.prack(invite, w.response(180), 2)
		prack.SetBody("application/sdp", "second offer")
		w.send(prack)
		require.Equal(t, "second answer", w.response(200).Body())
	}, dialog.OnRequest(func(_ context.Context, _ *dialog.Dialog, req *sip.Request, tx *transaction.ServerTx) error {
		ok := sip.NewResponse(req, 200)
		ok.SetBody("application/sdp", "second answer")
		return tx.Respond(ok)
	}))
}

// RFC 3262 section 4: each reliable response is acknowledged once, in order, and
// given to the program once.
func TestInviteSendsPRACK(t *testing.T) {
	onWire(t, func(t *testing.T, alice *phone, w *wire) {
		rings := make(chan int, 10)
		calls := make(chan *dialog.Dialog, 1)
		go func() {
			d, err := alice.Invite(context.Background(), alice.invite(w.bob()), sip.Target{},
				dialog.OnProvisional(func(resp *sip.Response) { rings <- resp.StatusCode }))
			require.NoError(t, err)
			calls <- d
		}()
		invite := w.request(sip.INVITE)
		require.True(t, invite.HasToken("Supported", "100rel"))
		reliable := func(code int, rseq string) *sip.Response {
			resp := w.ok(invite, "one")
			resp.StatusCode = code
			resp.Set("Require", "100rel")
			resp.Set("RSeq", rseq)
			return resp
		}
		w.send(reliable(100, "1")) // never reliable
		w.send(reliable(180, "41"))
		prack := w.request(sip.PRACK)
		require.Equal(t, "41 1 INVITE", prack.Get("RAck"))
		require.Equal(t, "2 PRACK", prack.Get("CSeq"))
		require.Equal(t, "sip:one@"+bobAddr, prack.URI.String())
		w.send(sip.NewResponse(prack, 200))

		w.send(reliable(180, "41")) // again
		w.send(reliable(182, "43")) // before 42
		synctest.Wait()
		require.Empty(t, w.came)
		w.send(reliable(181, "42"))
		prack = w.request(sip.PRACK)
		require.Equal(t, "42 1 INVITE", prack.Get("RAck"))
		require.Equal(t, "3 PRACK", prack.Get("CSeq"))
		w.send(sip.NewResponse(prack, 200))
		synctest.Wait()
		require.Equal(t, 180, <-rings)
		require.Equal(t, 181, <-rings)
		require.Empty(t, rings)

		w.send(w.ok(invite, "one"))
		w.request(sip.ACK)
		d := <-calls
		go d.Bye(context.Background())
		bye := w.request(sip.BYE)
		require.Equal(t, "4 BYE", bye.Get("CSeq"))
		w.send(sip.NewResponse(bye, 200))
	})
}

// Both roles at once, on a network that loses, doubles and reorders.
func TestReliableOverLoss(t *testing.T) {
	answered := 0
	for seed := range uint64(20) {
		lossy(t, seed, func(t *testing.T, alice, bob *phone) {
			calls := bob.ringsWith("", "answer", "")
			rings := make(chan int, 10)
			go func() {
				d := <-calls
				time.Sleep(20 * time.Second)
				_ = d.accept(bob, "")
			}()
			d, err := alice.Invite(context.Background(), alice.invite(bob), sip.Target{},
				dialog.OnProvisional(func(resp *sip.Response) { rings <- resp.StatusCode }))
			if err != nil {
				return // a loss too many
			}
			answered++
			require.Equal(t, []int{180, 181, 182}, []int{<-rings, <-rings, <-rings}, "in order")
			require.Empty(t, rings)
			_ = d.Bye(context.Background())
		}, dialog.WithExtensions("100rel"))
	}
	require.GreaterOrEqual(t, answered, 18)
}
