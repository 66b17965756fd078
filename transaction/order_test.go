package transaction_test

import (
	"context"
	"strconv"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/transaction"
)

// What is sent right behind an ACK is handled when the ACK was: the requests of
// that call in their order, those of other calls at once.
func TestRequestsStayBehindTheirACK(t *testing.T) {
	for _, network := range []string{"udp", "tcp"} {
		t.Run(network, func(t *testing.T) { synctest.Test(t, func(t *testing.T) { stayBehindACK(t, network) }) })
	}
}

func stayBehindACK(t *testing.T, network string) {
	handled := make(chan string, 10)
	release := make(chan struct{})
	w := newWorld(t, network, transaction.HandlerFunc(func(_ context.Context, req *sip.Request, _ *transaction.ServerTx) error {
		if req.Method == sip.ACK {
			<-release
		}
		handled <- string(req.Method) + " " + req.CallID()
		return &sip.StatusError{Code: 480}
	}))
	defer w.close()
	next := func() string {
		synctest.Wait()
		select {
		case s := <-handled:
			return s
		default:
			return ""
		}
	}
	send := func(call string, methods ...sip.Method) {
		for _, m := range methods {
			req := w.peer.newRequest(m)
			req.Set("Call-ID", call)
			w.peer.send(req)
		}
	}
	send("1", sip.ACK, sip.INFO, sip.ACK, sip.BYE)
	send("2", sip.OPTIONS)
	require.Equal(t, "OPTIONS 2", next())
	require.Empty(t, next())
	release <- struct{}{}
	require.ElementsMatch(t, []string{"ACK 1", "INFO 1"}, []string{next(), next()})
	require.Empty(t, next())
	release <- struct{}{}
	require.Equal(t, []string{"ACK 1", "BYE 1"}, []string{next(), next()})
	send("1", sip.OPTIONS)
	require.Equal(t, "OPTIONS 1", next())
}

// A handler that panics holds nobody up.
func TestPanicInACKFreesTheCall(t *testing.T) {
	h := transaction.HandlerFunc(func(_ context.Context, req *sip.Request, _ *transaction.ServerTx) error {
		if req.Method == sip.ACK {
			panic("ACK")
		}
		return &sip.StatusError{Code: 481}
	})
	inBubble(t, "tcp", h, func(w *world) {
		w.peer.send(w.peer.newRequest(sip.ACK))
		w.peer.send(w.peer.newRequest(sip.BYE))
		w.peer.response(481)
	})
}

// Whoever has an ACK go nowhere, and floods its call, takes the places of a few
// handlers with that, and not those of all other calls.
func TestFloodBehindAnACK(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		letGo := make(chan struct{})
		handled := 0
		w := newWorld(t, "udp", transaction.HandlerFunc(func(_ context.Context, req *sip.Request, _ *transaction.ServerTx) error {
			if req.Method == sip.ACK {
				<-letGo
				handled++
				return nil
			}
			return &sip.StatusError{Code: 481}
		}))
		defer w.close()
		ofCall := func(m sip.Method) *sip.Request {
			req := w.peer.newRequest(m)
			req.Set("Call-ID", "flooded")
			return inside(req)
		}
		w.peer.send(ofCall(sip.ACK))
		refused := 0
		for range 500 {
			w.peer.send(ofCall(sip.BYE))
			w.peer.send(ofCall(sip.ACK))
			synctest.Wait()
			refused = int(w.ep.Stats().Refused.BehindACK)
		}
		require.GreaterOrEqual(t, refused, 490)
		require.LessOrEqual(t, w.ep.Stats().Handlers, 10)
		for range refused {
			require.NotEmpty(t, w.peer.response(503).Get("Retry-After"))
		}
		w.peer.send(w.peer.newRequest(sip.OPTIONS)) // of another call
		w.peer.response(481)

		close(letGo)
		for range 500 - refused {
			w.peer.response(481)
		}
		synctest.Wait()
		require.Zero(t, w.ep.Stats().Handlers)
		require.Equal(t, 1+500-int(w.ep.Stats().Dropped.ACKs), handled)
		w.peer.send(ofCall(sip.BYE))
		w.peer.response(481)
	})
}

// Nor do many calls, each with a little behind its ACK, take all places.
func TestManyCallsBehindTheirACKs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		letGo := make(chan struct{})
		w := newWorld(t, "udp", transaction.HandlerFunc(func(_ context.Context, req *sip.Request, _ *transaction.ServerTx) error {
			if req.Method == sip.ACK {
				<-letGo
				return nil
			}
			return &sip.StatusError{Code: 481}
		}), transaction.WithMaxHandlers(40))
		defer w.close()
		for i := range 20 {
			for _, m := range []sip.Method{sip.ACK, sip.BYE, sip.BYE} {
				req := w.peer.newRequest(m)
				req.Set("Call-ID", strconv.Itoa(i))
				w.peer.send(inside(req))
			}
		}
		for range 30 {
			w.peer.response(503)
		}
		require.Equal(t, 20+10, w.ep.Stats().Handlers)
		w.peer.send(w.peer.newRequest(sip.OPTIONS))
		w.peer.response(481)
		close(letGo)
		for range 10 {
			w.peer.response(481)
		}
		synctest.Wait()
		require.Zero(t, w.ep.Stats().Handlers)
	})
}
