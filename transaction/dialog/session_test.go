package dialog_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/transaction"
	"github.com/patchbay-sip/patchbay/transaction/dialog"
)

// timedInvite is an INVITE by somebody with a session timer.
func (w *wire) timedInvite(supported, expires string) *sip.Request {
	invite := w.invite("")
	invite.SetBody("application/sdp", "offer")
	invite.Set("Allow", "INVITE, ACK, BYE, UPDATE")
	if supported != "" {
		invite.Set("Supported", supported)
	}
	if expires != "" {
		invite.Set("Session-Expires", expires)
	}
	return invite
}

// answered is such a call of bob's wire to alice.
func (w *wire) answered(alice *phone, invite *sip.Request) (*sip.Response, *dialog.Dialog) {
	calls := alice.accepting()
	w.send(invite)
	w.response(180)
	ok := w.response(200)
	w.send(w.ack(invite, ok))
	d := <-calls
	<-d.Confirmed()
	return ok, d
}

// RFC 4028 section 9, table 2: who refreshes, and what the 2xx says of it.
func TestSessionTimerRefresher(t *testing.T) {
	for _, c := range []struct {
		supported, asked, granted, require string
		ours                               time.Duration
	}{
		{"", "1800", "1800;refresher=uas", "", 0},
		{"", "1800;refresher=uac", "1800;refresher=uas", "", 0},
		{"timer", "1800", "1800;refresher=uac", "timer", 0},
		{"timer", "1800;refresher=uac", "1800;refresher=uac", "timer", 0},
		{"timer", "1800;refresher=uas", "1800;refresher=uas", "timer", 0},
		{"timer", "90", "90;refresher=uac", "timer", time.Hour},
		{"timer", "", "", "", 0},
		{"timer", "", "3600;refresher=uac", "timer", time.Hour},
		{"", "", "3600;refresher=uas", "", time.Hour},
		{"", "", "90;refresher=uas", "", time.Second},
		{"", "10", "", "", 0}, // no such interval, and nobody to tell
	} {
		onWire(t, func(t *testing.T, alice *phone, w *wire) {
			invite := w.timedInvite(c.supported, c.asked)
			ok, _ := w.answered(alice, invite)
			require.Equal(t, c.granted, ok.Get("Session-Expires"), c)
			require.Equal(t, c.require, ok.Get("Require"), c)
			require.True(t, ok.HasToken("Supported", "timer"))
			w.send(w.within(invite, ok, sip.BYE, 2))
			w.response(200)
		}, dialog.WithSessionTimer(dialog.SessionTimer{Interval: c.ours}))
	}
}

// RFC 4028 section 9: an interval that is too small is answered 422, unless the
// caller would not know what that is.
func TestSessionIntervalTooSmall(t *testing.T) {
	onWire(t, func(t *testing.T, alice *phone, w *wire) {
		alice.accepting()
		invite := w.timedInvite("timer", "299")
		w.send(invite)
		small := w.response(422)
		require.Equal(t, "300", small.Get("Min-SE"))
		ack, err := sip.NewACK(invite, small)
		require.NoError(t, err)
		w.send(ack)

		invite = w.timedInvite("timer", "never")
		w.send(invite)
		ack, err = sip.NewACK(invite, w.response(400))
		require.NoError(t, err)
		w.send(ack)

		invite = w.timedInvite("", "299")
		ok, _ := w.answered(alice, invite)
		update := w.within(invite, ok, sip.UPDATE, 2)
		update.Set("Supported", "timer")
		update.Set("Session-Expires", "100")
		w.send(update)
		require.Equal(t, "300", w.response(422).Get("Min-SE"))
		w.send(w.within(invite, ok, sip.BYE, 3))
		w.response(200)
	}, dialog.WithSessionTimer(dialog.SessionTimer{Min: 5 * time.Minute}))
}

