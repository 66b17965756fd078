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

// An outcome is how a call of alice's went.
type outcome struct {
	dialog *dialog.Dialog
	err    error
}

// calling has the phone call bob's wire, and returns what comes of it, and the
// early dialogs.
func (p *phone) calling(ctx context.Context, w *wire, opts ...dialog.InviteOption) (<-chan outcome, <-chan *dialog.Dialog) {
	outcomes, early := make(chan outcome, 1), make(chan *dialog.Dialog, 10)
	opts = append(opts, dialog.OnEarly(func(d *dialog.Dialog) { early <- d }))
	req := p.invite(w.bob())
	go func() {
		d, err := p.Invite(ctx, req, sip.Target{}, opts...)
		outcomes <- outcome{d, err}
	}()
	return outcomes, early
}

// early is a provisional response of one of several phones.
func (w *wire) early(invite *sip.Request, tag string) *sip.Response {
	resp := w.ok(invite, tag)
	resp.StatusCode, resp.Reason = 180, "Ringing"
	return resp
}

// RFC 3261 section 12.1: each To tag is a dialog of its own; the one that is
// answered is confirmed, with the route of the 2xx (13.2.2.4), and the others
// end.
func TestEarlyDialogsOfForks(t *testing.T) {
	onWire(t, func(t *testing.T, alice *phone, w *wire) {
		outcomes, early := alice.calling(context.Background(), w)
		invite := w.request(sip.INVITE)
		one, two, three := w.early(invite, "one"), w.early(invite, "two"), w.early(invite, "three")
		one.Add("Record-Route", "<sip:192.0.2.66;lr>")
		two.Add("Record-Route", "<sip:"+bobAddr+";lr>")
		w.send(one)
		w.send(two)
		w.send(three)
		w.send(one) // no fourth one
		d1, d2, d3 := <-early, <-early, <-early
		synctest.Wait()
		require.Empty(t, early)
		require.True(t, d1.Early())
		require.Equal(t, 180, d1.Response().StatusCode)
		require.Equal(t, 3, alice.Len())
		require.Equal(t, "sip:one@"+bobAddr, d1.NewRequest(sip.INFO).URI.String())

		ok := w.ok(invite, "two")
		w.send(ok)
		ack := w.request(sip.ACK)
		require.Empty(t, values(ack, "Route"))
		require.Equal(t, "1 ACK", ack.Get("CSeq"))
		answered := time.Now()
		o := <-outcomes
		require.NoError(t, o.err)
		require.Same(t, d2, o.dialog)
		require.False(t, d2.Early())
		require.Equal(t, 200, d2.Response().StatusCode)
		<-d2.Confirmed()

		// The others live on for a while, and may even answer.
		go d3.Do(context.Background(), d3.NewRequest(sip.INFO))
		info := w.request(sip.INFO)
		require.Equal(t, "sip:three@"+bobAddr, info.URI.String())
		w.send(sip.NewResponse(info, 200))
		w.send(w.ok(invite, "one"))
		require.Equal(t, "sip:one@"+bobAddr, w.request(sip.ACK).URI.String())
		w.send(sip.NewResponse(w.request(sip.BYE), 200))
		<-d1.Done()
		require.ErrorIs(t, d1.Err(), dialog.ErrElsewhere)
		<-d3.Done()
		require.ErrorIs(t, d3.Err(), dialog.ErrElsewhere)
		require.Equal(t, 32*time.Second, time.Since(answered).Round(time.Second))
		go d2.Bye(context.Background())
		w.send(sip.NewResponse(w.request(sip.BYE), 200))
	})
}

