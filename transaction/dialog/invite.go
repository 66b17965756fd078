package dialog

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/transaction"
)

// An InviteOption sets something about one INVITE.
type InviteOption func(*inviteConfig)

type inviteConfig struct {
	provisional func(*sip.Response)
	early       func(*Dialog)
	offer       offerFunc
}

// offerFunc answers an offer.
type offerFunc func(d *Dialog, offer string) (answer string, err error)

func newInviteConfig(opts []InviteOption) inviteConfig {
	c := inviteConfig{provisional: func(*sip.Response) {}, early: func(*Dialog) {}}
	for _, o := range opts {
		o(&c)
	}
	return c
}

// OnProvisional has f called with each provisional response but 100, one call
// at a time and in order: 180 when it rings, 183 with early media. One that came
// reliably is given once, and was acknowledged by then.
func OnProvisional(f func(*sip.Response)) InviteOption {
	return func(c *inviteConfig) { c.provisional = f }
}

// OnEarly has f called with each early dialog, one for each phone that an INVITE
// rings, before OnProvisional has the response that made it. Requests can be
// sent within it; it ends, or Invite returns it. A provisional response without
// a To tag or a Contact makes none.
func OnEarly(f func(*Dialog)) InviteOption {
	return func(c *inviteConfig) { c.early = f }
}

// OnOffer has f answer the offer that comes in a response to an INVITE without
// one. Its answer goes out in PRACK or ACK. f is called at most once a dialog, or
// once a re-INVITE; it may take its time, say to ask somebody else for the answer,
// but whoever waits for the ACK gives up after 64*T1. d.Done tells when the other
// end has hung up in the meantime. An error of f ends a call, and is that of
// Invite; a re-INVITE then has the error and an ACK without an answer.
func OnOffer(f func(d *Dialog, offer string) (answer string, err error)) InviteOption {
	return func(c *inviteConfig) { c.offer = f }
}

// Invite calls: it sends req, an INVITE that sip.NewRequest made and that
// SetBody gave an SDP offer, and waits for the answer. Without an offer it needs
// OnOffer. Without a Contact req gets one, with the user of its From. A 2xx is
// acknowledged, each time that it comes, and gives a Dialog, whose Response has
// the SDP answer. Any other final response is a *RejectedError.
//
// to is as for transaction.Endpoint.Start; the zero Target sends req where its
// Route or its Request-URI leads. Challenges are answered if the Endpoint has
// WithCredentials, and a 422 by a larger session interval (RFC 4028 section
// 7.3).
//
// The end of ctx cancels the call, and Invite returns ctx's error once that is
// done: when the final response has come, or 64*T1 later. If several phones
// answer, the first one has the call and the others get BYE (RFC 3261 section
// 13.2.2.4), as does one whose answer crosses the CANCEL.
func (s *Set) Invite(ctx context.Context, req *sip.Request, to sip.Target, opts ...InviteOption) (*Dialog, error) {
	from, err := req.From()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	req = req.Clone()
	s.introduce(req)
	if t := s.cfg.timer; t.Interval > 0 && !req.Has("Session-Expires") {
		req.Set("Session-Expires", sip.SessionExpires{Interval: t.Interval}.String())
		if t.Min > minInterval {
			req.Set("Min-SE", seconds(t.Min))
		}
	}
	c := &inviting{
		set: s, ctx: ctx, cancel: cancel, to: to, user: from.URI.User(),
		req: req, cfg: newInviteConfig(opts), result: make(chan result, 1),
	}
	if err := c.start(); err != nil {
		return nil, err
	}
	r := <-c.result
	return r.dialog, r.err
}

type result struct {
	dialog *Dialog
	err    error
}

// inviting is a call until it has its final response, and as long as further
// 2xx may come.
type inviting struct {
	set    *Set
	ctx    context.Context
	cancel context.CancelCauseFunc
	to     sip.Target
	user   string
	cfg    inviteConfig
	result chan result

	mu   sync.Mutex
	sent *sip.Request // as it went out last

	// Of the events alone, which come one at a time.
	req   *sip.Request // to be sent
	least time.Duration
	tries int // after a 422
	told  bool
	forks map[string]*Dialog // by the callee's tag
}

func (c *inviting) start() error {
	_, err := c.set.ep.Start(c.ctx, c.req, c.to, c.event,
		transaction.FillContact(c.user), transaction.BeforeSend(c.sending))
	return err
}

// sending notes what is sent: a challenge changes it.
func (c *inviting) sending(req *sip.Request, _ sip.Flow) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sent = req
	return nil
}

func (c *inviting) event(ev transaction.Event) {
	switch {
	case ev.Err != nil:
		c.tell(nil, ev.Err)
	case ev.Response.StatusCode == 100:
	case ev.Response.StatusCode < 200:
		c.progressed(ev.Response)
	case ev.Response.StatusCode < 300:
		c.accepted(ev.Response)
	case c.ctx.Err() != nil:
		c.tell(nil, context.Cause(c.ctx)) // 487, as a rule
	case c.enlarge(ev.Response):
	default:
		c.tell(nil, &RejectedError{ev.Response})
	}
}

