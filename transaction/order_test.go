package transaction_test

import (
	"context"
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