// What ends the INVITE ends its early dialogs.
func TestEarlyDialogsEnd(t *testing.T) {
	onWire(t, func(t *testing.T, alice *phone, w *wire) {
		outcomes, early := alice.calling(context.Background(), w)
		invite := w.request(sip.INVITE)
		w.send(w.early(invite, "one"))
		w.send(w.early(invite, "two"))
		d1, d2 := <-early, <-early
		w.send(sip.NewResponse(invite, 486))
		w.request(sip.ACK)
		var rejected *dialog.RejectedError
		require.ErrorAs(t, (<-outcomes).err, &rejected)
		for _, d := range []*dialog.Dialog{d1, d2} {
			<-d.Done()
			require.ErrorAs(t, d.Err(), &rejected)
		}
		require.Zero(t, alice.Len())
	})
}

// A provisional response without a Contact makes no dialog, but is told.
func TestRingingWithoutContact(t *testing.T) {
	onWire(t, func(t *testing.T, alice *phone, w *wire) {
		told := make(chan int, 2)
		outcomes, early := alice.calling(context.Background(), w,
			dialog.OnProvisional(func(resp *sip.Response) { told <- resp.StatusCode }))
		invite := w.request(sip.INVITE)
		ring := w.early(invite, "one")
		ring.Del("Contact")
		w.send(ring)
		require.Equal(t, 180, <-told)
		require.Empty(t, early)
		require.Zero(t, alice.Len())
		w.send(w.ok(invite, "one"))
		w.request(sip.ACK)
		d := (<-outcomes).dialog
		go d.Bye(context.Background())
		w.send(sip.NewResponse(w.request(sip.BYE), 200))
	})
}

// RFC 3261 section 15: a caller may end an early dialog by BYE, for one phone of
// several; a 2xx that crosses it is acknowledged and ended.
func TestCallerByeInEarlyDialog(t *testing.T) {
	onWire(t, func(t *testing.T, alice *phone, w *wire) {
		outcomes, early := alice.calling(context.Background(), w)
		invite := w.request(sip.INVITE)
		w.send(w.early(invite, "one"))
		d := <-early
		go d.Bye(context.Background())
		bye := w.request(sip.BYE)
		require.Equal(t, "2 BYE", bye.Get("CSeq"))
		w.send(sip.NewResponse(bye, 200))
		w.send(w.ok(invite, "one"))
		w.request(sip.ACK)
		w.send(sip.NewResponse(w.request(sip.BYE), 200))
		require.ErrorIs(t, (<-outcomes).err, dialog.ErrEnded)
		require.Zero(t, alice.Len())
	})
}

// RFC 3261 section 15.1.2: the INVITE is answered 487.
func TestCalleeGetsByeInEarlyDialog(t *testing.T) {
	onWire(t, func(t *testing.T, alice *phone, w *wire) {
		calls := alice.ringsWith("")
		invite := w.invite("")
		w.send(invite)
		ring := w.response(180)
		d := <-calls
		w.send(w.within(invite, ring, sip.BYE, 2))
		require.Equal(t, "2 BYE", w.response(200).Get("CSeq"))
		ack, err := sip.NewACK(invite, w.response(487))
		require.NoError(t, err)
		w.send(ack)
		<-d.Done()
		require.NoError(t, d.Err())
		require.ErrorIs(t, d.accept(alice, ""), transaction.ErrAnswered)
		require.Zero(t, alice.Len())
	})
}

// Requests go both ways in an early dialog; its CSeq rules are those of any
// other, and its end is 481.
func TestRequestsInEarlyDialog(t *testing.T) {
	infos := dialog.OnRequest(func(_ context.Context, _ *dialog.Dialog, req *sip.Request, tx *transaction.ServerTx) error {
		return tx.Respond(sip.NewResponse(req, 200))
	})
	onWire(t, func(t *testing.T, alice *phone, w *wire) {
		calls := alice.ringsWith("")
		invite := w.invite("")
		w.send(invite)
		ring := w.response(180)
		d := <-calls
		w.send(w.within(invite, ring, sip.INFO, 7))
		w.response(200)
		w.send(w.within(invite, ring, sip.INFO, 6))
		w.response(500)

		done := make(chan error, 1)
		go func() {
			_, err := d.Do(context.Background(), d.NewRequest(sip.INFO))
			done <- err
		}()
		w.send(sip.NewResponse(w.request(sip.INFO), 200))
		require.NoError(t, <-done)
		_, err := d.Do(context.Background(), d.NewRequest(sip.INVITE))
		require.ErrorIs(t, err, dialog.ErrPending)

		require.NoError(t, answer(d.tx, 480, ""))
		end, err := sip.NewACK(invite, w.response(480))
		require.NoError(t, err)
		w.send(end)
		w.send(w.within(invite, ring, sip.INFO, 8))
		w.response(481)
	}, infos)
}

