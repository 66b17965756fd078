package dialog_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/transport/memnet"
	"github.com/patchbay-sip/patchbay/transaction"
	"github.com/patchbay-sip/patchbay/transaction/dialog"
)

func TestCall(t *testing.T) {
	for _, network := range []string{"udp", "tcp"} {
		for _, callerEnds := range []bool{true, false} {
			inBubble(t, network, func(t *testing.T, alice, bob *phone) {
				caller, callee := ring(t, alice, bob)
				require.Equal(t, "offer", callee.Request().Body())
				require.Equal(t, "answer", caller.Response().Body())
				require.Equal(t, 1, alice.Len())
				require.Equal(t, 1, bob.Len())
				ends, hears := caller, callee
				if !callerEnds {
					ends, hears = callee, caller
				}
				require.NoError(t, ends.Bye(context.Background()))
				<-ends.Done()
				<-hears.Done()
				require.NoError(t, ends.Err())
				require.NoError(t, hears.Err())
				require.NoError(t, hears.Bye(context.Background()), "nothing is left to do")
				_, err := hears.Do(context.Background(), hears.NewRequest(sip.INFO))
				require.ErrorIs(t, err, dialog.ErrEnded)
			})
		}
	}
}

// What a request within the dialog looks like (RFC 3261 section 12.2.1.1), by
// the route that Record-Route left, for the caller and for the callee.
func TestRequestsWithinADialog(t *testing.T) {
	onWire(t, func(t *testing.T, alice *phone, w *wire) {
		got := make(chan *dialog.Dialog, 1)
		go func() {
			d, err := alice.Invite(context.Background(), alice.invite(w.bob()), sip.Target{})
			require.NoError(t, err)
			got <- d
		}()
		invite := w.request(sip.INVITE)
		require.Equal(t, "<sip:caller@"+aliceAddr+">", invite.Get("Contact"))
		invite.Add("Record-Route", "<sip:192.0.2.2;lr>, <sip:192.0.2.66;lr>")
		ok := sip.NewResponse(invite, 200)
		ok.Add("Contact", "<sip:bob@phone.example.com>")
		w.send(ok)
		require.Nil(t, w.requestOrNone(), "ACK goes to the last in Record-Route")

		d := <-got
		info := d.NewRequest(sip.INFO)
		require.Equal(t, "sip:bob@phone.example.com", info.URI.String())
		require.Equal(t, []string{"<sip:192.0.2.66;lr>", "<sip:192.0.2.2;lr>"}, values(info, "Route"))
		require.Equal(t, invite.Get("From"), info.Get("From"))
		require.Equal(t, ok.Get("To"), info.Get("To"))
		require.Equal(t, invite.CallID(), info.CallID())
		require.Equal(t, "2 INFO", info.Get("CSeq"))
		require.Equal(t, "3 INFO", d.NewRequest(sip.INFO).Get("CSeq"))
		_ = d.Bye(canceled())
		<-d.Done()
	})
	onWire(t, func(t *testing.T, alice *phone, w *wire) {
		calls := alice.accepting()
		invite := w.invite(";lr")
		w.send(invite)
		w.response(180)
		ok := w.response(200)
		require.Equal(t, "<sip:callee@"+aliceAddr+">", ok.Get("Contact"))
		w.send(w.ack(invite, ok))
		d := <-calls
		<-d.Confirmed()
		done := make(chan error, 1)
		go func() { done <- d.Bye(context.Background()) }()
		bye := w.request(sip.BYE)
		require.Equal(t, "sip:bob@phone.example.com", bye.URI.String())
		require.Equal(t, []string{"<sip:" + bobAddr + ";lr>", "<sip:192.0.2.66;lr>"}, values(bye, "Route"))
		require.Equal(t, ok.Get("To"), bye.Get("From"))
		require.Equal(t, invite.Get("From"), bye.Get("To"))
		w.send(sip.NewResponse(bye, 200))
		require.NoError(t, <-done)
	})
}

