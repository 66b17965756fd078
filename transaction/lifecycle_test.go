package transaction_test

import (
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/transport"
	"github.com/patchbay-sip/patchbay/sip/transport/memnet"
	"github.com/patchbay-sip/patchbay/transaction"
)

// Each case ends with no goroutine left, or the bubble fails.
func TestLifecycle(t *testing.T) {
	forever := func(ctx context.Context, _ *sip.Request, _ *transaction.ServerTx) error {
		<-ctx.Done()
		return context.Cause(ctx)
	}
	begun := func(w *world) { // a request is being handled, another one waits
		w.peer.send(w.peer.newRequest(sip.INVITE))
		w.peer.response(100)
	}
	cases := map[string]func(w *world){
		"Close":               func(w *world) { require.NoError(w.t, w.ep.Close()) },
		"Close while handled": func(w *world) { begun(w); require.NoError(w.t, w.ep.Close()) },
		"Close by many": func(w *world) {
			begun(w)
			for range 5 {
				go func() { _ = w.ep.Close() }()
			}
			require.NoError(w.t, w.ep.Close())
			require.NoError(w.t, w.ep.Close())
		},
		"Shutdown when idle": func(w *world) { require.NoError(w.t, w.ep.Shutdown(context.Background())) },
		"Shutdown, then Close": func(w *world) {
			begun(w)
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			require.ErrorIs(w.t, w.ep.Shutdown(ctx), context.DeadlineExceeded)
			require.NoError(w.t, w.ep.Close())
			require.NoError(w.t, w.ep.Shutdown(context.Background()))
		},
		"Close during Shutdown": func(w *world) {
			begun(w)
			done := make(chan error, 1)
			go func() { done <- w.ep.Shutdown(context.Background()) }()
			synctest.Wait()
			require.NoError(w.t, w.ep.Close())
			require.NoError(w.t, <-done)
		},
		"Close while a request waits": func(w *world) {
			c := w.start(context.Background(), sip.INVITE)
			w.peer.request(sip.INVITE)
			done := make(chan error, 1)
			go func() {
				_, err := w.ep.Do(context.Background(), request(sip.OPTIONS, peerAddr), w.toPeer())
				done <- err
			}()
			w.peer.request(sip.OPTIONS)
			require.NoError(w.t, w.ep.Close())
			c.fails(transaction.ErrClosed)
			require.ErrorIs(w.t, <-done, net.ErrClosed)
		},
	}
	cases["Close during a lookup"] = func(w *world) {
		c := w.startTo(context.Background(), sip.INVITE, sip.Target{URI: uri("sip:slow.example.com")})
		sent := make(chan error, 1)
		go func() {
			sent <- w.ep.Send(context.Background(), request(sip.ACK, "slow.example.com"), sip.Target{})
		}()
		synctest.Wait()
		require.NoError(w.t, w.ep.Close())
		c.fails(transaction.ErrClosed)
		require.Error(w.t, <-sent)
	}
	slow := resolver(func(ctx context.Context, _ sip.URI) ([]sip.Hop, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	})
	for name, f := range cases {
		t.Run(name, func(t *testing.T) {
			inBubble(t, "udp", transaction.HandlerFunc(forever), f, transaction.WithResolver(slow))
		})
	}
}

func TestCloseBeforeServe(t *testing.T) {
	n := memnet.New()
	ep := transaction.New()
	require.NoError(t, ep.Close())
	require.NoError(t, ep.Close())
	tr := open(t, n, "udp", serverAddr)
	require.ErrorIs(t, ep.Serve(context.Background(), nil, tr), net.ErrClosed)
	_, err := n.ListenPacket(serverAddr)
	require.NoError(t, err, "the transport was closed")
	_, err = ep.Do(context.Background(), request(sip.OPTIONS, peerAddr), sip.Target{})
	require.ErrorIs(t, err, transaction.ErrClosed)
	require.NoError(t, ep.Shutdown(context.Background()))
}

func TestServeEndsWithItsContext(t *testing.T) {
	ep := transaction.New()
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(0, cancel)
	err := ep.Serve(ctx, nil, open(t, memnet.New(), "tcp", serverAddr))
	require.ErrorIs(t, err, net.ErrClosed)
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, ep.Serve(context.Background(), nil), transaction.ErrServing)
	require.NoError(t, ep.Close())
}

// broken is a transport whose socket fails.
type broken struct{ transport.Transport }

var errBroken = errors.New("broken")

func (broken) Serve(transport.Sink) error { return errBroken }

func TestServeEndsWithATransport(t *testing.T) {
	n := memnet.New()
	ep := transaction.New()
	err := ep.Serve(context.Background(), nil, open(t, n, "tcp", serverAddr), broken{open(t, n, "udp", serverAddr)})
	require.ErrorIs(t, err, errBroken)
	require.NoError(t, ep.Close())
}

// Start, Do and Send wait for Serve, as long as their ctx.
func TestStartWaitsForServe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		ep := transaction.New()
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_, err := ep.Do(ctx, request(sip.OPTIONS, serverAddr), sip.Target{})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, ep.Send(ctx, request(sip.ACK, serverAddr), sip.Target{}), context.DeadlineExceeded)

		tr := open(t, n, "udp", serverAddr)
		ended := make(chan error, 1)
		time.AfterFunc(time.Second, func() { ended <- ep.Serve(context.Background(), answer(200), tr) })
		resp, err := ep.Do(context.Background(), request(sip.OPTIONS, serverAddr), sip.Target{})
		require.NoError(t, err)
		require.Equal(t, 200, resp.StatusCode)
		require.NoError(t, ep.Close())
		require.ErrorIs(t, <-ended, net.ErrClosed)
	})
}

type valueKey struct{}

func TestValuesOfServesContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, net: memnet.New(), began: time.Now()}
		ep := transaction.New()
		values := make(chan any, 1)
		h := transaction.HandlerFunc(func(ctx context.Context, req *sip.Request, tx *transaction.ServerTx) error {
			values <- ctx.Value(valueKey{})
			return tx.Respond(sip.NewResponse(req, 200))
		})
		tr := open(t, w.net, "udp", serverAddr)
		ended := make(chan error, 1)
		go func() { ended <- ep.Serve(context.WithValue(context.Background(), valueKey{}, "v"), h, tr) }()
		_, err := ep.Do(context.Background(), request(sip.OPTIONS, serverAddr), sip.Target{})
		require.NoError(t, err)
		require.Equal(t, "v", <-values)
		require.NoError(t, ep.Close())
		<-ended
	})
}
