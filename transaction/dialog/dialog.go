package dialog

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/transaction"
)

// A Dialog is a confirmed dialog that an INVITE began (RFC 3261 section 12).
// Set.Invite and Set.Accept make one. Its methods may be called from several
// goroutines.
type Dialog struct {
	set      *Set
	id       id
	local    sip.Address // with tags
	remote   sip.Address
	route    []string
	invite   *sip.Request
	response *sip.Response

	mu        sync.Mutex
	target    sip.URI
	localSeq  uint32
	remoteSeq uint32
	ack       *sip.Request // the last one that we sent
	ackSeq    uint32       // its CSeq number
	unacked   *unacked     // a 2xx of ours that waits for ACK
	inviting  int          // re-INVITEs of ours without a final response
	answering bool         // one of theirs has none
	leaving   bool         // Bye was called too early: BYE follows ACK
	err       error

	confirmed   chan struct{}
	confirmOnce sync.Once
	done        chan struct{}
	endOnce     sync.Once
}

// newDialog makes the dialog of an INVITE and a 2xx to it (RFC 3261 section
// 12.1). peer is the one of the two that the other end wrote.
func newDialog(s *Set, invite *sip.Request, resp *sip.Response, peer *sip.Header) (*Dialog, error) {
	d := &Dialog{
		set: s, invite: invite, response: resp,
		confirmed: make(chan struct{}), done: make(chan struct{}),
	}
	from, err := resp.From()
	if err != nil {
		return nil, err
	}
	to, err := resp.To()
	if err != nil {
		return nil, err
	}
	cseq, err := resp.CSeq()
	if err != nil {
		return nil, err
	}
	contact, err := peer.Address("Contact")
	if err != nil {
		return nil, err
	}
	d.target = contact.URI
	for r, err := range peer.Addresses("Record-Route") {
		if err != nil {
			return nil, err
		}
		d.route = append(d.route, r.String())
	}
	if peer == &resp.Header {
		d.local, d.remote, d.localSeq = from, to, cseq.Seq
		slices.Reverse(d.route) // 12.1.2
	} else {
		d.local, d.remote, d.remoteSeq = to, from, cseq.Seq
	}
	d.id = id{resp.CallID(), d.local.Tag(), d.remote.Tag()}
	return d, nil
}

// Request is the INVITE that began the dialog. It must not be changed.
func (d *Dialog) Request() *sip.Request { return d.invite }

// Response is the 2xx that confirmed it. It must not be changed.
func (d *Dialog) Response() *sip.Response { return d.response }

// Confirmed is closed when the callee knows that the caller has its 2xx: when
// ACK came. For the caller it is closed from the beginning.
func (d *Dialog) Confirmed() <-chan struct{} { return d.confirmed }

// Done is closed when the dialog has ended.
func (d *Dialog) Done() <-chan struct{} { return d.done }

// Err tells, once Done is closed, why: nil after a BYE from either side,
// ErrNoACK, transaction.ErrTimeout, or a *RejectedError with the 408 or 481 by
// which the other end turned out to know nothing of the dialog.
func (d *Dialog) Err() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.err
}

// end ends the dialog; it is false if it has ended before.
func (d *Dialog) end(err error) (now bool) {
	d.endOnce.Do(func() {
		now = true
		d.mu.Lock()
		d.err = err
		d.unacked.stop()
		d.unacked = nil
		d.mu.Unlock()
		d.set.remove(d)
		close(d.done)
	})
	return now
}

func (d *Dialog) ended() bool {
	select {
	case <-d.done:
		return true
	default:
		return false
	}
}

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
// transaction.Endpoint.Do does; one without Contact gets one. A 2xx to a
// re-INVITE is acknowledged. A 408 or 481 ends the dialog, and so does
// ErrTimeout; BYE is sent then, and not waited for (RFC 3261 section 12.2.1.2).
//
// ACK carries no body, so a re-INVITE has to make the offer.
func (d *Dialog) Do(ctx context.Context, req *sip.Request) (*sip.Response, error) {
	switch {
	case req.Method == sip.ACK || req.Method == sip.CANCEL:
		return nil, ErrMethod
	case d.ended():
		return nil, ErrEnded
	}
	resp, err := d.roundTrip(ctx, req)
	if errors.Is(err, transaction.ErrTimeout) {
		d.abandon(err)
	}
	if err != nil {
		return nil, err
	}
	if resp.StatusCode == 408 || resp.StatusCode == 481 {
		d.abandon(&RejectedError{resp})
	}
	return resp, nil
}

