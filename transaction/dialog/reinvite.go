package dialog

import (
	"math/rand/v2"
	"strconv"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/transaction"
)

// count notes that a re-INVITE of ours begins or ends.
func (d *Dialog) count(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.inviting += n
}

// admit refuses a re-INVITE while another one is in progress, in either
// direction (RFC 3261 section 14.2).
func (d *Dialog) admit(tx *transaction.ServerTx) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.inviting > 0 {
		return &sip.StatusError{Code: 491}
	}
	if d.answering {
		busy := &sip.StatusError{Code: 500, Reason: "INVITE In Progress"}
		busy.Header.Set("Retry-After", strconv.Itoa(rand.IntN(11))) //nolint:gosec // a delay is no secret
		return busy
	}
	d.answering = true
	tx.OnRespond(func(resp *sip.Response) {
		if resp.StatusCode >= 200 {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.answering = false
		}
	})
	return nil
}
