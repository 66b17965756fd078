package transaction

import "github.com/patchbay-sip/patchbay/sip"

// response is the machine of RFC 3261 section 17.1.2 (figure 6); mu is held.
func (c *client) response(f sip.Flow, resp *sip.Response) {
	timers := &c.e.cfg.timers
	switch {
	case !c.state.unanswered():
	case resp.StatusCode < 200:
		if c.state == trying && !c.flow.Reliable() {
			// Timer E goes on, at T2.
			c.e.wheel.Start(&c.resend, c, timers.T2)
		}
		c.state = proceeding
		c.tell(f, resp)
	default:
		c.state = completed
		c.tell(f, resp)
		c.tx, c.req = nil, nil
		c.linger(unlessReliable(c.flow, timers.T4)) // timer K
	}
}