// RFC 4028 section 10: who waits for a refresh sends BYE 32 s, or a third of the
// interval, before the end.
func TestSessionExpires(t *testing.T) {
	for expires, after := range map[string]time.Duration{
		"1800;refresher=uac": 1768 * time.Second,
		"90;refresher=uac":   60 * time.Second,
	} {
		onWire(t, func(t *testing.T, alice *phone, w *wire) {
			invite := w.timedInvite("timer", expires)
			ok, d := w.answered(alice, invite)
			began := time.Now()
			time.Sleep(45 * time.Second)
			refresh := w.within(invite, ok, sip.UPDATE, 2)
			refresh.Set("Supported", "timer")
			refresh.Set("Session-Expires", expires)
			w.send(refresh)
			require.Equal(t, expires, w.response(200).Get("Session-Expires"))
			w.send(sip.NewResponse(w.request(sip.BYE), 200))
			require.Equal(t, 45*time.Second+after, time.Since(began).Round(time.Second))
			<-d.Done()
			require.ErrorIs(t, d.Err(), dialog.ErrExpired)
		})
	}
}

// RFC 4028 section 7.4: the one who refreshes does so at half the interval, by
// UPDATE where the other end takes it.
func TestSessionRefreshByUPDATE(t *testing.T) {
	onWire(t, func(t *testing.T, alice *phone, w *wire) {
		invite := w.timedInvite("timer", "1800;refresher=uas")
		invite.Set("Min-SE", "120")
		ok, _ := w.answered(alice, invite)
		began := time.Now()
		for i := range 3 {
			update := w.request(sip.UPDATE)
			require.Equal(t, time.Duration(i+1)*15*time.Minute, time.Since(began).Round(time.Second))
			require.Equal(t, "1800;refresher=uac", update.Get("Session-Expires"), "it is the client of this one")
			require.Equal(t, "120", update.Get("Min-SE"))
			require.True(t, update.HasToken("Supported", "timer"))
			require.Empty(t, update.Body())
			resp := sip.NewResponse(update, 200)
			resp.Set("Session-Expires", "1800;refresher=uac")
			w.send(resp)
		}
		w.send(w.within(invite, ok, sip.BYE, 2))
		w.response(200)
		time.Sleep(time.Hour)
		require.Empty(t, w.came)
	})
}

// Without UPDATE it is a re-INVITE with the description of before.
func TestSessionRefreshByReInvite(t *testing.T) {
	for _, allow := range []string{"INVITE, ACK, BYE", "UPDATE"} {
		onWire(t, func(t *testing.T, alice *phone, w *wire) {
			invite := w.timedInvite("timer", "1800;refresher=uas")
			invite.Set("Allow", allow)
			ok, _ := w.answered(alice, invite)
			if allow == "UPDATE" { // a lie
				w.send(sip.NewResponse(w.request(sip.UPDATE), 405))
			}
			again := w.request(sip.INVITE)
			require.Equal(t, "answer", again.Body())
			require.Equal(t, "1800;refresher=uac", again.Get("Session-Expires"))
			w.send(sip.NewResponse(again, 200)) // without Session-Expires
			w.request(sip.ACK)
			time.Sleep(time.Hour)
			require.Empty(t, w.came, "the timer is off (RFC 4028 section 7.2)")
			w.send(w.within(invite, ok, sip.BYE, 2))
			w.response(200)
		})
	}
}

// RFC 4028 section 10: a refresh that fails is tried again, and the call ended
// with its interval. One that nobody answers ends it at once.
func TestSessionRefreshFails(t *testing.T) {
	onWire(t, func(t *testing.T, alice *phone, w *wire) {
		_, d := w.answered(alice, w.timedInvite("timer", "100;refresher=uas"))
		began := time.Now()
		for range 10 { // 50 s, every 5 s
			w.send(sip.NewResponse(w.request(sip.UPDATE), 500))
		}
		w.send(sip.NewResponse(w.request(sip.BYE), 200))
		require.Equal(t, 100*time.Second, time.Since(began).Round(time.Second))
		<-d.Done()
		require.ErrorIs(t, d.Err(), dialog.ErrExpired)
	})
	onWire(t, func(t *testing.T, alice *phone, w *wire) {
		_, d := w.answered(alice, w.timedInvite("timer", "100;refresher=uas"))
		<-d.Done()
		require.ErrorIs(t, d.Err(), transaction.ErrTimeout)
	})
	onWire(t, func(t *testing.T, alice *phone, w *wire) {
		invite := w.timedInvite("timer", "100;refresher=uas")
		ok, _ := w.answered(alice, invite)
		small := sip.NewResponse(w.request(sip.UPDATE), 422)
		small.Set("Min-SE", "200")
		w.send(small)
		update := w.request(sip.UPDATE)
		require.Equal(t, "200;refresher=uac", update.Get("Session-Expires"))
		require.Equal(t, "200", update.Get("Min-SE"))
		crossed := sip.NewResponse(update, 491)
		w.send(crossed)
		w.send(sip.NewResponse(w.request(sip.UPDATE), 200))
		w.send(w.within(invite, ok, sip.BYE, 2))
		w.response(200)
	})
}

