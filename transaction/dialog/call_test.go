package dialog_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/transaction"
	"github.com/patchbay-sip/patchbay/transaction/dialog"
)

// invite is a call of bob's to alice, by two proxies that record a route.
func (w *wire) invite(lr string) *sip.Request {
	from, err := sip.ParseAddress("<sip:bob@example.com>;tag=bobs")
	require.NoError(w.t, err)
	req := sip.NewRequest(sip.INVITE, sip.MustParseURI("sip:alice@"+aliceAddr), from,
		sip.Address{URI: sip.MustParseURI("sip:callee@example.com")})
	req.Add("Contact", "<sip:bob@"+bobAddr+">")
	if lr != "" {
		req.Set("Contact", "<sip:bob@phone.example.com>")
		req.Add("Record-Route", "<sip:"+bobAddr+lr+">, <sip:192.0.2.66;lr>")
	}
	w.pushVia(req)
	return req
}

func (w *wire) pushVia(req *sip.Request) {
	params, err := sip.ParseParams(";branch=" + sip.NewBranch() + ";rport")
	require.NoError(w.t, err)
	req.PushVia(sip.Via{Transport: "UDP", SentBy: w.SentBy(w.flow), Params: params})
}

// within is a request of bob's within the dialog.
func (w *wire) within(invite *sip.Request, ok *sip.Response, m sip.Method, seq uint32) *sip.Request {
	from, err := invite.From()
	require.NoError(w.t, err)
	to, err := ok.To()
	require.NoError(w.t, err)
	req := sip.NewRequest(m, sip.MustParseURI("sip:alice@"+aliceAddr), from, to)
	req.Set("Call-ID", invite.CallID())
	req.Set("CSeq", sip.CSeq{Seq: seq, Method: m}.String())
	w.pushVia(req)
	return req
}

func (w *wire) ack(invite *sip.Request, ok *sip.Response) *sip.Request {
	return w.within(invite, ok, sip.ACK, 1)
}

// requestOrNone is what came within a second, or nil.
func (w *wire) requestOrNone() sip.Message {
	time.Sleep(time.Second)
	synctest.Wait()
	select {
	case m := <-w.came:
		return m
	default:
		return nil
	}
}

// The 2xx is repeated until ACK comes, at intervals that double up to T2; then
// BYE ends the call (RFC 3261 section 13.3.1.4).
func TestAcceptWithoutACK(t *testing.T) {
	onWire(t, func(t *testing.T, alice *phone, w *wire) {
		calls := alice.accepting()
		w.send(w.invite(""))
		w.response(180)
		began := time.Now()
		d := <-calls
		var times []time.Duration
		for {
			m := <-w.came
			if _, ok := m.(*sip.Request); ok {
				require.Equal(t, sip.BYE, m.(*sip.Request).Method)
				w.send(sip.NewResponse(m.(*sip.Request), 200))
				break
			}
			times = append(times, time.Since(began).Round(100*time.Millisecond))
		}
		require.Equal(t, 32*time.Second, time.Since(began).Round(time.Second))
		require.Equal(t, []time.Duration{0, 500 * time.Millisecond, 1500 * time.Millisecond, 3500 * time.Millisecond, 7500 * time.Millisecond}, times[:5])
		require.Len(t, times, 11)
		<-d.Done()
		require.ErrorIs(t, d.Err(), dialog.ErrNoACK)
		require.Zero(t, alice.Len())
	})
}

func TestAcceptIsConfirmedByACK(t *testing.T) {
	onWire(t, func(t *testing.T, alice *phone, w *wire) {
		calls := alice.accepting()
		invite := w.invite("")
		w.send(invite)
		w.response(180)
		ok := w.response(200)
		d := <-calls
		require.Equal(t, ok.String(), w.response(200).String(), "repeated")
		select {
		case <-d.Confirmed():
			t.Fatal("there was no ACK")
		default:
		}
		w.send(w.within(invite, ok, sip.ACK, 99)) // of something else
		w.send(w.ack(invite, ok))
		<-d.Confirmed()
		require.Nil(t, w.requestOrNone())
		w.send(w.within(invite, ok, sip.BYE, 2))
		w.response(200)
		<-d.Done()
	})
}

// A callee sends no BYE before ACK came (RFC 3261 section 15).
func TestByeWaitsForACK(t *testing.T) {
	onWire(t, func(t *testing.T, alice *phone, w *wire) {
		calls := alice.accepting()
		invite := w.invite("")
		w.send(invite)
		w.response(180)
		ok := w.response(200)
		d := <-calls
		require.ErrorIs(t, d.Bye(canceled()), context.Canceled)
		require.Equal(t, 1, alice.Len())
		w.send(w.ack(invite, ok))
		w.send(sip.NewResponse(w.request(sip.BYE), 200))
		<-d.Done()
		require.NoError(t, d.Err())
	})
}

func TestAcceptAfterCANCEL(t *testing.T) {
	onWire(t, func(t *testing.T, alice *phone, w *wire) {
		errs := make(chan error, 1)
		alice.mux.HandleFunc(sip.INVITE, func(ctx context.Context, req *sip.Request, tx *transaction.ServerTx) error {
			tx.OnCancel(func() {
				_ = tx.Respond(sip.NewResponse(req, 487))
				_, err := alice.Accept(tx, sip.NewResponse(req, 200))
				errs <- err
			})
			tx.Detach()
			return nil
		})
		invite := w.invite("")
		w.send(invite)
		w.response(100)
		w.send(sip.NewCancel(invite))
		w.response(200)
		end := w.response(487)
		require.ErrorIs(t, <-errs, transaction.ErrAnswered)
		require.Zero(t, alice.Len())
		ack, err := sip.NewACK(invite, end)
		require.NoError(t, err)
		w.send(ack)
	})
}