func values(req *sip.Request, name string) (all []string) {
	for v := range req.Values(name) {
		all = append(all, v)
	}
	return all
}

func canceled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// CSeq: a lower number is 500, gaps are fine (RFC 3261 section 12.2.2).
func TestCSeqWithinADialog(t *testing.T) {
	onWire(t, func(t *testing.T, alice *phone, w *wire) {
		calls := alice.accepting()
		invite := w.invite("")
		w.send(invite)
		w.response(180)
		ok := w.response(200)
		w.send(w.ack(invite, ok))
		d := <-calls
		for _, c := range []struct {
			seq  uint32
			code int
		}{{10, 200}, {9, 500}, {10, 200}, {4000, 200}, {1, 500}} {
			w.send(w.within(invite, ok, sip.OPTIONS, c.seq))
			w.response(c.code)
		}
		w.send(w.within(invite, ok, sip.BYE, 3999))
		w.response(500)
		require.Equal(t, 1, alice.Len())
		w.send(w.within(invite, ok, sip.BYE, 4001))
		w.response(200)
		<-d.Done()
		w.send(w.within(invite, ok, sip.BYE, 4002))
		w.response(481)
	})
}

func TestUnknownDialog(t *testing.T) {
	onWire(t, func(t *testing.T, alice *phone, w *wire) {
		invite := w.invite("")
		there := sip.NewResponse(invite, 200)
		for _, m := range []sip.Method{sip.BYE, sip.INFO, sip.INVITE} {
			req := w.within(invite, there, m, 7)
			w.send(req)
			resp := w.response(481)
			if m == sip.INVITE {
				ack, err := sip.NewACK(req, resp)
				require.NoError(t, err)
				w.send(ack)
			}
		}
		w.send(w.within(invite, there, sip.ACK, 1))
		time.Sleep(time.Minute)
		require.Empty(t, w.came)
	})
}

// What a Set answers without OnRequest.
func TestRequestsThatNobodyHandles(t *testing.T) {
	inBubble(t, "udp", func(t *testing.T, alice, bob *phone) {
		caller, _ := ring(t, alice, bob)
		for m, code := range map[sip.Method]int{sip.OPTIONS: 200, sip.INVITE: 488, sip.UPDATE: 200, sip.INFO: 405} {
			resp, err := caller.Do(context.Background(), caller.NewRequest(m))
			require.NoError(t, err)
			require.Equal(t, code, resp.StatusCode, m)
		}
		_, err := caller.Do(context.Background(), caller.NewRequest(sip.ACK))
		require.ErrorIs(t, err, dialog.ErrMethod)
		require.NoError(t, caller.Bye(context.Background()))
	})
}

// RFC 3261 section 8.2.2.3: what a request Requires has to be known.
func TestRequire(t *testing.T) {
	inBubble(t, "udp", func(_ *testing.T, alice, bob *phone) {
		bob.mux.HandleFunc(sip.INVITE, func(context.Context, *sip.Request, *transaction.ServerTx) error {
			return &sip.StatusError{Code: 486}
		})
		for tag, code := range map[string]int{"100rel": 420, "timer": 486} {
			invite := alice.invite(bob)
			invite.Add("Require", tag)
			_, err := alice.Invite(context.Background(), invite, sip.Target{})
			var rejected *dialog.RejectedError
			require.ErrorAs(t, err, &rejected)
			require.Equal(t, code, rejected.Response.StatusCode, tag)
			if code == 420 {
				require.Equal(t, tag, rejected.Response.Get("Unsupported"))
			}
		}
	}, dialog.WithExtensions("timer"))
}

