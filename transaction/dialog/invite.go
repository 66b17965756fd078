package dialog

import (
	"context"
	"sync"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/transaction"
)

// An InviteOption sets something about one call.
type InviteOption func(*inviting)

// OnProvisional has f called with each provisional response but 100, one call
// at a time and in order: 180 when it rings, 183 with early media.
func OnProvisional(f func(*sip.Response)) InviteOption {
	return func(c *inviting) { c.provisional = f }
}

// Invite calls: it sends req, an INVITE that sip.NewRequest made and that
// SetBody gave an SDP offer, and waits for the answer. Without a Contact it gets
// one, with the user of its From. A 2xx is acknowledged, each time that it
// comes, and gives a Dialog, whose Response has the SDP answer. Any other final
// response is a *RejectedError.
//
// to is as for transaction.Endpoint.Start; the zero Target sends req where its
// Route or its Request-URI leads. Challenges are answered if the Endpoint has
// WithCredentials.
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
	c := &inviting{set: s, ctx: ctx, provisional: func(*sip.Response) {}, result: make(chan result, 1)}
	for _, o := range opts {
		o(c)
	}
	_, err = s.ep.Start(ctx, req, to, c.event,
		transaction.FillContact(from.URI.User()), transaction.BeforeSend(c.sending))
	if err != nil {
		return nil, err
	}
	r := <-c.result
	return r.dialog, r.err
}

// inviting is a call until it has its final response, and as long as further
// 2xx may come.
type inviting struct {
	set         *Set
	ctx         context.Context
	provisional func(*sip.Response)
	result      chan result

	mu   sync.Mutex
	sent *sip.Request // as it went out last

	// Of the events alone, which come one at a time.
	told  bool
	forks map[string]*Dialog // by the callee's tag
}

type result struct {
	dialog *Dialog
	err    error
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
		c.provisional(ev.Response)
	case ev.Response.StatusCode < 300:
		c.accepted(ev.Response)
	case c.ctx.Err() != nil:
		c.tell(nil, context.Cause(c.ctx)) // 487, as a rule
	default:
		c.tell(nil, &RejectedError{ev.Response})
	}
}

func (c *inviting) tell(d *Dialog, err error) {
	if !c.told {
		c.told = true
		c.result <- result{d, err}
	}
}

// accepted takes a 2xx: the first one, a repetition, or one of another fork.
func (c *inviting) accepted(resp *sip.Response) {
	c.mu.Lock()
	sent := c.sent
	c.mu.Unlock()
	to, err := resp.To()
	if err != nil {
		return // the layer has seen that it is sound
	}
	if d := c.forks[to.Tag()]; d != nil {
		d.answered(sent, resp)
		return
	}
	d, err := newDialog(c.set, sent, resp, &resp.Header)
	if err != nil {
		c.set.cfg.log.Warn("2xx that makes no dialog", "call", resp.CallID(), "err", err)
		c.tell(nil, err)
		return
	}
	if c.forks == nil {
		c.forks = make(map[string]*Dialog)
	}
	c.forks[to.Tag()] = d
	d.confirm()
	unwanted := c.told || c.ctx.Err() != nil
	if !unwanted {
		c.set.add(d)
	}
	d.answered(sent, resp) // sends ACK
	if unwanted {
		d.leave(func(error) {})
		c.tell(nil, context.Cause(c.ctx))
		return
	}
	c.tell(d, nil)
}
