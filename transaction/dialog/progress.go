package dialog

import (
	"errors"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/transaction"
)

// Progress tells a caller how its call goes: it sends resp, a 101 to 199 that
// sip.NewResponse made for the INVITE of tx, and gives the early dialog that
// this makes. Requests within it are then taken, and may be sent.
//
// If the caller Supports or Requires 100rel, resp goes reliably (RFC 3262
// section 3): it is repeated until PRACK comes, at intervals that double from
// T1, and if none comes within 64*T1 the INVITE is answered 504 and the dialog
// ends with ErrNoPRACK. One is under way at a time: a further one waits, and
// ErrPending tells that too many do. The end of the INVITE drops those that
// wait. Progress itself returns at once.
//
// Each minute the response is sent anew, without a body, so that no proxy takes
// the call for lost (RFC 3261 section 13.3.1.1): until Timers.Ringing has passed
// since the last Progress.
//
// A description in a reliable response is the answer to the offer in the
// INVITE, or the offer if that has none: then PRACK has the answer, and comes to
// OnRequest.
//
// The error is that of tx.Respond.
func (s *Set) Progress(tx *transaction.ServerTx, resp *sip.Response) (*Dialog, error) {
	if !isProgress(resp) {
		return nil, errNotProvisional
	}
	d, _, err := s.begin(tx, resp)
	if err != nil {
		return nil, err
	}
	err = d.Progress(tx, resp)
	if errors.Is(err, transaction.ErrAnswered) || errors.Is(err, transaction.ErrTerminated) {
		d.discard(err) // nothing else would end it
	}
	if err != nil {
		return nil, err
	}
	return d, nil
}

func isProgress(resp *sip.Response) bool { return resp.StatusCode > 100 && resp.StatusCode < 200 }

// Progress sends a provisional response to a re-INVITE as Set.Progress does to
// the first one.
func (d *Dialog) Progress(tx *transaction.ServerTx, resp *sip.Response) error {
	if !isProgress(resp) {
		return errNotProvisional
	}
	err := d.progress(tx, resp)
	if err == nil {
		d.remind(tx, resp)
	}
	return err
}

func (d *Dialog) progress(tx *transaction.ServerTx, resp *sip.Response) error {
	if err := d.set.complete(tx, resp); err != nil {
		return err
	}
	if !supports(tx.Request(), "100rel") {
		return tx.Respond(resp)
	}
	cseq, err := resp.CSeq()
	if err != nil {
		return err
	}
	resp = resp.Clone()
	d.mu.Lock()
	r := d.reliable
	if r == nil || r.tx != tx {
		d.reliable.stop()
		r = newReliable(d, tx, cseq)
		d.reliable = r
	}
	if r.over {
		d.mu.Unlock()
		return transaction.ErrAnswered
	}
	if len(r.waiting) == maxWaiting {
		d.mu.Unlock()
		return ErrPending
	}
	r.waiting = append(r.waiting, resp)
	if r.pracking || len(r.waiting) > 1 {
		d.mu.Unlock()
		return nil
	}
	first := r.begin()
	d.mu.Unlock()
	return tx.Respond(first)
}

// maxWaiting bounds the provisional responses of an INVITE that have no PRACK.
const maxWaiting = 8

// reliable are the provisional responses to an INVITE that go out reliably (RFC
// 3262 section 3). The dialog's lock guards them.
type reliable struct {
	d        *Dialog
	tx       *transaction.ServerTx
	cseq     sip.CSeq
	rseq     uint32          // of the first that waits
	waiting  []*sip.Response // without PRACK; the first was sent
	pracking bool            // the PRACK of the one before is being answered
	agreed   bool            // a description of ours was sent, or is about to be
	final    *sip.Response   // a 2xx that waits for the PRACK
	over     bool            // the INVITE has its final response
	interval time.Duration
	until    time.Time
	timer    *transaction.Timer
}

