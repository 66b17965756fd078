package main

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/transport"
	"github.com/patchbay-sip/patchbay/sip/transport/memnet"
	"github.com/patchbay-sip/patchbay/transaction"
	"github.com/patchbay-sip/patchbay/transaction/dialog"
)

const (
	bridgeAddr = "192.0.2.1:5060"
	aliceAddr  = "192.0.2.2:5060"
	bobAddr    = "192.0.2.3:5060"
)

// A world has alice, who calls the bridge, and bob, who is its gateway.
type world struct {
	alice, bob *dialog.Set
	calls      chan *dialog.Dialog // that bob took
	stop       context.CancelFunc  // interrupts the bridge
}

// bridged runs f in virtual time. bob answers calls with a code, after ringing for a second with a description.
func bridged(t *testing.T, code int, f func(t *testing.T, w *world)) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(context.Background())
		n := memnet.New()
		interrupted, interrupt := context.WithCancel(ctx)
		w := &world{calls: make(chan *dialog.Dialog, 10), stop: interrupt}
		listen := func(addr string) transport.Transport {
			conn, err := n.ListenPacket(addr)
			require.NoError(t, err)
			return transport.NewUDP(conn)
		}
		go serve(interrupted, sip.MustParseURI("sip:"+bobAddr), listen(bridgeAddr))

		answers := dialog.OnRequest(func(_ context.Context, d *dialog.Dialog, req *sip.Request, tx *transaction.ServerTx) error {
			ok := sip.NewResponse(req, 200)
			ok.SetBody("application/sdp", "answer to "+req.Body())
			if req.Method == sip.INVITE {
				return d.Accept(tx, ok)
			}
			return tx.Respond(ok)
		})
		alice, bob, mux := transaction.New(), transaction.New(), transaction.NewMux()
		w.alice = dialog.NewSet(alice, nil, answers)
		w.bob = dialog.NewSet(bob, mux, answers)
		mux.HandleFunc(sip.INVITE, func(ctx context.Context, req *sip.Request, tx *transaction.ServerTx) error {
			ring := sip.NewResponse(req, 183)
			ring.SetBody("application/sdp", "bob's")
			if _, err := w.bob.Progress(tx, ring); err != nil {
				return err
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(time.Second):
			}
			if code != 200 {
				return &sip.StatusError{Code: code, Reason: "Bob Says No"}
			}
			ok := sip.NewResponse(req, 200)
			ok.SetBody("application/sdp", "bob's")
			d, err := w.bob.Accept(tx, ok)
			w.calls <- d
			return err
		})
		go alice.Serve(ctx, w.alice, listen(aliceAddr))
		go bob.Serve(ctx, w.bob, listen(bobAddr))
		f(t, w)
		time.Sleep(time.Minute)
		require.Zero(t, w.alice.Len())
		require.Zero(t, w.bob.Len())
		stop()
	})
}

// call has alice call bob's number.
func (w *world) call(ctx context.Context, body string, opts ...dialog.InviteOption) (*dialog.Dialog, error) {
	bob := sip.MustParseURI("sip:4711@" + bridgeAddr)
	invite := sip.NewRequest(sip.INVITE, bob, sip.Address{Display: "Alice", URI: sip.MustParseURI("sip:alice@example.com")}, sip.Address{URI: bob})
	if body != "" {
		invite.SetBody("application/sdp", body)
	}
	return w.alice.Invite(ctx, invite, sip.Target{}, opts...)
}

func TestCall(t *testing.T) {
	for _, aliceHangsUp := range []bool{true, false} {
		bridged(t, 200, func(t *testing.T, w *world) {
			early := make(chan string, 1)
			alice, err := w.call(t.Context(), "alice's", dialog.OnProvisional(func(resp *sip.Response) { early <- resp.Body() }))
			require.NoError(t, err)
			require.Equal(t, "bob's", <-early)
			require.Equal(t, "bob's", alice.Response().Body())
			bob := <-w.calls
			invite := bob.Request()
			require.Equal(t, "alice's", invite.Body())
			require.Equal(t, "4711", invite.URI.User())
			require.Equal(t, "69", invite.Get("Max-Forwards"))
			require.NotEqual(t, alice.Request().CallID(), invite.CallID())
			contact, err := invite.Address("Contact")
			require.NoError(t, err)
			require.Equal(t, bridgeAddr, contact.URI.HostPort().String())

			for _, d := range []*dialog.Dialog{alice, bob} {
				for _, m := range []sip.Method{sip.INVITE, sip.UPDATE, sip.INFO} {
					req := d.NewRequest(m)
					req.SetBody("application/sdp", "more "+string(m))
					resp, err := d.Do(t.Context(), req)
					require.NoError(t, err)
					require.Equal(t, 200, resp.StatusCode)
					require.Equal(t, "answer to more "+string(m), resp.Body())
					time.Sleep(time.Second)
				}
			}
			ends, hears := alice, bob
			if !aliceHangsUp {
				ends, hears = bob, alice
			}
			require.NoError(t, ends.Bye(t.Context()))
			<-hears.Done()
			require.NoError(t, hears.Err())
		})
	}
}

func TestRefused(t *testing.T) {
	bridged(t, 486, func(t *testing.T, w *world) {
		_, err := w.call(t.Context(), "alice's")
		var rejected *dialog.RejectedError
		require.ErrorAs(t, err, &rejected)
		require.Equal(t, 486, rejected.Response.StatusCode)
		require.Equal(t, "Bob Says No", rejected.Response.Reason)

		_, err = w.call(t.Context(), "")
		require.ErrorAs(t, err, &rejected)
		require.Equal(t, 488, rejected.Response.StatusCode)
	})
}

func TestCanceled(t *testing.T) {
	bridged(t, 200, func(t *testing.T, w *world) {
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		_, err := w.call(ctx, "alice's")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Empty(t, w.calls)
	})
}

// Both sides are hung up on when the bridge is taken down.
func TestInterrupted(t *testing.T) {
	bridged(t, 200, func(t *testing.T, w *world) {
		alice, err := w.call(t.Context(), "alice's")
		require.NoError(t, err)
		bob := <-w.calls
		w.stop()
		<-alice.Done()
		<-bob.Done()
		require.NoError(t, alice.Err())
		require.NoError(t, bob.Err())
	})
}

// A call that came round in a circle ends.
func TestTooManyHops(t *testing.T) {
	bridged(t, 200, func(t *testing.T, w *world) {
		bob := sip.MustParseURI("sip:4711@" + bridgeAddr)
		invite := sip.NewRequest(sip.INVITE, bob, sip.Address{URI: bob}, sip.Address{URI: bob})
		invite.SetBody("application/sdp", "round")
		invite.Set("Max-Forwards", "0")
		_, err := w.alice.Invite(t.Context(), invite, sip.Target{})
		var rejected *dialog.RejectedError
		require.ErrorAs(t, err, &rejected)
		require.Equal(t, 483, rejected.Response.StatusCode)
	})
}
