package dialog

import (
	"context"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/transaction"
)

// receive takes a request within the dialog.
func (d *Dialog) receive(ctx context.Context, req *sip.Request, tx *transaction.ServerTx) error {
	cseq, err := req.CSeq()
	if err != nil {
		return err
	}
	if req.Method == sip.ACK {
		d.acknowledged(req, cseq.Seq)
		return nil
	}
	d.mu.Lock()
	late := cseq.Seq < d.remoteSeq
	d.remoteSeq = max(d.remoteSeq, cseq.Seq) // gaps are fine
	d.mu.Unlock()
	if late {
		return &sip.StatusError{Code: 500, Reason: "CSeq Out Of Order"} // RFC 3261 section 12.2.2
	}
	switch {
	case req.Method == sip.BYE:
		return d.hungUp(req, tx)
	case req.Method == sip.PRACK:
		return d.pracked(ctx, req, tx)
	case refreshes(req.Method):
		return d.refreshed(ctx, req, tx)
	}
	return d.set.cfg.request(ctx, d, req, tx)
}

// hungUp takes BYE. In an early dialog the INVITE is answered 487 (RFC 3261
// section 15.1.2).
func (d *Dialog) hungUp(req *sip.Request, tx *transaction.ServerTx) error {
	d.end(nil)
	if err := tx.Respond(sip.NewResponse(req, 200)); err != nil {
		return err
	}
	d.mu.Lock()
	ringing := d.ringing
	d.ringing = nil
	d.mu.Unlock()
	if ringing == nil {
		return nil
	}
	return ringing.Respond(sip.NewResponse(ringing.Request(), 487))
}

// refreshed takes a re-INVITE or an UPDATE.
func (d *Dialog) refreshed(ctx context.Context, req *sip.Request, tx *transaction.ServerTx) error {
	if err := d.set.admitTimer(req); err != nil {
		return err
	}
	if err := d.admit(req, tx); err != nil {
		return err
	}
	onFinal(tx, func(resp *sip.Response) {
		if resp.StatusCode < 300 {
			d.refresh(req, resp, tx)
		}
	})
	d.mu.Lock()
	theirs, ours := d.exchange.theirs, d.exchange.ours
	d.mu.Unlock()
	offer, ok := description(req), sip.NewResponse(req, 200)
	switch {
	case req.Method == sip.UPDATE && offer == "":
		return tx.Respond(ok)
	case offer == "" || offer != theirs || ours == "":
		return d.set.cfg.request(ctx, d, req, tx)
	}
	ok.SetBody(sdpType, ours)
	if req.Method == sip.UPDATE {
		return tx.Respond(ok)
	}
	return d.Accept(tx, ok)
}

// refresh is a target refresh that we accept (RFC 3261 section 12.2.2).
func (d *Dialog) refresh(req *sip.Request, resp *sip.Response, tx *transaction.ServerTx) {
	if req.Method == sip.UPDATE { // Accept did that for an INVITE
		_ = d.set.complete(tx, resp) // a To that cannot be read has been refused before
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if contact, err := req.Address("Contact"); err == nil {
		d.target = contact.URI
	}
	if req.Has("Allow") {
		d.allowsUpdate = req.HasToken("Allow", string(sip.UPDATE))
	}
	if req.Method == sip.UPDATE {
		d.grant(req, resp)
	}
}