func TestInviteRejected(t *testing.T) {
	inBubble(t, "udp", func(t *testing.T, alice, bob *phone) {
		bob.mux.HandleFunc(sip.INVITE, func(context.Context, *sip.Request, *transaction.ServerTx) error {
			return &sip.StatusError{Code: 486, Reason: "On The Other Line"}
		})
		_, err := alice.Invite(context.Background(), alice.invite(bob), sip.Target{})
		var rejected *dialog.RejectedError
		require.ErrorAs(t, err, &rejected)
		require.Equal(t, 486, rejected.Response.StatusCode)
		var status *sip.StatusError
		require.ErrorAs(t, err, &status)
		require.Equal(t, "On The Other Line", status.Reason)
	})
}

// The end of ctx cancels a call that rings.
func TestInviteCanceled(t *testing.T) {
	inBubble(t, "udp", func(t *testing.T, alice, bob *phone) {
		causes := make(chan error, 1)
		bob.mux.HandleFunc(sip.INVITE, func(ctx context.Context, req *sip.Request, tx *transaction.ServerTx) error {
			if err := tx.Respond(sip.NewResponse(req, 180)); err != nil {
				return err
			}
			<-ctx.Done()
			causes <- context.Cause(ctx)
			return ctx.Err()
		})
		ctx, cancel := context.WithCancelCause(context.Background())
		why := errors.New("changed my mind")
		_, err := alice.Invite(ctx, alice.invite(bob), sip.Target{}, dialog.OnProvisional(func(resp *sip.Response) {
			require.Equal(t, 180, resp.StatusCode)
			cancel(why)
		}))
		require.ErrorIs(t, err, why)
		require.ErrorIs(t, <-causes, transaction.ErrCanceled)
	})
}

// A 2xx that crosses CANCEL is acknowledged, and the call ended.
func TestInviteCanceledTooLate(t *testing.T) {
	onWire(t, func(t *testing.T, alice *phone, w *wire) {
		ctx, cancel := context.WithCancel(context.Background())
		errs := make(chan error, 1)
		go func() {
			_, err := alice.Invite(ctx, alice.invite(w.bob()), sip.Target{})
			errs <- err
		}()
		invite := w.request(sip.INVITE)
		w.send(sip.NewResponse(invite, 180))
		synctest.Wait()
		cancel()
		w.send(sip.NewResponse(w.request(sip.CANCEL), 200))
		w.send(w.ok(invite, "one"))
		w.request(sip.ACK)
		w.send(sip.NewResponse(w.request(sip.BYE), 200))
		require.ErrorIs(t, <-errs, context.Canceled)
		require.Zero(t, alice.Len())
	})
}

// ok is a 2xx of one of several phones.
func (w *wire) ok(invite *sip.Request, tag string) *sip.Response {
	ok := sip.NewResponse(invite, 200)
	to, err := ok.To()
	require.NoError(w.t, err)
	ok.Set("To", to.WithTag(tag).String())
	ok.Set("Contact", "<sip:"+tag+"@"+bobAddr+">")
	return ok
}

// Each 2xx is acknowledged each time; the second phone that answers gets BYE.
func TestInviteForked(t *testing.T) {
	onWire(t, func(t *testing.T, alice *phone, w *wire) {
		got := make(chan *dialog.Dialog, 1)
		go func() {
			d, err := alice.Invite(context.Background(), alice.invite(w.bob()), sip.Target{})
			require.NoError(t, err)
			got <- d
		}()
		invite := w.request(sip.INVITE)
		w.send(w.ok(invite, "one"))
		ack := w.request(sip.ACK)
		require.Equal(t, "sip:one@"+bobAddr, ack.URI.String())
		d := <-got

		w.send(w.ok(invite, "two"))
		require.Equal(t, "sip:two@"+bobAddr, w.request(sip.ACK).URI.String())
		bye := w.request(sip.BYE)
		require.Equal(t, "sip:two@"+bobAddr, bye.URI.String())
		w.send(sip.NewResponse(bye, 200))

		for range 3 {
			w.send(w.ok(invite, "one"))
			again := w.request(sip.ACK)
			require.Equal(t, ack.Get("CSeq"), again.Get("CSeq"))
			require.Equal(t, ack.Get("To"), again.Get("To"))
		}
		w.send(w.ok(invite, "two"))
		require.Equal(t, "sip:two@"+bobAddr, w.request(sip.ACK).URI.String())
		require.Equal(t, 1, alice.Len())
		done := make(chan error, 1)
		go func() { done <- d.Bye(context.Background()) }()
		w.send(sip.NewResponse(w.request(sip.BYE), 200))
		require.NoError(t, <-done)
	})
}

func TestInviteAnsweredWithoutContact(t *testing.T) {
	onWire(t, func(t *testing.T, alice *phone, w *wire) {
		errs := make(chan error, 1)
		go func() {
			_, err := alice.Invite(context.Background(), alice.invite(w.bob()), sip.Target{})
			errs <- err
		}()
		w.send(sip.NewResponse(w.request(sip.INVITE), 200))
		require.ErrorIs(t, <-errs, sip.ErrNoField)
	})
}