// RFC 4028 section 7.3: the client tries again with the interval that a 422 asks
// for, within the call, as long as it grows.
func TestInviteIntervalTooSmall(t *testing.T) {
	onWire(t, func(t *testing.T, alice *phone, w *wire) {
		outcomes, _ := alice.calling(context.Background(), w)
		first := w.request(sip.INVITE)
		require.Equal(t, "100", first.Get("Session-Expires"))
		require.Empty(t, first.Get("Min-SE"))
		reject := func(req *sip.Request, least string) {
			small := sip.NewResponse(req, 422)
			if least != "" {
				small.Set("Min-SE", least)
			}
			w.send(small)
			w.request(sip.ACK)
		}
		reject(first, "200")
		second := w.request(sip.INVITE)
		require.Equal(t, "200", second.Get("Session-Expires"))
		require.Equal(t, "200", second.Get("Min-SE"))
		require.Equal(t, first.CallID(), second.CallID())
		require.Equal(t, first.Get("From"), second.Get("From"))
		require.Equal(t, "2 INVITE", second.Get("CSeq"))
		reject(second, "300")
		third := w.request(sip.INVITE)
		require.Equal(t, "300", third.Get("Min-SE"))
		reject(third, "300")
		var rejected *dialog.RejectedError
		require.ErrorAs(t, (<-outcomes).err, &rejected)
		require.Equal(t, 422, rejected.Response.StatusCode)
	}, dialog.WithSessionTimer(dialog.SessionTimer{Interval: 100 * time.Second}))
}

// A 2xx makes the caller the one who refreshes, though it had asked for nothing.
func TestInviteMustRefresh(t *testing.T) {
	onWire(t, func(t *testing.T, alice *phone, w *wire) {
		outcomes, _ := alice.calling(context.Background(), w)
		invite := w.request(sip.INVITE)
		require.True(t, invite.HasToken("Supported", "timer"))
		require.Empty(t, invite.Get("Session-Expires"))
		ok := w.ok(invite, "one")
		ok.Set("Session-Expires", "90;refresher=uac")
		ok.Set("Require", "timer")
		w.send(ok)
		w.request(sip.ACK)
		began := time.Now()
		d := (<-outcomes).dialog
		again := w.request(sip.INVITE) // it did not Allow UPDATE
		require.Equal(t, 45*time.Second, time.Since(began).Round(time.Second))
		require.Equal(t, "offer", again.Body())
		w.send(sip.NewResponse(again, 200))
		w.request(sip.ACK)
		go d.Bye(context.Background())
		w.send(sip.NewResponse(w.request(sip.BYE), 200))
	})
}

// Two phones on a bad network talk for hours, whoever refreshes.
func TestSessionOverLoss(t *testing.T) {
	for seed := range uint64(4) {
		lossy(t, seed, func(t *testing.T, alice, bob *phone) {
			calls := bob.accepting()
			req := alice.invite(bob)
			if seed%2 == 1 {
				req.Set("Session-Expires", "600;refresher=uas")
			}
			caller, err := alice.Invite(context.Background(), req, sip.Target{})
			require.NoError(t, err)
			callee := <-calls
			time.Sleep(5 * time.Hour)
			select {
			case <-caller.Done():
				require.NoError(t, caller.Err())
			case <-callee.Done():
				require.NoError(t, callee.Err())
			default:
			}
			_ = caller.Bye(context.Background())
			<-callee.Done()
		}, dialog.WithSessionTimer(dialog.SessionTimer{Interval: 10 * time.Minute}))
	}
}