// RFC 3261 section 14.2: a second INVITE before the first one was answered.
func TestInviteInEarlyDialog(t *testing.T) {
	onWire(t, func(t *testing.T, alice *phone, w *wire) {
		calls := alice.ringsWith("")
		invite := w.invite("")
		w.send(invite)
		ring := w.response(180)
		again := w.within(invite, ring, sip.INVITE, 2)
		w.send(again)
		resp := w.response(500)
		require.NotEmpty(t, resp.Get("Retry-After"))
		ack, err := sip.NewACK(again, resp)
		require.NoError(t, err)
		w.send(ack)
		require.NoError(t, answer((<-calls).tx, 480, ""))
	})
}

// What an INVITE without an offer brings is answered in the ACK, and the same
// ACK is sent again when the 2xx is.
func TestOfferInAnswer(t *testing.T) {
	onWire(t, func(t *testing.T, alice *phone, w *wire) {
		req := alice.invite(w.bob())
		req.SetBody("", "")
		calls := make(chan *dialog.Dialog, 1)
		go func() {
			d, err := alice.Invite(context.Background(), req, sip.Target{},
				dialog.OnOffer(func(_ *dialog.Dialog, offer string) (string, error) {
					time.Sleep(5 * time.Second) // it asks somebody
					return "answer to " + offer, nil
				}))
			require.NoError(t, err)
			calls <- d
		}()
		ok := w.ok(w.request(sip.INVITE), "one")
		ok.SetBody("application/sdp", "bob")
		w.send(ok)
		w.send(ok)
		require.Equal(t, "answer to bob", w.request(sip.ACK).Body())
		require.Equal(t, "answer to bob", w.request(sip.ACK).Body())
		d := <-calls
		go d.Bye(context.Background())
		w.send(sip.NewResponse(w.request(sip.BYE), 200))
	})
}

// An offer that nobody answers is acknowledged, and the call ended.
func TestOfferInAnswerRefused(t *testing.T) {
	onWire(t, func(t *testing.T, alice *phone, w *wire) {
		req := alice.invite(w.bob())
		req.SetBody("", "")
		errs := make(chan error, 1)
		go func() {
			_, err := alice.Invite(context.Background(), req, sip.Target{})
			errs <- err
		}()
		ok := w.ok(w.request(sip.INVITE), "one")
		ok.SetBody("application/sdp", "bob")
		w.send(ok)
		require.Empty(t, w.request(sip.ACK).Body())
		w.send(sip.NewResponse(w.request(sip.BYE), 200))
		require.ErrorIs(t, <-errs, dialog.ErrNoAnswer)
	})
}

// A panic of the program ends the call, and nothing else.
func TestOfferInAnswerPanics(t *testing.T) {
	inBubble(t, "udp", func(t *testing.T, alice, bob *phone) {
		bob.accepting()
		req := alice.invite(bob)
		req.SetBody("", "")
		_, err := alice.Invite(context.Background(), req, sip.Target{},
			dialog.OnOffer(func(*dialog.Dialog, string) (string, error) { panic("boo") }))
		require.ErrorIs(t, err, dialog.ErrNoAnswer)
		time.Sleep(time.Minute)
	})
}

