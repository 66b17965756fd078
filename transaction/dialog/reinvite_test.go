package dialog_test

import (
	"context"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/transaction"
	"github.com/patchbay-sip/patchbay/transaction/dialog"
)

// RFC 3261 section 14.2: one INVITE at a time within a dialog.
func TestOneReInviteAtATime(t *testing.T) {
	txs := make(chan *transaction.ServerTx, 1)
	hold := dialog.OnRequest(func(_ context.Context, _ *dialog.Dialog, _ *sip.Request, tx *transaction.ServerTx) error {
		tx.Detach()
		txs <- tx
		return tx.Respond(sip.NewResponse(tx.Request(), 183))
	})
	onWire(t, func(t *testing.T, alice *phone, w *wire) {
		calls := alice.accepting()
		invite := w.invite("")
		w.send(invite)
		w.response(180)
		ok := w.response(200)
		w.send(w.ack(invite, ok))
		d := <-calls
		<-d.Confirmed()
		refused := func(seq uint32, code int) *sip.Response {
			req := w.within(invite, ok, sip.INVITE, seq)
			w.send(req)
			resp := w.response(code)
			ack, err := sip.NewACK(req, resp)
			require.NoError(t, err)
			w.send(ack)
			return resp
		}

		for seq := uint32(10); seq < 14; seq += 2 { // the second time round all is forgotten
			first := w.within(invite, ok, sip.INVITE, seq)
			w.send(first)
			w.response(183)
			after, err := strconv.Atoi(refused(seq+1, 500).Get("Retry-After"))
			require.NoError(t, err)
			require.LessOrEqual(t, after, 10)
			require.NoError(t, (<-txs).Respond(sip.NewResponse(first, 488)))
			ack, err := sip.NewACK(first, w.response(488))
			require.NoError(t, err)
			w.send(ack)
		}

		done := make(chan error, 1)
		go func() {
			_, err := d.Do(context.Background(), d.NewRequest(sip.INVITE))
			done <- err
		}()
		ours := w.request(sip.INVITE)
		w.send(sip.NewResponse(ours, 100))
		refused(20, 491)
		w.send(sip.NewResponse(ours, 488))
		w.request(sip.ACK)
		require.NoError(t, <-done)
		w.send(w.within(invite, ok, sip.INVITE, 21))
		w.response(183)
	}, hold)
}
