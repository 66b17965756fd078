package transaction

import (
	"github.com/patchbay-sip/patchbay/sip"
)

// inviteResponse is the machine of RFC 3261 section 17.1.1 (figure 5), as RFC
// 6026 section 7.2 amends it; mu is held.
func (c *client) inviteResponse(f sip.Flow, resp *sip.Response) {
	timers := &c.e.cfg.timers
	code := resp.StatusCode
	switch {
	case c.state.unanswered() && code < 200:
		first := c.state == calling
		c.state = proceeding
		c.resend.Stop()
		c.tell(f, resp)
		switch {
		case first && c.canceling:
			c.sendCancel()
		case !c.canceling:
			c.e.wheel.Start(&c.expire, c, timers.Ringing)
		}
	case c.state.unanswered() && code < 300:
		c.state = accepted
		c.tell(f, resp)
		c.req = nil
		c.linger(timers.timeout()) // timer M
	case c.state == accepted && code >= 200 && code < 300:
		c.tell(f, resp)
	case c.state.unanswered():
		c.state = completed
		c.acknowledge(resp)
		c.tell(f, resp)
		c.tx, c.req = nil, nil
		c.linger(unlessReliable(c.flow, timers.D))
	case c.state == completed && code >= 300:
		c.sendACK()
	}
}

// acknowledge makes the ACK for a final response that is no 2xx and sends it
// (RFC 3261 section 17.1.1.3); mu is held.
func (c *client) acknowledge(resp *sip.Response) {
	ack, err := sip.NewACK(c.req, resp)
	if err != nil {
		c.e.cfg.log.Debug("no ACK for this response", "err", err)
		return
	}
	c.ack = ack.String()
	c.sendACK()
}

// sendACK sends it, once for each time that the response comes; mu is held.
func (c *client) sendACK() {
	m, err := sip.Parse([]byte(c.ack))
	if err == nil {
		err = c.transport.Send(c.flow, m)
	}
	if err != nil {
		c.e.cfg.log.Debug("ACK not sent", "flow", c.flow, "err", err)
	}
}

// sendCancel sends CANCEL as a transaction of its own with the branch of the
// INVITE, whose final response it waits for 64*T1 (RFC 3261 section 9.1); mu is
// held.
func (c *client) sendCancel() {
	c.canceling = true
	c.e.wheel.Start(&c.expire, c, c.e.cfg.timers.timeout())
	req := sip.NewCancel(c.req)
	via, err := req.Via()
	if err == nil {
		cancel := &client{
			e: c.e, transport: c.transport, flow: c.flow, req: req,
			key: c.e.keys.client(via, sip.CANCEL),
		}
		err = cancel.start()
	}
	if err != nil {
		c.e.cfg.log.Debug("CANCEL not sent", "flow", c.flow, "err", err)
	}
}