// The offer in a reliable provisional response is answered in its PRACK, once.
func TestOfferInReliableResponse(t *testing.T) {
	inBubble(t, "udp", func(t *testing.T, alice, bob *phone) {
		calls := bob.ringsWith("offer", "offer")
		req := alice.invite(bob)
		req.SetBody("", "")
		answers := make(chan string, 5)
		go func() {
			d := <-calls
			time.Sleep(time.Second)
			require.NoError(t, d.accept(bob, ""))
		}()
		d, err := alice.Invite(context.Background(), req, sip.Target{},
			dialog.OnOffer(func(_ *dialog.Dialog, offer string) (string, error) {
				answers <- offer
				return "answer", nil
			}))
		require.NoError(t, err)
		require.Len(t, answers, 1)
		require.NoError(t, d.Bye(context.Background()))
	})
}

// An offer in a 2xx of ours is answered by ACK.
func TestACKHasTheAnswer(t *testing.T) {
	inBubble(t, "udp", func(t *testing.T, alice, bob *phone) {
		calls := bob.accepting()
		req := alice.invite(bob)
		req.SetBody("", "")
		caller, err := alice.Invite(context.Background(), req, sip.Target{},
			dialog.OnOffer(func(*dialog.Dialog, string) (string, error) { return "my answer", nil }))
		require.NoError(t, err)
		callee := <-calls
		<-callee.Confirmed()
		require.Equal(t, "my answer", callee.ACK().Body())
		require.Nil(t, caller.ACK())
		require.NoError(t, caller.Bye(context.Background()))
	})
}

// OnEnd tells of no dialog that the program never had: of a fork that answered too
// late, and of a call whose CANCEL was faster.
func TestOnEndOfTheUnknown(t *testing.T) {
	ended := make(chan *dialog.Dialog, 10)
	onWire(t, func(t *testing.T, alice *phone, w *wire) {
		outcomes, _ := alice.calling(context.Background(), w)
		invite := w.request(sip.INVITE)
		w.send(w.ok(invite, "one"))
		w.request(sip.ACK)
		w.send(w.ok(invite, "two"))
		w.request(sip.ACK)
		w.send(sip.NewResponse(w.request(sip.BYE), 200))
		d := (<-outcomes).dialog
		go d.Bye(context.Background())
		w.send(sip.NewResponse(w.request(sip.BYE), 200))
		time.Sleep(time.Second)
		require.Same(t, d, <-ended)

		alice.mux.HandleFunc(sip.INVITE, func(ctx context.Context, req *sip.Request, tx *transaction.ServerTx) error {
			<-ctx.Done()
			require.NoError(t, answer(tx, 487, ""))
			_, err := alice.Accept(tx, sip.NewResponse(req, 200))
			require.ErrorIs(t, err, transaction.ErrAnswered)
			return nil
		})
		theirs := w.invite("")
		w.send(theirs)
		w.response(100)
		w.send(sip.NewCancel(theirs))
		w.response(200)
		ack, err := sip.NewACK(theirs, w.response(487))
		require.NoError(t, err)
		w.send(ack)
		time.Sleep(time.Second)
		require.Empty(t, ended)
	}, dialog.OnEnd(func(d *dialog.Dialog) { ended <- d }))
}

// OnEnd tells of each dialog once: of those that were never answered, too.
func TestOnEnd(t *testing.T) {
	ended := make(chan error, 10)
	onWire(t, func(t *testing.T, alice *phone, w *wire) {
		calls := alice.ringsWith("")
		invite := w.invite("")
		w.send(invite)
		w.response(180)
		require.NoError(t, answer((<-calls).tx, 486, ""))
		ack, err := sip.NewACK(invite, w.response(486))
		require.NoError(t, err)
		w.send(ack)
		time.Sleep(time.Second)
		require.Error(t, <-ended)

		invite, ok, _ := w.confirmed(alice)
		w.send(w.within(invite, ok, sip.BYE, 2))
		w.response(200)
		time.Sleep(time.Second)
		require.NoError(t, <-ended)
		require.Empty(t, ended)
	}, dialog.OnEnd(func(d *dialog.Dialog) {
		<-d.Done()
		ended <- d.Err()
	}))
}
