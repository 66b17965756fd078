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
// none comes within 64*T1 the dialog ends with BYE and ErrNoACK. The early
// dialog of Progress becomes confirmed; while PRACK is due for a description
// that Progress sent, the 2xx waits for it (RFC 3262 section 5).
//
// To an INVITE without an offer resp carries one, and the answer is in the ACK.
//
// The error is that of tx.Respond: transaction.ErrAnswered when CANCEL was
// faster.
func (s *Set) Accept(tx *transaction.ServerTx, resp *sip.Response) (*Dialog, error) {
	d, fresh, err := s.begin(tx, resp) // before the response, since ACK may come at once
	if err != nil {
		return nil, err
	}
	err = d.Accept(tx, resp)
	switch {
	case err == nil:
		return d, nil
	case fresh:
		d.discard(err)
	default:
		d.end(err)
	}
	return nil, err
}

var errInUse = errors.New("dialog: there is one with these tags already")

// begin gives the dialog of an INVITE and a response of ours to it: an early one
// that there is, or a new one.
func (s *Set) begin(tx *transaction.ServerTx, resp *sip.Response) (d *Dialog, fresh bool, err error) {
	if err := s.complete(tx, resp); err != nil {
		return nil, false, err
	}
	req := tx.Request()
	d, err = newDialog(s, req, resp.Clone(), &req.Header)
	if err != nil {
		return nil, false, &sip.StatusError{Code: 400, Reason: "Malformed Contact Or Record-Route", Err: err}
	}
	d.ringing = tx
	there := s.add(d)
	if there == nil {
		return d, true, nil
	}
	if there.invite != req || !there.Early() {
		return nil, false, errInUse
	}
	return there, false, nil
}

// Accept answers a re-INVITE as Set.Accept does the first one. It returns at
// once.
func (d *Dialog) Accept(tx *transaction.ServerTx, resp *sip.Response) error {
	if err := d.set.complete(tx, resp); err != nil {
		return err
	}
	cseq, err := resp.CSeq()
	if err != nil {
		return err
	}
	req, ok := tx.Request(), resp.Clone()
	d.mu.Lock()
	d.grant(req, ok)
	if r := d.reliable; r != nil && r.tx == tx && r.holds() {
		r.final = ok
		d.mu.Unlock()
		tx.Detach() // PRACK, CANCEL or the end of waiting answers it
		return nil
	}
	d.mu.Unlock()
	return d.accept(tx, ok, cseq.Seq)
}

// accept sends a 2xx and repeats it until ACK comes.
func (d *Dialog) accept(tx *transaction.ServerTx, resp *sip.Response, seq uint32) error {
	offer, theirs := description(resp), description(tx.Request())
	timers := d.set.ep.Timers()
	u := &unacked{
		d: d, tx: tx, resp: resp.Clone(), seq: seq,
		interval: timers.T1, until: time.Now().Add(64 * timers.T1),
	}
	u.timer = d.set.ep.NewTimer(u.repeat)
	d.mu.Lock()
	switch {
	case d.reliable.settled(tx):
	case theirs != "":
		d.exchange.agree(offer, theirs)
	case offer != "":
		u.offer = offer
		d.exchange.offered = true
	}
	d.reliable.finish(tx)
	if d.early {
		d.early, d.response, d.ringing = false, u.resp, nil
		d.exchange.invited = false
		d.reminder.stop()
	}
	d.unacked.stop()
	d.unacked = u
	u.timer.Reset(u.interval)
	d.mu.Unlock()
	err := tx.Respond(resp)
	d.mu.Lock()
	defer d.mu.Unlock()
	if err == nil {
		d.session.arm(d)
		return nil
	}
	u.stop()
	if d.unacked == u {
		d.unacked = nil
		d.exchange.offered = false
	}
	return err
}

// unacked is a 2xx that is repeated until ACK comes. The dialog's lock guards
// it.
type unacked struct {
	d        *Dialog
	tx       *transaction.ServerTx
	resp     *sip.Response
	seq      uint32
	offer    string // that the ACK answers
	interval time.Duration
	until    time.Time
	timer    *transaction.Timer
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
func (d *Dialog) acknowledged(ack *sip.Request, seq uint32) {
	d.mu.Lock()
	u := d.unacked
	ours := u != nil && u.seq == seq
	if ours {
		u.stop()
		d.unacked, d.acked = nil, ack
		if u.offer != "" {
			d.exchange.agree(u.offer, description(ack))
		}
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
