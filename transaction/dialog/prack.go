package dialog

import (
	"context"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/transaction"
)

// pracked takes a PRACK (RFC 3262 section 3). One that carries a description
// goes to the program: it answers the offer that Progress made, or is an offer
// itself.
func (d *Dialog) pracked(ctx context.Context, req *sip.Request, tx *transaction.ServerTx) error {
	rack, err := req.RAck()
	if err != nil {
		return &sip.StatusError{Code: 400, Reason: "Malformed RAck", Err: err}
	}
	theirs := description(req)
	d.mu.Lock()
	r := d.reliable
	if !r.matches(rack) {
		d.mu.Unlock()
		return &sip.StatusError{Code: 481}
	}
	r.timer.Stop()
	r.waiting, r.pracking = r.waiting[1:], true
	answers := theirs != "" && d.exchange.offered
	if answers {
		d.exchange.agree("", theirs)
	}
	d.mu.Unlock()
	defer r.next()
	if theirs == "" {
		return tx.Respond(sip.NewResponse(req, 200))
	}
	if !answers {
		if err := d.admit(req, tx); err != nil {
			return err
		}
	}
	return d.set.cfg.request(ctx, d, req, tx)
}

// heard is how far the reliable provisional responses to an INVITE of ours have
// come (RFC 3262 section 4). The dialog's lock guards it.
type heard struct {
	seq     uint32 // of the INVITE
	rseq    uint32
	settled bool // one of them had the answer, or the offer
}

// hear takes a provisional response to an INVITE of ours, and sends PRACK for a
// reliable one. It is false for one that is to be discarded: a repetition, or
// one that came too early. The error is that of the one who should have answered
// an offer in it.
func (d *Dialog) hear(invite *sip.Request, resp *sip.Response, offered offerFunc) (fresh bool, failed error) {
	rseq, err := resp.Uint("RSeq")
	if err != nil || !resp.HasToken("Require", "100rel") {
		return true, nil
	}
	cseq, err := resp.CSeq()
	if err != nil {
		return false, nil
	}
	ours, theirs := description(invite), description(resp)
	d.mu.Lock()
	switch {
	case d.heard.seq != cseq.Seq:
		d.heard = heard{seq: cseq.Seq, rseq: rseq}
	case rseq != d.heard.rseq+1:
		d.mu.Unlock()
		return false, nil
	default:
		d.heard.rseq = rseq
	}
	first := theirs != "" && !d.heard.settled
	asked := first && ours == ""
	d.heard.settled = d.heard.settled || first
	if first && !asked {
		d.exchange.agree(ours, theirs)
	}
	d.mu.Unlock()

	prack := d.NewRequest(sip.PRACK)
	prack.Set("RAck", sip.RAck{RSeq: rseq, CSeq: cseq}.String())
	if asked { // PRACK is due even if the call is to fail
		failed = d.answer(prack, theirs, offered)
	}
	_, err = d.set.ep.Start(context.Background(), prack, sip.Target{}, func(transaction.Event) {},
		transaction.BeforeSend(d.sending))
	if err != nil {
		d.set.cfg.log.Debug("PRACK not sent", "call", d.id.callID, "err", err)
	}
	return true, failed
}
