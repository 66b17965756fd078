package dialog

import (
	"context"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/transaction"
)

// Bye ends the dialog with BYE and waits for the answer, whatever it is. Once
// the dialog has ended it does nothing. A caller may end an early dialog so: of
// several phones that ring, that one then stops.
//
// A callee may not send BYE before ACK came (RFC 3261 section 15): Bye waits for
// that. When ctx ends it returns ctx's error, and BYE is sent all the same, or
// will be when ACK comes. A callee ends an early dialog by refusing the INVITE.
func (d *Dialog) Bye(ctx context.Context) error {
	if !d.caller {
		select {
		case <-d.confirmed:
		case <-d.done:
		case <-ctx.Done():
			d.leaveLater()
			return context.Cause(ctx)
		}
	}
	answered := make(chan error, 1)
	d.leave(func(err error) { answered <- err })
	select {
	case err := <-answered:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// leaveLater has BYE sent when ACK comes.
func (d *Dialog) leaveLater() {
	d.mu.Lock()
	d.leaving = true
	d.mu.Unlock()
	select {
	case <-d.confirmed: // in the meantime
		d.leave(func(error) {})
	default:
	}
}

// leave ends the dialog and sends BYE, unless it has ended; then gets the error
// of that.
func (d *Dialog) leave(then func(error)) {
	if !d.end(nil) {
		then(nil)
		return
	}
	d.bye(then)
}

// abandon ends a dialog that the other end seems to have lost. BYE is sent all
// the same: it may only seem so (RFC 3261 section 12.2.1.2).
func (d *Dialog) abandon(err error) {
	if d.end(err) {
		d.bye(func(error) {})
	}
}

// bye sends BYE.
func (d *Dialog) bye(then func(error)) {
	_, err := d.set.ep.Start(context.Background(), d.NewRequest(sip.BYE), sip.Target{}, func(ev transaction.Event) {
		if ev.Last {
			then(ev.Err)
		}
	})
	if err != nil {
		then(err)
	}
}
