package dialog_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/transaction"
	"github.com/patchbay-sip/patchbay/transaction/dialog"
)

// Both ends change the session as often as they like, at the same time, on a bad
// network. Whatever crosses is refused on one side or the other, nothing hangs,
// and at the end both ends know the same session and can change it.
func TestExchangesThatCross(t *testing.T) {
	onRequest := dialog.OnRequest(func(_ context.Context, d *dialog.Dialog, req *sip.Request, tx *transaction.ServerTx) error {
		time.Sleep(time.Duration(rand.IntN(500)) * time.Millisecond)
		ok := withBody(sip.NewResponse(req, 200), "answer to "+req.Body())
		if req.Method == sip.INVITE {
			return d.Accept(tx, ok)
		}
		return tx.Respond(ok)
	})
	done, refused := 0, 0
	for seed := range uint64(5) {
		lossy(t, seed, func(t *testing.T, alice, bob *phone) {
			caller, callee := ring(t, alice, bob)
			var both sync.WaitGroup
			var mu sync.Mutex
			for i, d := range []*dialog.Dialog{caller, callee} {
				both.Go(func() {
					for n := range 30 {
						req := d.NewRequest([]sip.Method{sip.INVITE, sip.UPDATE}[rand.IntN(2)])
						req.SetBody("application/sdp", strconv.Itoa(i)+" "+strconv.Itoa(n))
						resp, err := d.Do(context.Background(), req)
						mu.Lock()
						switch {
						case errors.Is(err, dialog.ErrPending):
							refused++
						case err != nil:
							require.NoError(t, err)
						case resp.StatusCode == 200:
							require.Equal(t, "answer to "+req.Body(), resp.Body())
							done++
						case resp.StatusCode == 491 || resp.StatusCode == 500:
							refused++
						default:
							require.Equal(t, 200, resp.StatusCode)
						}
						mu.Unlock()
						time.Sleep(time.Duration(rand.IntN(3000)) * time.Millisecond)
					}
				})
			}
			both.Wait()
			time.Sleep(time.Minute)
			for _, d := range []*dialog.Dialog{caller, callee} {
				for _, m := range []sip.Method{sip.INVITE, sip.UPDATE} {
					resp, err := d.Do(context.Background(), offer(d, m))
					require.NoError(t, err)
					require.Equal(t, 200, resp.StatusCode)
					time.Sleep(time.Minute)
				}
			}
			require.NoError(t, caller.Bye(context.Background()))
			<-callee.Done()
		}, onRequest)
	}
	t.Logf("%d exchanges, %d refused", done, refused)
	require.Positive(t, done)
	require.Positive(t, refused)
}
