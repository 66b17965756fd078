package transaction

import "github.com/patchbay-sip/patchbay/sip"

// response is the machine of RFC 3261 section 17.1.2 (figure 6); mu is held.
func (c *client) response(f sip.Flow, resp *sip.Response) {
	switch {
	case !c.state.unanswered():
	case resp.StatusCode < 200:
		c.state = proceeding // timer E goes on, and is T2 once it has fired
		c.tell(f, resp)
	default:
		c.state = completed
		c.tell(f, resp)
		c.tx, c.req = nil, nil
		c.linger(unlessReliable(c.flow, c.e.cfg.timers.T4)) // timer K
	}
}
