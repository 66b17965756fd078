package proxy

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/transaction"
)

// fork starts what a Router said and returns; events do the rest. width is how
// many branches may be there at a time.
func (p *Proxy) fork(ctx context.Context, tx *transaction.ServerTx, call *Call, width int, route Route, err error) {
	c := &responseContext{
		proxy:  p,
		ctx:    ctx,
		tx:     tx,
		call:   call,
		req:    tx.Request(),
		invite: call.Request.Method == sip.INVITE,
		width:  width,
	}
	c.follow(route, err)
	if recordsRoute(call.Request.Method) {
		c.mark = p.backMark(call)
	}
	tx.OnCancel(c.cancel)
	tx.Detach()
	c.advance()
}

// advance goes on when the group at hand is done: with the next group, else
// with Route.Next, else with the best response. While there is something to
// wait for it does nothing.
func (c *responseContext) advance() {
	for {
		c.mu.Lock()
		if c.ctx.Err() != nil {
			c.halt()
		}
		switch {
		case c.waiting > 0:
			c.mu.Unlock()
			return
		case len(c.groups) > 0:
			group := c.begin(c.groups[0])
			c.groups = c.groups[1:]
			c.mu.Unlock()
			for _, b := range group {
				b.start()
			}
		case c.next != nil && !c.begun:
			c.next = nil // it would be asked for ever
			c.mu.Unlock()
		case c.next != nil:
			next, o := c.next, Outcome{c.response(c.outcome)}
			c.next, c.outcome, c.begun = nil, candidate{}, false
			c.waiting = 1 // nobody else goes on meanwhile
			c.mu.Unlock()
			var route Route
			err := c.proxy.guard("Route.Next", func() (err error) {
				route, err = next(c.ctx, o)
				return err
			})
			c.follow(route, err)
		case c.done || c.live > 0:
			c.mu.Unlock()
			return
		default:
			resp := c.choose()
			turnedAway := c.call.Caller.IsZero() && !slices.ContainsFunc(c.branches, (*branch).mayBeThere)
			c.finish()
			c.mu.Unlock()
			respond := c.tx.Respond
			if turnedAway {
				respond = c.tx.RespondOnce
			}
			if c.sendBy(respond, resp) {
				c.tell(resp)
			}
			return
		}
	}
}

// halt is for a router that the caller's CANCEL overtook: the callback is on
// its way, and no branch is to begin before it comes. c.mu is held.
func (c *responseContext) halt() {
	c.stop()
	if errors.Is(context.Cause(c.ctx), transaction.ErrCanceled) {
		c.canceled = true
	}
}

// maxTargets bounds the targets of one call.
const maxTargets = 100

// begin makes the branches of a group, less the targets that were tried before
// (RFC 3261 section 16.5). c.mu is held.
func (c *responseContext) begin(group []Branch) []*branch {
	first := len(c.branches)
	for i := range group {
		if len(c.branches) < maxTargets && !c.tried(&group[i]) {
			c.branches = append(c.branches, &branch{c: c, spec: &group[i]})
		}
	}
	begun := c.branches[first:len(c.branches):len(c.branches)]
	if len(begun) > c.width { // RFC 5393 section 5.3.3
		c.branches = c.branches[:first]
		c.add(candidate{code: 440})
		return nil
	}
	for i, b := range begun {
		b.width = (c.width + i) / len(begun) // these add up to c.width
	}
	c.waiting += len(begun)
	c.live += len(begun)
	c.begun = c.begun || len(begun) > 0
	return begun
}

// tried tells whether a target is in the target set already.
func (c *responseContext) tried(t *Branch) bool {
	return slices.ContainsFunc(c.branches, func(b *branch) bool { return b.spec.same(t) })
}

// follow takes over what a Router or Route.Next said.
func (c *responseContext) follow(route Route, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting = 0
	if c.ctx.Err() != nil {
		c.halt()
	}
	switch {
	case c.stopped, errors.Is(err, ErrNoRoute): // stopped by a late 2xx or 6xx, or CANCEL
	case err != nil:
		c.verdict = c.refused(err).response
	default:
		c.groups, c.next = route.Groups, route.Next
	}
}

// A branch is one client transaction of a response context.
type branch struct {
	c     *responseContext
	spec  *Branch
	width int // its share of the Max-Breadth

	// Guarded by c.mu.
	tx       *transaction.ClientTx // nil until Start returned
	deadline time.Time             // zero: none
	heard    bool                  // a provisional response came, 100 included
	expired  bool                  // it passed; the group no longer waits
	dropped  bool                  // nor does the final response wait
	canceled bool
	ended    bool
	nowhere  bool // it could not be sent
}

// mayBeThere tells whether somebody may have got the request. Where nobody has, a
// stranger's need not be remembered (see transaction.Refusal): a repetition does
// no harm. c.mu is held.
func (b *branch) mayBeThere() bool { return b.heard || !b.nowhere }

// start sends the request of the branch.
func (b *branch) start() {
	c := b.c
	c.mu.Lock()
	// Each target of a group gets a request other than INVITE, even if one has
	// answered it with a 2xx before the others were sent theirs.
	stopped := c.stopped && (c.invite || !c.done)
	c.mu.Unlock()
	if stopped {
		b.fail(candidate{})
		return
	}
	req, to, err := c.proxy.forward(c.call, b.spec)
	if err != nil {
		b.fail(c.refused(err))
		return
	}
	req.Set("Max-Breadth", strconv.Itoa(b.width))
	tx, err := b.send(req, to)
	if err != nil {
		b.unsent(err)
		return
	}
	c.mu.Lock()
	b.tx = tx
	canceled := b.canceled
	if !b.ended {
		b.setDeadline(c.firstDeadline(b))
	}
	c.mu.Unlock()
	if canceled {
		tx.Cancel()
	}
}

func (b *branch) send(req *sip.Request, to sip.Target) (*transaction.ClientTx, error) {
	// The caller's CANCEL and the losers' are sent by Cancel, and values alone
	// are taken from ctx: it ends with the first final response.
	ctx := context.WithoutCancel(b.c.ctx)
	opts := []transaction.StartOption{transaction.BranchSuffix(b.c.call.loop)}
	if b.c.mark != "" {
		opts = append(opts, transaction.BeforeSend(b.recordRoute))
	}
	return b.c.proxy.ep.Start(ctx, req, to, b.event, opts...)
}

func (b *branch) recordRoute(req *sip.Request, out sip.Flow) error {
	b.c.proxy.recordRoute(req, b.c.mark, b.c.call.Flow, out)
	return nil
}

// event is called by the client transaction, one call at a time.
func (b *branch) event(ev transaction.Event) {
	if ev.Err != nil {
		b.unsent(ev.Err)
		return
	}
	resp := ev.Response
	forwardable := popVia(resp)
	b.c.proxy.remark(resp, ev.Flow, b.c.call.Request, b.c.mark)
	switch {
	case resp.StatusCode < 200:
		b.provisional(resp, forwardable)
	case !forwardable:
		b.fail(candidate{code: 502}) // the target took the caller's Via away
	case resp.StatusCode < 300:
		b.success(resp)
	default:
		b.fail(candidate{resp.StatusCode, resp})
	}
}