func newReliable(d *Dialog, tx *transaction.ServerTx, cseq sip.CSeq) *reliable {
	r := &reliable{d: d, tx: tx, cseq: cseq}
	r.rseq = rand.Uint32N(1<<31 - 1) //nolint:gosec // it tells responses apart, and keeps nobody out
	r.timer = d.set.ep.NewTimer(r.repeat)
	return r
}

func (r *reliable) stop() {
	if r != nil {
		r.timer.Stop()
		r.over = true
	}
}

// holds tells whether a description of ours waits for PRACK, or that for its
// answer: a caller may not be ready for a 2xx that overtakes it.
func (r *reliable) holds() bool {
	if r == nil || r.over {
		return false
	}
	if r.pracking {
		return true
	}
	for _, resp := range r.waiting {
		if description(resp) != "" {
			return true
		}
	}
	return false
}

// busy tells whether a response waits for PRACK, or a 2xx for that.
func (r *reliable) busy() bool {
	return r != nil && (r.pracking || len(r.waiting) > 0 || r.final != nil)
}

// settled tells whether the INVITE of tx has had its offer and answer.
func (r *reliable) settled(tx *transaction.ServerTx) bool {
	return r != nil && r.tx == tx && r.agreed
}

// finish is told of the final response: what was not sent is dropped, what was
// is repeated no more.
func (r *reliable) finish(tx *transaction.ServerTx) {
	if r == nil || r.tx != tx {
		return
	}
	r.stop()
	if len(r.waiting) > 1 {
		r.waiting = r.waiting[:1] // its PRACK may still come
	}
}

// begin gives the response that is now to be sent.
func (r *reliable) begin() *sip.Response {
	d, resp := r.d, r.waiting[0]
	r.rseq++
	resp.Add("Require", "100rel")
	resp.Set("RSeq", strconv.FormatUint(uint64(r.rseq), 10))
	if d.early {
		d.response = resp
	}
	if ours := description(resp); ours != "" && !r.agreed {
		r.agreed = true
		if theirs := description(r.tx.Request()); theirs != "" {
			d.exchange.agree(ours, theirs)
		} else {
			d.exchange.offered, d.exchange.ours = true, ours
		}
	}
	timers := d.set.ep.Timers()
	r.interval, r.until = timers.T1, time.Now().Add(64*timers.T1)
	r.timer.Reset(r.interval)
	return resp.Clone()
}

// repeat sends the response again, at intervals that double, whatever the
// transport.
func (r *reliable) repeat() {
	d := r.d
	d.mu.Lock()
	if d.reliable != r || r.over || len(r.waiting) == 0 {
		d.mu.Unlock()
		return
	}
	left := time.Until(r.until)
	if left <= 0 {
		r.stop()
		early := d.early
		d.mu.Unlock()
		if early {
			d.end(ErrNoPRACK)
		}
		r.send(sip.NewResponse(r.tx.Request(), 504))
		return
	}
	resp := r.waiting[0].Clone()
	r.interval *= 2
	r.timer.Reset(min(r.interval, left))
	d.mu.Unlock()
	r.send(resp)
}

func (r *reliable) send(resp *sip.Response) {
	if err := r.tx.Respond(resp); err != nil {
		r.d.set.cfg.log.Debug("response not sent", "status", resp.StatusCode, "call", r.d.id.callID, "err", err)
	}
}

// matches tells whether a PRACK is for the response that waits for it.
func (r *reliable) matches(rack sip.RAck) bool {
	return r != nil && len(r.waiting) > 0 && rack.RSeq == r.rseq && rack.CSeq == r.cseq
}

// next goes on after a PRACK: with the next provisional response, or with the
// 2xx that waited.
func (r *reliable) next() {
	d := r.d
	d.mu.Lock()
	var resp, final *sip.Response
	r.pracking = false
	switch {
	case r.over:
	case len(r.waiting) > 0:
		resp = r.begin()
	default:
		final, r.final = r.final, nil
	}
	d.mu.Unlock()
	if resp != nil {
		r.send(resp)
	}
	if final == nil {
		return
	}
	if err := d.accept(r.tx, final, r.cseq.Seq); err != nil {
		d.end(err)
	}
}
