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
	done, refused, lost := 0, 0, 0
	for seed := range uint64(5) {
		lossy(t, seed, func(t *testing.T, alice, bob *phone) {
			caller, callee := ring(t, alice, bob)
			outcomes := make(chan string, 100)
			var both sync.WaitGroup
			for i, d := range []*dialog.Dialog{caller, callee} {
				both.Go(func() {
					for n := range 30 {
						req := d.NewRequest([]sip.Method{sip.INVITE, sip.UPDATE}[rand.IntN(2)])
						req.SetBody("application/sdp", strconv.Itoa(i)+" "+strconv.Itoa(n))
						resp, err := d.Do(context.Background(), req)
						outcomes <- became(req, resp, err)
						time.Sleep(time.Duration(rand.IntN(3000)) * time.Millisecond)
					}
				})
			}
			both.Wait()
			close(outcomes)
			for o := range outcomes {
				switch o {
				case "done":
					done++
				case "refused":
					refused++
				default:
					require.Equal(t, "lost", o)
					lost++
				}
			}
			if caller.Err() != nil || callee.Err() != nil || lost > 0 {
				return // a loss too many
			}
			time.Sleep(time.Minute)
			for _, d := range []*dialog.Dialog{caller, callee} {
				for _, m := range []sip.Method{sip.INVITE, sip.UPDATE} {
					if resp, err := d.Do(context.Background(), offer(d, m)); err == nil {
						require.Equal(t, 200, resp.StatusCode)
					}
					time.Sleep(time.Minute)
				}
			}
			_ = caller.Bye(context.Background())
		}, onRequest)
	}
	t.Logf("%d exchanges, %d refused, %d lost", done, refused, lost)
	require.Greater(t, done, 100)
	require.Positive(t, refused)
}

// became says in a word what became of a request.
func became(req *sip.Request, resp *sip.Response, err error) string {
	switch {
	case errors.Is(err, dialog.ErrPending):
		return "refused"
	case errors.Is(err, dialog.ErrEnded) || errors.Is(err, transaction.ErrTimeout):
		return "lost"
	case err != nil:
		return err.Error()
	case resp.StatusCode == 200 && resp.Body() == "answer to "+req.Body():
		return "done"
	case resp.StatusCode == 491 || resp.StatusCode == 500:
		return "refused"
	case resp.StatusCode == 481 || resp.StatusCode == 408:
		return "lost"
	}
	return resp.String()
}
