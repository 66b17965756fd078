package transaction_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/transaction"
)

// counting counts the requests that come to a handler.
func counting(n *int, next transaction.Handler) transaction.Handler {
	return transaction.HandlerFunc(func(ctx context.Context, req *sip.Request, tx *transaction.ServerTx) error {
		*n++
		return next.ServeSIP(ctx, req, tx)
	})
}

// RFC 3261 section 17.2.3: branch, sent-by and method tell transactions apart.
func TestMatchingByBranch(t *testing.T) {
	n := 0
	inBubble(t, "udp", counting(&n, answer(404)), func(w *world) {
		req := request(sip.MESSAGE, serverAddr)
		w.peer.pushVia(req, "z9hG4bKsame")
		again := func(edit func(r *sip.Request)) int {
			r := req.Clone()
			edit(r)
			before := n
			w.peer.send(r)
			w.peer.response(404)
			return n - before
		}
		require.Equal(t, 1, again(func(*sip.Request) {}))
		require.Equal(t, 0, again(func(*sip.Request) {}), "a repetition")
		require.Equal(t, 0, again(func(r *sip.Request) { r.Set("Call-ID", "other") }), "the branch alone counts")
		via := func(edit func(v *sip.Via)) func(r *sip.Request) {
			return func(r *sip.Request) {
				v, err := r.Via()
				require.NoError(t, err)
				edit(&v)
				require.NoError(t, r.SetVia(v))
			}
		}
		require.Equal(t, 1, again(via(func(v *sip.Via) { v.SentBy.Port = 0 })), "another sent-by port")
		require.Equal(t, 1, again(via(func(v *sip.Via) { v.SentBy.Host = "client.example.com" })), "another sent-by host")
		require.Equal(t, 1, again(via(func(v *sip.Via) { v.Params = v.Params.With("branch", "z9hG4bKsamE") })), "another branch")
		require.Equal(t, 1, again(func(r *sip.Request) {
			r.Method = sip.INFO
			r.Set("CSeq", "1 INFO")
		}), "another method")
	})
}

// Clients of RFC 2543 give no branch, or one without the cookie.
func TestMatchingOldClients(t *testing.T) {
	for name, branch := range map[string]string{"no branch": "", "no cookie": "1", "nothing but the cookie": sip.MagicCookie} {
		t.Run(name, func(t *testing.T) {
			n := 0
			inBubble(t, "udp", counting(&n, answer(486)), func(w *world) {
				invite := request(sip.INVITE, serverAddr)
				w.peer.pushVia(invite, branch)
				w.peer.send(invite)
				busy := w.peer.response(486)
				w.peer.send(invite)
				w.peer.response(486)
				require.Equal(t, 1, n)

				// The next call has the same Via.
				next := request(sip.INVITE, serverAddr)
				w.peer.pushVia(next, branch)
				w.peer.send(next)
				nextBusy := w.peer.response(486)
				require.Equal(t, 2, n)

				w.peer.send(w.peer.ack(invite, busy))
				w.peer.send(w.peer.ack(next, nextBusy))
				w.peer.quiet(time.Minute)
				require.Equal(t, 2, n, "the ACKs were absorbed")
				require.Zero(t, w.ep.Stats().Server)
			})
		})
	}
}

// The branch of a response counts, and the method in its CSeq.
func TestMatchingResponses(t *testing.T) {
	inBubble(t, "udp", nil, func(w *world) {
		c := w.start(context.Background(), sip.OPTIONS)
		req := w.peer.request(sip.OPTIONS)
		resp := sip.NewResponse(req, 200)

		other := resp.Clone()
		v, err := other.Via()
		require.NoError(t, err)
		v.Params = v.Params.With("branch", sip.NewBranch())
		require.NoError(t, other.SetVia(v))
		w.peer.send(other)

		for _, sentBy := range []string{"192.0.2.66:5060", "192.0.2.1:5061", "192.0.2.1"} { // section 18.1.2
			other = resp.Clone()
			v, err = other.Via()
			require.NoError(t, err)
			v.SentBy, err = sip.ParseHostPort(sentBy)
			require.NoError(t, err)
			require.NoError(t, other.SetVia(v))
			w.peer.send(other)
		}

		other = resp.Clone()
		other.Set("CSeq", "1 INFO")
		w.peer.send(other)

		other = resp.Clone()
		other.Del("Call-ID") // matches, but is no valid response
		w.peer.send(other)
		c.silent()
		require.EqualValues(t, 5, w.ep.Stats().Stray)
		require.EqualValues(t, 1, w.ep.Stats().Malformed)

		w.peer.send(resp)
		c.response(200)
	})
}

// WithStray gets what matches nothing but was meant for us.
func TestStrayResponses(t *testing.T) {
	type stray struct {
		resp *sip.Response
		flow sip.Flow
	}
	got := make(chan stray, 10)
	inBubble(t, "udp", nil, func(w *world) {
		ours := request(sip.INVITE, peerAddr)
		params, err := sip.ParseParams(";branch=" + sip.NewBranch())
		require.NoError(t, err)
		ours.PushVia(sip.Via{Transport: "UDP", SentBy: w.ep.SentBy(sip.Flow{Network: "udp"}), Params: params})
		resp := sip.NewResponse(ours, 200)
		w.peer.send(resp)
		time.Sleep(time.Second)
		s := <-got
		require.Equal(t, resp.CallID(), s.resp.CallID())
		require.Equal(t, peerAddr, s.flow.Remote.String())

		w.peer.send(sip.NewResponse(w.peer.newRequest(sip.INVITE), 200)) // the Via of someone else
		w.peer.quiet(time.Second)
		require.Empty(t, got)
		require.EqualValues(t, 2, w.ep.Stats().Stray)
	}, transaction.WithStray(func(resp *sip.Response, flow sip.Flow) { got <- stray{resp, flow} }))
}

// Do gives the first final response; a 2xx of another fork goes to WithStray.
func TestDoAndFurther2xx(t *testing.T) {
	strays := make(chan *sip.Response, 10)
	inBubble(t, "udp", nil, func(w *world) {
		done := make(chan *sip.Response, 1)
		go func() {
			resp, err := w.ep.Do(context.Background(), request(sip.INVITE, peerAddr), w.toPeer())
			require.NoError(t, err)
			done <- resp
		}()
		invite := w.peer.request(sip.INVITE)
		w.peer.respond(invite, 180)
		first := w.peer.respond(invite, 200)
		require.Equal(t, first.Get("To"), (<-done).Get("To"))
		other := sip.NewResponse(invite.Clone(), 200)
		w.peer.send(other)
		time.Sleep(time.Second)
		require.Len(t, strays, 1)
	}, transaction.WithStray(func(resp *sip.Response, _ sip.Flow) { strays <- resp }))
}
