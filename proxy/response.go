package proxy

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/transport"
	"github.com/patchbay-sip/patchbay/transaction"
)

// A responseContext joins a server transaction to the client transactions of
// its branches (RFC 3261 sections 16.2 and 16.7). Nothing refers to it but
// these transactions, and it goes when they do.
type responseContext struct {
	proxy  *Proxy
	ctx    context.Context // the handler's, for Route.Next
	tx     *transaction.ServerTx
	call   *Call
	req    *sip.Request // as it came: what responses of our own answer
	invite bool
	width  int    // how many branches there may be at a time
	mark   string // see backMark; "" if the method does not record the route

	mu       sync.Mutex // not held while code of the user or of a transaction runs
	branches []*branch  // each that was begun, in order
	groups   [][]Branch // those not begun
	next     func(context.Context, Outcome) (Route, error)
	begun    bool // the Route at hand has begun a branch
	waiting  int  // branches that the group at hand waits for
	live     int  // branches that the final response waits for

	best       candidate       // of all that came
	outcome    candidate       // of what came since the Route at hand began
	challenges []*sip.Response // each 401 and 407
	terminated *sip.Response   // the first 487, the answer to the caller's CANCEL
	verdict    *sip.Response   // what Route.Next wants to be sent
	canceled   bool            // by the caller
	stopped    bool            // no branch begins any more
	done       bool            // the final response was chosen
	told       bool            // WithDone was

	timer *time.Timer // for the earliest deadline of a branch; nil if none
	wake  time.Time   // when it fires
}

// provisional forwards a response of 101 to 199 to an INVITE. Each hop has its own
// 100 (RFC 3261 section 16.7 item 5), and other requests have 100 alone (RFC 4320
// section 4.1).
func (b *branch) provisional(resp *sip.Response, forwardable bool) {
	c := b.c
	c.mu.Lock()
	b.heard = true
	if resp.StatusCode == 100 || !forwardable || !c.invite {
		c.mu.Unlock()
		return
	}
	if !b.expired && b.spec.Timeout == 0 {
		// The timer itself stays: when it fires too early it is set again.
		b.deadline = time.Now().Add(c.proxy.timerC) // 16.7 item 2
	}
	done := c.done
	c.mu.Unlock()
	if !done {
		c.send(resp)
	}
}

// success forwards a 2xx: at once, and any number of them to an INVITE (RFC
// 3261 section 16.7 item 5). It ends the other branches (item 10).
func (b *branch) success(resp *sip.Response) {
	c := b.c
	c.mu.Lock()
	late := c.done
	c.stop()
	c.finish()
	b.end()
	losers := c.pending()
	c.mu.Unlock()
	sent := (c.invite || !late) && c.send(resp)
	cancelAll(losers)
	if sent {
		c.tell(resp)
	}
}

// fail ends a branch that was not answered with a 2xx. What it got is kept for
// the choice of the best response.
func (b *branch) fail(got candidate) {
	c := b.c
	c.mu.Lock()
	if b.ended {
		c.mu.Unlock()
		return
	}
	b.end()
	c.add(got)
	var losers []*transaction.ClientTx
	if got.code >= 600 {
		c.stop()
		losers = c.pending()
	}
	c.mu.Unlock()
	cancelAll(losers)
	c.advance()
}

// end marks a branch as done. c.mu is held.
func (b *branch) end() {
	if b.ended {
		return
	}
	b.ended = true
	if !b.expired {
		b.c.waiting--
	}
	b.drop()
}

// drop has the final response not wait for a branch, be it that it ended or that
// nothing is to be hoped of it. c.mu is held.
func (b *branch) drop() {
	if b.dropped {
		return
	}
	c := b.c
	b.dropped = true
	c.live--
	if c.live == 0 && c.timer != nil {
		c.timer.Stop() // else it would keep the call in memory until it fires
		c.wake = time.Time{}
	}
}

