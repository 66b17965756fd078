package dialog

import (
	"cmp"
	"context"
	"errors"
	"runtime/debug"
	"sync"
	"time"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/transaction"
)

// NewRequest makes a request within the dialog, with the next CSeq number (RFC
// 3261 section 12.2.1.1). Do sends it.
func (d *Dialog) NewRequest(m sip.Method) *sip.Request {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.localSeq++
	return d.build(m, d.localSeq)
}

// build makes a request; d.mu is held.
func (d *Dialog) build(m sip.Method, seq uint32) *sip.Request {
	req := sip.NewRequest(m, d.target.WithoutParam("method").WithoutHeaders(), d.local, d.remote)
	req.Set("Call-ID", d.id.callID)
	req.Set("CSeq", sip.CSeq{Seq: seq, Method: m}.String())
	for _, r := range d.route {
		req.Add("Route", r)
	}
	return req
}

// Do sends a request made by NewRequest and waits for the final response, as
// transaction.Endpoint.Do does; one without Contact gets one. It may be sent
// in an early dialog too, but for INVITE. A 2xx to a re-INVITE is acknowledged;
// of the options, OnProvisional and OnOffer are for it.
//
// An INVITE or an UPDATE that would cross another one, or whose offer would, is
// not sent: the error is ErrPending. If it crossed one of the other end on the
// way, the answer is 491, and Do waits a moment and tries once more (RFC 3261
// section 14.1, RFC 3311 section 5.3).
//
// A 408 or 481 ends the dialog, and so does ErrTimeout; BYE is sent then, and
// not waited for (RFC 3261 section 12.2.1.2).
func (d *Dialog) Do(ctx context.Context, req *sip.Request, opts ...InviteOption) (*sip.Response, error) {
	resp, err := d.roundTrip(ctx, req, opts)
	if err != nil || resp.StatusCode != 491 || req.Method != sip.INVITE && req.Method != sip.UPDATE {
		return resp, err
	}
	timer := time.NewTimer(d.glare())
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-d.done:
		return resp, nil
	case <-ctx.Done():
		return resp, nil
	}
	r := req.Clone()
	r.Set("CSeq", d.NewRequest(req.Method).Get("CSeq"))
	return d.roundTrip(ctx, r, opts)
}

func (d *Dialog) roundTrip(ctx context.Context, req *sip.Request, opts []InviteOption) (*sip.Response, error) {
	final := make(chan struct{})
	var resp *sip.Response
	var failed error
	err := d.start(ctx, req, newInviteConfig(opts), func(r *sip.Response, err error) {
		resp, failed = r, err
		close(final)
	})
	if err != nil {
		return nil, err
	}
	<-final
	return resp, failed
}

// start sends a request and has then called once with the final response to it.
func (d *Dialog) start(ctx context.Context, req *sip.Request, cfg inviteConfig, then func(*sip.Response, error)) error {
	if req.Method == sip.ACK || req.Method == sip.CANCEL {
		return ErrMethod
	}
	if d.ended() {
		return ErrEnded
	}
	offer := description(req)
	d.mu.Lock()
	if err := d.claim(req.Method, offer != ""); err != nil {
		d.mu.Unlock()
		return err
	}
	req = req.Clone()
	if refreshes(req.Method) {
		d.set.introduce(req)
		d.session.propose(req)
	}
	d.mu.Unlock()
	o := &outgoing{d: d, req: req, offer: offer, cfg: cfg, then: then}
	_, err := d.set.ep.Start(ctx, req, sip.Target{}, o.event,
		transaction.FillContact(d.local.URI.User()), transaction.BeforeSend(o.sending))
	if err != nil {
		d.release(req.Method, offer != "")
	}
	return err
}

// refreshes tells whether a method is that of a target refresh (RFC 3261 section
// 12.2, RFC 3311 section 5.1) and of a session refresh (RFC 4028).
func refreshes(m sip.Method) bool { return m == sip.INVITE || m == sip.UPDATE }

// outgoing is a request of ours within the dialog.
type outgoing struct {
	d     *Dialog
	offer string
	cfg   inviteConfig
	then  func(*sip.Response, error)

	mu  sync.Mutex
	req *sip.Request // as it went out last

	// Of the events alone, which come one at a time.
	told   bool
	failed error // an offer of theirs was not answered
}

// sending notes what is sent: a challenge changes it.
func (o *outgoing) sending(req *sip.Request, f sip.Flow) error {
	o.mu.Lock()
	o.req = req
	o.mu.Unlock()
	return o.d.sending(req, f)
}

