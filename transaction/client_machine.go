package transaction

import (
	"errors"
	"sync"
	"time"

	"github.com/patchbay-sip/patchbay/internal/wheel"
	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/transport"
)

// client is the machine of a client transaction: what stays in the table while
// one lingers, when the ClientTx may be long gone.
type client struct {
	e         *Endpoint
	transport transport.Transport
	flow      sip.Flow
	key       key
	invite    bool

	mu        sync.Mutex // not held while code of the user runs
	state     state
	tx        *ClientTx    // who is told; nil for a CANCEL, and once nothing follows
	req       *sip.Request // nil once it is sent no more
	ack       string       // for repetitions of a final response
	canceling bool         // CANCEL was sent, or is to be once there is a 1xx
	interval  time.Duration
	resend    wheel.Timer // timer A or E
	expire    wheel.Timer // timer B, F, D, K or M, or Ringing

	// The list of a flowIndex, whose lock guards them.
	after, before *client
	indexed       bool
}

var _ wheel.Owner = (*client)(nil)

// start sends the request. An error is the transport's; nothing is left then.
func (c *client) start() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.state = trying
	if c.invite {
		c.state = calling
	}
	if c.e.clients.insert(c.key, c) != nil {
		return errors.New("transaction: branch is in use") // a CANCEL sent twice
	}
	c.e.flows.add(c)
	if c.tx != nil {
		c.tx.attach(c)
	}
	if err := c.transport.Send(c.flow, c.req); err != nil {
		c.tx = nil
		c.terminate()
		return err
	}
	timers := &c.e.cfg.timers
	if !c.flow.Reliable() {
		c.interval = timers.T1
		c.e.wheel.Start(&c.resend, c, c.interval)
	}
	c.e.wheel.Start(&c.expire, c, timers.timeout())
	if c.e.isClosed() { // Close may have looked at the table before
		c.lose(ErrClosed)
	}
	return nil
}

// receive takes a response.
func (c *client) receive(f sip.Flow, resp *sip.Response) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state.unanswered() {
		c.e.flows.remove(c)
	}
	if c.invite {
		c.inviteResponse(f, resp)
	} else {
		c.response(f, resp)
	}
}

// tell hands a response on; mu is held.
func (c *client) tell(f sip.Flow, resp *sip.Response) {
	if c.tx != nil {
		c.tx.post(Event{Response: resp, Flow: f, Last: resp.StatusCode >= 200})
	}
}

// lose ends the transaction without a final response; mu is held.
func (c *client) lose(err error) {
	if !c.state.unanswered() {
		c.terminate()
		return
	}
	tx := c.tx
	c.terminate()
	if tx != nil {
		tx.post(Event{Err: err, Last: true})
	}
}

// fail is lose from outside.
func (c *client) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lose(err)
}

// unheard tells whether no response came at all; mu is held.
func (c *client) unheard() bool { return c.state == calling || c.state == trying }

// flowFailed is told when nothing more can be sent or received on the flow. A
// transaction that has had a response may get the final one over a new
// connection (RFC 3261 section 18.2.2).
func (c *client) flowFailed(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.unheard() {
		c.next(err)
	}
}

// next ends a transaction that has had no response, and goes on to the next
// address (RFC 3263 section 4.3); mu is held.
func (c *client) next(err error) {
	tx := c.tx
	c.terminate()
	if tx != nil {
		c.e.work(func() { tx.failed(err) })
	}
}

// terminate ends the transaction; mu is held.
func (c *client) terminate() {
	if c.state == terminated {
		return
	}
	c.state = terminated
	c.tx, c.req, c.ack = nil, nil, ""
	c.resend.Stop()
	c.expire.Stop()
	c.e.flows.remove(c)
	c.e.clients.remove(c.key, c)
}

// linger keeps the transaction for a while to absorb what still comes; mu is
// held.
func (c *client) linger(d time.Duration) {
	c.resend.Stop()
	if d == 0 {
		c.terminate()
		return
	}
	c.e.wheel.Start(&c.expire, c, d)
}

// Expired implements wheel.Owner.
func (c *client) Expired(t *wheel.Timer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case !t.Due():
	case t == &c.resend:
		if !c.expire.Due() { // both at once: it is over
			c.repeat()
		}
	case c.state == proceeding && c.invite && !c.canceling: // Timers.Ringing
		c.sendCancel()
	case c.unheard() && !c.canceling: // timer B or F
		c.next(ErrTimeout)
	default: // timer F, D, K or M, or no final response after CANCEL
		c.lose(ErrTimeout)
	}
}

// repeat sends the request again: timer A or E; mu is held.
func (c *client) repeat() {
	switch {
	case c.state == calling:
		c.interval *= 2
	case c.state == trying:
		c.interval = min(2*c.interval, c.e.cfg.timers.T2)
	case c.state == proceeding && !c.invite:
		c.interval = c.e.cfg.timers.T2
	default:
		return
	}
	if err := c.transport.Send(c.flow, c.req); err != nil {
		c.e.cfg.log.Debug("request not sent again", "flow", c.flow, "err", err)
	}
	c.e.wheel.Start(&c.resend, c, c.interval)
}

// giveUp cancels an INVITE, and abandons any other request.
func (c *client) giveUp(why error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case !c.state.unanswered() || c.canceling:
	case c.invite && c.state == calling:
		c.canceling = true // RFC 3261 section 9.1: not before a 1xx
	case c.invite:
		c.sendCancel()
	default:
		// Timer F goes on, until when responses are absorbed.
		c.state = completed
		c.resend.Stop()
		c.e.flows.remove(c)
		if c.tx != nil {
			c.tx.post(Event{Err: why, Last: true})
		}
		c.tx, c.req = nil, nil
	}
}