// add puts a final response into the context (RFC 3261 section 16.7 item 4).
// c.mu is held.
func (c *responseContext) add(got candidate) {
	if got.code == 0 || c.done {
		return
	}
	if got.response != nil && (got.code == 401 || got.code == 407) {
		c.challenges = append(c.challenges, got.response)
	}
	if got.code == 487 && c.terminated == nil {
		c.terminated = got.response
	}
	if got.better(c.best, c.invite) {
		c.best = got
	}
	if got.better(c.outcome, c.invite) {
		c.outcome = got
	}
}

// stop keeps further branches from being begun. c.mu is held.
func (c *responseContext) stop() {
	c.stopped = true
	c.groups, c.next = nil, nil
}

// finish says that the final response is decided on. c.mu is held.
func (c *responseContext) finish() {
	c.done = true
	c.best, c.outcome, c.challenges, c.terminated, c.verdict = candidate{}, candidate{}, nil, nil, nil
}

// unsent ends a branch that got no final response.
func (b *branch) unsent(err error) {
	p := b.c.proxy
	code, level := 408, slog.LevelDebug // RFC 3261 section 16.6 item 7
	switch {
	case errors.Is(err, transaction.ErrTimeout), errors.Is(err, context.Canceled):
	case b.spec.Flow.IsZero() || !isOfFlow(err):
		code, level = 503, p.warnings.level() // section 16.9; the caller is not told why
	case b.c.call.vouched() && !errors.Is(err, transaction.ErrNotSecure):
		code = 430 // RFC 5626 section 5.3.1
	default:
		code = 480 // who closed his browser is not there
	}
	b.c.mu.Lock()
	b.nowhere = code != 408
	b.c.mu.Unlock()
	p.log.Log(b.c.ctx, level, "branch failed", "err", err, "target", b.spec.URI, "call", b.c.req.CallID())
	b.fail(candidate{code: code})
}

// isOfFlow tells whether err says that a flow failed, and not why nothing could be
// sent on it just now.
func isOfFlow(err error) bool {
	for _, other := range []error{
		transaction.ErrOverloaded, transaction.ErrClosed, transport.ErrQueueFull, transport.ErrTooLarge,
	} {
		if errors.Is(err, other) {
			return false
		}
	}
	return true
}

// refused is the response that an error of the user's code, or of the request's
// own fields, stands for.
func (c *responseContext) refused(err error) candidate {
	var status *sip.StatusError
	if !errors.As(err, &status) || status.Code < 300 || status.Code > 699 {
		c.proxy.log.Error("call not forwarded", "err", err, "call", c.req.CallID())
		status = &sip.StatusError{Code: 500, Err: err}
	}
	return candidate{status.Code, refusal(c.req, status)}
}

// send hands a response to the server transaction. An error is that of the way
// back, and there is nothing to be done about it (RFC 3261 section 16.9). It
// tells whether the transaction took resp.
func (c *responseContext) send(resp *sip.Response) bool { return c.sendBy(c.tx.Respond, resp) }

func (c *responseContext) sendBy(respond func(*sip.Response) error, resp *sip.Response) bool {
	if resp == nil {
		return false
	}
	err := respond(resp)
	if err != nil {
		level := slog.LevelDebug
		if c.invite && resp.StatusCode/100 == 2 { // somebody talks to a caller who is not there
			level = c.proxy.warnings.level()
		}
		c.proxy.log.Log(c.ctx, level, "response not sent", "err", err, "status", resp.StatusCode, "call", resp.CallID())
	}
	return !errors.Is(err, transaction.ErrAnswered) && !errors.Is(err, transaction.ErrTerminated)
}

// tell tells WithDone of the final response.
func (c *responseContext) tell(final *sip.Response) {
	if c.proxy.done == nil {
		return
	}
	c.mu.Lock()
	told := c.told
	c.told = true
	c.mu.Unlock()
	if told {
		return
	}
	_ = c.proxy.guard("WithDone", func() error { // which logs a panic
		c.proxy.done(c.call, final)
		return nil
	})
}

// popVia removes our Via. Without another one below it the response was for us
// alone (RFC 3261 section 16.7 item 3).
func popVia(resp *sip.Response) bool {
	if _, err := resp.PopVia(); err != nil {
		return false
	}
	return resp.Has("Via")
}
