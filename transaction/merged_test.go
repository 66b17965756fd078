package transaction_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/transaction"
)

// byAnotherPath is a request as another branch of a fork brings it.
func (p *peer) byAnotherPath(req *sip.Request) *sip.Request {
	r := req.Clone()
	_, err := r.PopVia()
	require.NoError(p.t, err)
	r.URI = sip.MustParseURI("sip:bob-again@" + serverAddr)
	p.pushVia(r, sip.NewBranch())
	return r
}

// A phone that two targets of a fork lead to rings once (RFC 3261 section 8.2.2.2).
func TestMergedInviteRingsOnce(t *testing.T) {
	txs := make(chan *transaction.ServerTx, 10)
	phone := transaction.RefuseMerged()(detached(txs))
	inBubble(t, "udp", phone, func(w *world) {
		invite := w.peer.newRequest(sip.INVITE)
		w.peer.send(invite)
		tx := <-txs
		require.NoError(t, tx.Respond(sip.NewResponse(invite, 180)))
		w.peer.response(180)
		w.peer.send(invite) // a mere retransmission
		w.peer.response(180)

		time.Sleep(5 * time.Minute) // it still rings
		other := w.peer.byAnotherPath(invite)
		w.peer.send(other)
		loop := w.peer.response(482)
		require.Equal(t, "Loop Detected", loop.Reason)
		w.peer.send(w.peer.ack(other, loop))
		w.peer.send(other) // late, and absorbed

		require.NoError(t, tx.Respond(sip.NewResponse(invite, 200)))
		w.peer.response(200)
		time.Sleep(31 * time.Second)
		other = w.peer.byAnotherPath(invite)
		w.peer.send(other)
		w.peer.send(w.peer.ack(other, w.peer.response(482)))
		require.Empty(t, txs)

		time.Sleep(2 * time.Second)
		w.peer.send(w.peer.byAnotherPath(invite))
		<-txs
	})
}

// A message is told once, and a call that was cancelled or refused is over: its
// client may try another way, and one that repeats the CSeq after a challenge is
// served.
func TestMergedAfterTheFinalResponse(t *testing.T) {
	cases := map[string]struct {
		method sip.Method
		answer int
		second int
	}{
		"message taken":     {sip.MESSAGE, 200, 482},
		"message refused":   {sip.MESSAGE, 403, 403},
		"call refused":      {sip.INVITE, 486, 486},
		"call challenged":   {sip.INVITE, 401, 401},
		"call moved":        {sip.INVITE, 302, 302},
		"no answer at all":  {sip.INVITE, 0, 500},
		"OPTIONS, answered": {sip.OPTIONS, 200, 482},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			handled := 0
			h := transaction.HandlerFunc(func(_ context.Context, req *sip.Request, tx *transaction.ServerTx) error {
				switch {
				case req.Method == sip.ACK:
					return nil
				case c.answer == 0:
					handled++
					return nil
				case c.answer == 401:
					handled++
					return transaction.Refusal(&sip.StatusError{Code: 401})
				}
				handled++
				return tx.Respond(sip.NewResponse(req, c.answer))
			})
			inBubble(t, "tcp", transaction.RefuseMerged()(h), func(w *world) {
				first := w.peer.newRequest(c.method)
				w.peer.send(first)
				w.peer.next()
				w.peer.send(w.peer.byAnotherPath(first))
				w.peer.response(c.second)
				if c.second == 482 {
					require.Equal(t, 1, handled)
				} else {
					require.Equal(t, 2, handled)
				}
			})
		})
	}
}

// What differs in one of the three is another request, and what has a To tag is for
// its dialog to judge.
func TestNotMerged(t *testing.T) {
	txs := make(chan *transaction.ServerTx, 10)
	inBubble(t, "udp", transaction.RefuseMerged()(detached(txs)), func(w *world) {
		first := w.peer.newRequest(sip.INVITE)
		w.peer.send(first)
		<-txs
		for name, edit := range map[string]func(*sip.Request){
			"From tag":    func(r *sip.Request) { r.Set("From", "<sip:alice@example.com>;tag=other") },
			"no From tag": func(r *sip.Request) { r.Set("From", "<sip:alice@example.com>") },
			"Call-ID":     func(r *sip.Request) { r.Set("Call-ID", "other") },
			"CSeq":        func(r *sip.Request) { r.Set("CSeq", "77 INVITE") },
			"To tag":      func(r *sip.Request) { inside(r) },
		} {
			other := w.peer.byAnotherPath(first)
			edit(other)
			w.peer.send(other)
			select {
			case <-txs:
			case <-time.After(time.Second):
				require.Fail(t, "refused", name)
			}
		}
	})
}

// The layer by itself lets both pass: for a proxy they are two branches.
func TestProxySeesMergedRequests(t *testing.T) {
	txs := make(chan *transaction.ServerTx, 10)
	inBubble(t, "udp", detached(txs), func(w *world) {
		first := w.peer.newRequest(sip.INVITE)
		w.peer.send(first)
		w.peer.send(w.peer.byAnotherPath(first))
		<-txs
		<-txs
	})
}
