package dialog

import (
	"errors"
	"time"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/transaction"
)

// Accept takes a call: it sends resp, a 2xx that sip.NewResponse made for the
// INVITE of tx and that SetBody gave an SDP answer, and repeats it until ACK
// comes (RFC 3261 section 13.3.1.4). Without a Contact it gets one, with the
// user of its To. It returns at once: Confirmed tells when ACK has come. If
// none comes within 64*T1 the dialog ends with BYE and ErrNoACK.
//
// The error is that of tx.Respond: transaction.ErrAnswered when CANCEL was
// faster.
func (s *Set) Accept(tx *transaction.ServerTx, resp *sip.Response) (*Dialog, error) {
	if err := fillContact(tx, resp); err != nil {
		return nil, err
	}
	req := tx.Request()
	d, err := newDialog(s, req, resp, &req.Header)
	if err != nil {
		return nil, &sip.StatusError{Code: 400, Reason: "Malformed Contact Or Record-Route", Err: err}
	}
	if !s.add(d) { // before the response, since ACK may come at once
		return nil, errInUse
	}
	if err := d.Accept(tx, resp); err != nil {
		d.end(err)
		return nil, err
	}
	return d, nil
}

var errInUse = errors.New("dialog: there is one with these tags already")

// Accept answers a re-INVITE as Set.Accept does the first one. It returns at
// once.
func (d *Dialog) Accept(tx *transaction.ServerTx, resp *sip.Response) error {
	if err := fillContact(tx, resp); err != nil {
		return err
	}
	cseq, err := resp.CSeq()
	if err != nil {
		return err
	}
	timers := d.set.ep.Timers()
	u := &unacked{
		d: d, tx: tx, resp: resp.Clone(), seq: cseq.Seq,
		interval: timers.T1, until: time.Now().Add(64 * timers.T1),
	}
	d.mu.Lock()
	d.unacked.stop()
	d.unacked = u
	u.timer = time.AfterFunc(u.interval, u.repeat)
	d.mu.Unlock()
	if err := tx.Respond(resp); err != nil {
		d.mu.Lock()
		defer d.mu.Unlock()
		u.stop()
		if d.unacked == u {
			d.unacked = nil
		}
		return err
	}
	return nil
}

func fillContact(tx *transaction.ServerTx, resp *sip.Response) error {
	to, err := resp.To()
	if err != nil {
		return err
	}
	if !resp.Has("Contact") {
		resp.Set("Contact", tx.Contact(to.URI.User()))
	}
	return nil
}

// unacked is a 2xx that is repeated until ACK comes. The dialog's lock guards
// it.
type unacked struct {
	d        *Dialog
	tx       *transaction.ServerTx
	resp     *sip.Response
	seq      uint32
	interval time.Duration
	until    time.Time
	timer    *time.Timer
}

func (u *unacked) stop() {
	if u != nil {
		u.timer.Stop()
	}
}

// repeat sends the 2xx again, at intervals that double up to T2, whatever the
// transport.
func (u *unacked) repeat() {
	d := u.d
	d.mu.Lock()
	if d.unacked != u {
		d.mu.Unlock()
		return
	}
	left := time.Until(u.until)
	if left <= 0 {
		d.mu.Unlock()
		d.confirm() // BYE may be sent now
		d.abandon(ErrNoACK)
		return
	}
	resp := u.resp.Clone()
	u.interval = min(2*u.interval, d.set.ep.Timers().T2)
	u.timer.Reset(min(u.interval, left))
	d.mu.Unlock()
	if err := u.tx.Respond(resp); err != nil {
		d.set.cfg.log.Debug("2xx not repeated", "call", d.id.callID, "err", err)
	}
}

// acknowledged takes an ACK.
func (d *Dialog) acknowledged(seq uint32) {
	d.mu.Lock()
	ours := d.unacked != nil && d.unacked.seq == seq
	if ours {
		d.unacked.stop()
		d.unacked = nil
	}
	d.mu.Unlock()
	if !ours {
		return
	}
	d.confirm()
	d.mu.Lock()
	leaving := d.leaving // after confirm: Bye looks at the two the other way round
	d.mu.Unlock()
	if leaving {
		d.leave(func(error) {})
	}
}

func (d *Dialog) confirm() { d.confirmOnce.Do(func() { close(d.confirmed) }) }
