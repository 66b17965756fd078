package dialog

import (
	"time"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/transaction"
)

// reminding is how often a phone that rings says so: proxies end a call that they
// hear nothing of (RFC 3261 section 13.3.1.1).
const reminding = time.Minute

// A reminder repeats the last provisional response to the INVITE that began a
// dialog. The dialog's lock guards it.
type reminder struct {
	timer  *transaction.Timer
	code   int
	reason string
	until  time.Time // a call that was forgotten must not ring for ever
}

func (r *reminder) stop() {
	if r.timer != nil {
		r.timer.Stop()
	}
}

// remind begins to repeat a response that the program has sent.
func (d *Dialog) remind(tx *transaction.ServerTx, resp *sip.Response) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ringing != tx || d.ended() {
		return // it is answered, or is a re-INVITE
	}
	r := &d.reminder
	if r.timer == nil {
		r.timer = d.set.ep.NewTimer(d.remindNow)
	}
	r.code, r.reason = resp.StatusCode, resp.Reason
	r.until = time.Now().Add(d.set.ep.Timers().Ringing - reminding/2)
	r.timer.Reset(reminding)
}

// remindNow sends the response again, as a new one and without its body.
func (d *Dialog) remindNow() {
	d.mu.Lock()
	r, tx := &d.reminder, d.ringing
	if tx == nil || d.ended() || time.Now().After(r.until) {
		d.mu.Unlock()
		return
	}
	resp := sip.NewResponse(tx.Request(), r.code)
	resp.Reason = r.reason
	busy := d.reliable.busy() // and so the caller hears of it anyway
	r.timer.Reset(reminding)
	d.mu.Unlock()
	if busy {
		return
	}
	if err := d.progress(tx, resp); err != nil {
		d.set.cfg.log.Debug("response not sent", "status", resp.StatusCode, "call", d.id.callID, "err", err)
	}
}
