package dialog_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip"
)

// challenge answers a request 401, and gives the one that comes after.
func (w *wire) challenge(req *sip.Request) *sip.Request {
	w.t.Helper()
	resp := sip.NewResponse(req, 401)
	resp.Set("WWW-Authenticate", `Digest realm="example.com", nonce="n", qop="auth", algorithm=MD5`)
	w.send(resp)
	if req.Method == sip.INVITE {
		w.request(sip.ACK)
	}
	again := w.request(req.Method)
	require.NotEmpty(w.t, again.Get("Authorization"))
	return again
}

// A challenge that is answered takes a CSeq number (RFC 3261 section 22.2); the
// numbers of the dialog go on from there. ACK has the one of the INVITE, and its
// credentials (22.1).
func TestChallengesWithinADialog(t *testing.T) {
	onWire(t, func(t *testing.T, alice *phone, w *wire) {
		outcomes, _ := alice.calling(context.Background(), w)
		invite := w.challenge(w.request(sip.INVITE))
		require.Equal(t, "2 INVITE", invite.Get("CSeq"))
		ring := w.early(invite, "one")
		ring.Set("Require", "100rel")
		ring.Set("RSeq", "1")
		w.send(ring)
		prack := w.request(sip.PRACK)
		require.Equal(t, "3 PRACK", prack.Get("CSeq"))
		require.Equal(t, "1 2 INVITE", prack.Get("RAck"))
		prack = w.challenge(prack)
		require.Equal(t, "4 PRACK", prack.Get("CSeq"))
		w.send(sip.NewResponse(prack, 200))
		w.send(w.ok(invite, "one"))
		ack := w.request(sip.ACK)
		require.Equal(t, "2 ACK", ack.Get("CSeq"))
		require.Equal(t, invite.Get("Authorization"), ack.Get("Authorization"))
		d := (<-outcomes).dialog

		errs := make(chan error, 1)
		go func() {
			_, err := d.Do(context.Background(), offer(d, sip.INVITE))
			errs <- err
		}()
		again := w.challenge(w.request(sip.INVITE))
		require.Equal(t, "6 INVITE", again.Get("CSeq"))
		w.send(w.ok(again, "one"))
		ack = w.request(sip.ACK)
		require.Equal(t, "6 ACK", ack.Get("CSeq"))
		require.Equal(t, again.Get("Authorization"), ack.Get("Authorization"))
		require.NoError(t, <-errs)

		go d.Bye(context.Background())
		bye := w.request(sip.BYE)
		require.Equal(t, "7 BYE", bye.Get("CSeq"))
		w.send(sip.NewResponse(w.challenge(bye), 200))
	})
}