// tell ends Invite. The early dialogs of those who did not answer end with it, or
// after a 2xx in 64*T1, since there may be another one (RFC 3261 section
// 13.2.2.4).
func (c *inviting) tell(d *Dialog, err error) {
	if c.told {
		return
	}
	c.told = true
	var early []*Dialog
	for _, other := range c.forks {
		if other.Early() {
			early = append(early, other)
		}
	}
	end := func() {
		for _, other := range early {
			if other.Early() {
				other.end(cmp.Or(err, ErrElsewhere))
			}
		}
	}
	switch {
	case err != nil:
		end()
	case len(early) > 0:
		c.set.ep.NewTimer(end).Reset(64 * c.set.ep.Timers().T1)
	}
	c.result <- result{d, err}
}

// maxEnlarged bounds how often a call is tried again for 422: proxies and the
// other end may each have a least interval of their own.
const maxEnlarged = 4

// enlarge sends the INVITE again with the session interval that a 422 asks for
// (RFC 4028 section 7.3).
func (c *inviting) enlarge(resp *sip.Response) bool {
	least, larger := tooSmall(resp, c.least)
	cseq, err := resp.CSeq()
	if !larger || err != nil || c.tries == maxEnlarged {
		return false
	}
	c.least = least
	c.tries++
	c.req.Set("CSeq", sip.CSeq{Seq: cseq.Seq + 1, Method: sip.INVITE}.String())
	c.req.Set("Min-SE", seconds(least))
	if se, err := c.req.SessionExpires(); err != nil || se.Interval < least {
		c.req.Set("Session-Expires", sip.SessionExpires{Interval: least, Refresher: se.Refresher}.String())
	}
	if err := c.start(); err != nil {
		c.tell(nil, err)
	}
	return true
}

// maxForks bounds the early dialogs of one INVITE.
const maxForks = 64

// fork gives the dialog with the phone that a response came from, and makes it
// if there is none.
func (c *inviting) fork(resp *sip.Response) (d *Dialog, fresh bool, err error) {
	to, err := resp.To()
	if err != nil {
		return nil, false, err
	}
	if d := c.forks[to.Tag()]; d != nil {
		return d, false, nil
	}
	if to.Tag() == "" || resp.StatusCode < 200 && len(c.forks) == maxForks {
		return nil, false, errNoDialog
	}
	c.mu.Lock()
	sent := c.sent
	c.mu.Unlock()
	if d, err = newDialog(c.set, sent, resp, &resp.Header); err != nil {
		return nil, false, err
	}
	if c.forks == nil {
		c.forks = make(map[string]*Dialog)
	}
	c.forks[to.Tag()] = d
	return d, true, nil
}

var errNoDialog = errors.New("dialog: response makes no dialog")

// progressed takes a provisional response.
func (c *inviting) progressed(resp *sip.Response) {
	d, fresh, err := c.fork(resp)
	if err != nil { // it makes no dialog
		c.cfg.provisional(resp)
		return
	}
	if fresh {
		c.set.add(d)
	}
	ok, err := d.hear(d.invite, resp, c.cfg.offer)
	if err != nil {
		c.cancel(err)
	}
	if !ok {
		return
	}
	d.mu.Lock()
	if d.early {
		d.response = resp
	}
	d.mu.Unlock()
	if fresh {
		c.cfg.early(d)
	}
	c.cfg.provisional(resp)
}

// accepted takes a 2xx: the first one, a repetition, or one of another fork.
func (c *inviting) accepted(resp *sip.Response) {
	d, unheard, err := c.fork(resp)
	if err == nil {
		d.mu.Lock()
		first := d.early
		d.silent = unheard
		if first {
			err = d.learn(resp, &resp.Header)
		}
		d.mu.Unlock()
		if !first {
			_ = d.answered(d.invite, resp, c.cfg.offer)
			return
		}
	}
	if err != nil {
		c.set.cfg.log.Warn("2xx that makes no dialog", "call", resp.CallID(), "err", err)
		c.tell(nil, err)
		return
	}
	c.answered(d, resp)
}

// answered confirms a dialog. It is not wanted when another phone was faster,
// the call was cancelled, or we have hung up on this phone.
func (c *inviting) answered(d *Dialog, resp *sip.Response) {
	d.mu.Lock()
	unwanted := c.told || c.ctx.Err() != nil || d.ended()
	d.early, d.exchange.inviting = false, false
	d.silent = d.silent && unwanted
	d.mu.Unlock()
	d.confirm()
	if !unwanted {
		c.set.add(d)
	}
	err := d.answered(d.invite, resp, c.cfg.offer) // sends ACK
	switch {
	case unwanted:
		why := ErrElsewhere
		if !c.told {
			why = cmp.Or(context.Cause(c.ctx), ErrEnded)
		}
		d.end(why)
		d.bye(func(error) {})
		c.tell(nil, why)
	case err != nil:
		d.leave(func(error) {})
		c.tell(nil, err)
	default:
		c.tell(d, nil)
	}
}