// RFC 3261 section 12.1.1: a response that makes an early dialog has a Contact.
func TestProvisionalHasContact(t *testing.T) {
	inBubble(t, "udp", func(_ *testing.T, alice, bob *phone) {
		bob.mux.HandleFunc(sip.INVITE, func(_ context.Context, req *sip.Request, tx *transaction.ServerTx) error {
			require.NoError(t, tx.Respond(sip.NewResponse(req, 180)))
			return &sip.StatusError{Code: 486}
		})
		ringing := make(chan string, 1)
		_, err := alice.Invite(context.Background(), alice.invite(bob), sip.Target{},
			dialog.OnProvisional(func(resp *sip.Response) {
				if resp.StatusCode == 180 {
					ringing <- resp.Get("Contact")
				}
			}))
		require.Error(t, err)
		require.Contains(t, <-ringing, bobAddr)
	})
}

// A re-INVITE moves the target; its 2xx is acknowledged.
func TestReInvite(t *testing.T) {
	onRequest := dialog.OnRequest(func(_ context.Context, d *dialog.Dialog, req *sip.Request, tx *transaction.ServerTx) error {
		ok := sip.NewResponse(req, 200)
		ok.SetBody("application/sdp", "new answer")
		return d.Accept(tx, ok)
	})
	inBubble(t, "udp", func(t *testing.T, alice, bob *phone) {
		caller, callee := ring(t, alice, bob)
		again := caller.NewRequest(sip.INVITE)
		again.SetBody("application/sdp", "new offer")
		again.Set("Contact", "<sip:moved@"+aliceAddr+">")
		resp, err := caller.Do(context.Background(), again)
		require.NoError(t, err)
		require.Equal(t, "new answer", resp.Body())
		require.Equal(t, "sip:moved@"+aliceAddr, callee.NewRequest(sip.INFO).URI.String())
		time.Sleep(time.Minute)
		require.Equal(t, 1, bob.Len(), "ACK came")
		require.NoError(t, callee.Bye(context.Background()))
		<-caller.Done()
	}, onRequest)
}

// The other end has forgotten the call.
func TestDialogThatTheOtherEndLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		alice, bob := newPhone(t, n, "udp", aliceAddr), newPhone(t, n, "udp", bobAddr)
		caller, _ := ring(t, alice, bob)
		bob.close()
		bob = newPhone(t, n, "udp", bobAddr)
		resp, err := caller.Do(context.Background(), caller.NewRequest(sip.OPTIONS))
		require.NoError(t, err)
		require.Equal(t, 481, resp.StatusCode)
		<-caller.Done()
		var rejected *dialog.RejectedError
		require.ErrorAs(t, caller.Err(), &rejected)

		other, _ := ring(t, alice, bob)
		bob.close()
		_, err = other.Do(context.Background(), other.NewRequest(sip.OPTIONS))
		require.ErrorIs(t, err, transaction.ErrTimeout)
		<-other.Done()
		require.ErrorIs(t, other.Err(), transaction.ErrTimeout)
		alice.close()
	})
}

// RFC 3261 section 12.2.1.2: a dialog that is given up is ended by BYE.
func TestByeAfterALostDialog(t *testing.T) {
	for _, code := range []int{408, 481, 0} {
		onWire(t, func(t *testing.T, alice *phone, w *wire) {
			calls := alice.accepting()
			invite := w.invite("")
			w.send(invite)
			w.response(180)
			ok := w.response(200)
			w.send(w.ack(invite, ok))
			d := <-calls
			<-d.Confirmed()
			again := d.NewRequest(sip.INVITE)
			again.SetBody("application/sdp", "offer")
			go func() { _, _ = d.Do(context.Background(), again) }()
			req := w.request(sip.INVITE)
			if code != 0 {
				w.send(sip.NewResponse(req, code))
				w.request(sip.ACK)
			} else {
				for range 6 { // timer A
					w.request(sip.INVITE)
				}
			}
			bye := w.request(sip.BYE)
			require.Equal(t, ok.Get("To"), bye.Get("From"))
			w.send(sip.NewResponse(bye, 481))
			<-d.Done()
			require.Error(t, d.Err())
		})
	}
}