// abandon ends a dialog that the other end seems to have lost. BYE is sent all
// the same: it may only seem so (RFC 3261 section 12.2.1.2).
func (d *Dialog) abandon(err error) {
	if d.end(err) {
		d.bye(func(error) {})
	}
}

func (d *Dialog) roundTrip(ctx context.Context, req *sip.Request) (*sip.Response, error) {
	final := make(chan transaction.Event, 1)
	if req.Method == sip.INVITE {
		d.count(1)
		defer d.count(-1)
	}
	_, err := d.set.ep.Start(ctx, req, sip.Target{}, func(ev transaction.Event) {
		if ev.Err == nil {
			d.answered(req, ev.Response)
		}
		if ev.Last {
			select {
			case final <- ev:
			default: // another 2xx
			}
		}
	}, transaction.FillContact(d.local.URI.User()))
	if err != nil {
		return nil, err
	}
	ev := <-final
	return ev.Response, ev.Err
}

// answered takes a response to a request of ours.
func (d *Dialog) answered(req *sip.Request, resp *sip.Response) {
	cseq, err := resp.CSeq()
	if err != nil {
		return
	}
	d.mu.Lock()
	d.localSeq = max(d.localSeq, cseq.Seq) // a challenge was answered
	d.mu.Unlock()
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return
	}
	d.retarget(req.Method, &resp.Header)
	if req.Method == sip.INVITE {
		d.sendACK(req, cseq.Seq)
	}
}

// retarget takes over the Contact of the other end from a target refresh (RFC
// 3261 section 12.2).
func (d *Dialog) retarget(m sip.Method, peer *sip.Header) {
	if m != sip.INVITE && m != sip.UPDATE {
		return
	}
	if contact, err := peer.Address("Contact"); err == nil {
		d.mu.Lock()
		d.target = contact.URI
		d.mu.Unlock()
	}
}

// sendACK acknowledges a 2xx, again each time that it comes (RFC 3261 section
// 13.2.2.4), with the credentials of the INVITE (22.1).
func (d *Dialog) sendACK(invite *sip.Request, seq uint32) {
	d.mu.Lock()
	if d.ack == nil || d.ackSeq != seq {
		d.ack, d.ackSeq = d.build(sip.ACK, seq), seq
		d.ack.Copy(&invite.Header, "Authorization")
		d.ack.Copy(&invite.Header, "Proxy-Authorization")
	}
	ack := d.ack
	d.mu.Unlock()
	if err := d.set.ep.Send(context.Background(), ack, sip.Target{}); err != nil {
		d.set.cfg.log.Warn("ACK not sent", "call", d.id.callID, "err", err)
	}
}

// Bye ends the dialog with BYE and waits for the answer, whatever it is. Once
// the dialog has ended it does nothing.
//
// A callee may not send BYE before ACK came (RFC 3261 section 15): Bye waits for
// that. When ctx ends it returns ctx's error, and BYE is sent all the same, or
// will be when ACK comes.
func (d *Dialog) Bye(ctx context.Context) error {
	select {
	case <-d.confirmed:
	case <-d.done:
	case <-ctx.Done():
		d.mu.Lock()
		d.leaving = true
		d.mu.Unlock()
		select {
		case <-d.confirmed: // in the meantime
			d.leave(func(error) {})
		default:
		}
		return context.Cause(ctx)
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

// leave ends the dialog and sends BYE, unless it has ended; then gets the error
// of that.
func (d *Dialog) leave(then func(error)) {
	if !d.end(nil) {
		then(nil)
		return
	}
	d.bye(then)
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

// receive takes a request within the dialog.
func (d *Dialog) receive(ctx context.Context, req *sip.Request, tx *transaction.ServerTx) error {
	cseq, err := req.CSeq()
	if err != nil {
		return err
	}
	if req.Method == sip.ACK {
		d.acknowledged(cseq.Seq)
		return nil
	}
	d.mu.Lock()
	late := cseq.Seq < d.remoteSeq
	d.remoteSeq = max(d.remoteSeq, cseq.Seq) // gaps are fine
	d.mu.Unlock()
	if late {
		return &sip.StatusError{Code: 500, Reason: "CSeq Out Of Order"} // RFC 3261 section 12.2.2
	}
	if req.Method == sip.BYE {
		d.end(nil)
		return tx.Respond(sip.NewResponse(req, 200))
	}
	if req.Method == sip.INVITE {
		if err := d.admit(tx); err != nil {
			return err
		}
	}
	tx.OnRespond(func(resp *sip.Response) {
		if resp.StatusCode >= 200 && resp.StatusCode < 300 {
			d.retarget(req.Method, &req.Header)
		}
	})
	return d.set.cfg.request(ctx, d, req, tx)
}