// sending notes the CSeq number of a request, since a challenge that was answered
// took one more.
func (d *Dialog) sending(req *sip.Request, _ sip.Flow) error {
	cseq, err := req.CSeq()
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.localSeq = max(d.localSeq, cseq.Seq)
	return nil
}

func (o *outgoing) sent() *sip.Request {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.req
}

func (o *outgoing) event(ev transaction.Event) {
	d, req := o.d, o.sent()
	switch {
	case ev.Err != nil:
	case ev.Response.StatusCode >= 200:
		o.failed = cmp.Or(o.failed, d.answered(req, ev.Response, o.cfg.offer))
	case req.Method == sip.INVITE && ev.Response.StatusCode > 100:
		fresh, err := d.hear(req, ev.Response, o.cfg.offer)
		o.failed = cmp.Or(o.failed, err)
		if fresh {
			o.cfg.provisional(ev.Response)
		}
	}
	if !ev.Last || o.told {
		return
	}
	o.told = true
	refused := ev.Err != nil || ev.Response.StatusCode >= 300
	d.release(req.Method, refused && o.offer != "")
	switch {
	case errors.Is(ev.Err, transaction.ErrTimeout):
		d.abandon(ev.Err)
	case ev.Err == nil && (ev.Response.StatusCode == 408 || ev.Response.StatusCode == 481):
		d.abandon(&RejectedError{ev.Response})
	}
	o.then(ev.Response, cmp.Or(ev.Err, o.failed))
}

// answered takes a final response to a request of ours. A 2xx to an INVITE may
// come again, and is acknowledged again.
func (d *Dialog) answered(req *sip.Request, resp *sip.Response, offered offerFunc) error {
	cseq, err := resp.CSeq()
	if err != nil {
		return err // the layer has seen that it is sound
	}
	d.mu.Lock()
	again := d.ack != nil && d.ackSeq == cseq.Seq
	if resp.StatusCode < 300 && refreshes(req.Method) && !again {
		if contact, err := resp.Address("Contact"); err == nil {
			d.target = contact.URI
		}
		if resp.Has("Allow") {
			d.allowsUpdate = resp.HasToken("Allow", string(sip.UPDATE))
		}
		if ours := description(req); ours != "" && !(d.heard.seq == cseq.Seq && d.heard.settled) {
			d.exchange.agree(ours, description(resp))
		}
		d.accepted(&resp.Header)
	}
	d.mu.Unlock()
	if req.Method == sip.INVITE && resp.StatusCode < 300 {
		return d.acknowledge(req, resp, cseq.Seq, offered)
	}
	return nil
}

// acknowledge sends ACK for a 2xx, again each time that it comes (RFC 3261
// section 13.2.2.4), with the credentials of the INVITE (22.1) and the answer to
// an offer in the 2xx. An error is that of the one who should have answered it.
func (d *Dialog) acknowledge(invite *sip.Request, resp *sip.Response, seq uint32, offered offerFunc) (failed error) {
	d.mu.Lock()
	fresh := d.ack == nil || d.ackSeq != seq
	if fresh {
		d.ack, d.ackSeq = d.build(sip.ACK, seq), seq
		d.ack.Copy(&invite.Header, "Authorization")
		d.ack.Copy(&invite.Header, "Proxy-Authorization")
	}
	ack := d.ack
	offer := description(resp)
	asked := fresh && offer != "" && description(invite) == "" && !(d.heard.seq == seq && d.heard.settled)
	d.mu.Unlock()
	if asked {
		failed = d.answer(ack, offer, offered)
	}
	if err := d.set.ep.Send(context.Background(), ack, sip.Target{}); err != nil {
		d.set.cfg.log.Warn("ACK not sent", "call", d.id.callID, "err", err)
	}
	return failed
}

// answer puts the program's answer to an offer into an ACK or a PRACK.
func (d *Dialog) answer(req *sip.Request, offer string, offered offerFunc) error {
	if offered == nil {
		return ErrNoAnswer
	}
	answer, err := d.ask(offered, offer)
	if err != nil || answer == "" {
		return err
	}
	req.SetBody(sdpType, answer)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.exchange.agree(answer, offer)
	return nil
}

// ask calls the program. A panic of it must not keep Invite or Do from
// returning.
func (d *Dialog) ask(offered offerFunc, offer string) (answer string, err error) {
	defer func() {
		if p := recover(); p != nil {
			d.set.cfg.log.Error("panic in OnOffer", "panic", p, "stack", string(debug.Stack()))
			err = ErrNoAnswer
		}
	}()
	return offered(d, offer)
}
