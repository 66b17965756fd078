package proxy

import (
	"time"

	"github.com/patchbay-sip/patchbay/transaction"
)

// firstDeadline is how long a branch that was just sent may take: its Timeout,
// else Timer C for an INVITE (RFC 3261 section 16.6 item 11), else no bound but
// the transaction's.
func (c *responseContext) firstDeadline(b *branch) time.Duration {
	switch {
	case b.spec.Timeout > 0:
		return b.spec.Timeout
	case c.invite:
		return c.proxy.timerC
	}
	return 0
}

// setDeadline sets when a branch expires; 0 is never. c.mu is held.
func (b *branch) setDeadline(d time.Duration) {
	if d == 0 || b.expired {
		return
	}
	b.deadline = time.Now().Add(d)
	b.c.arm(b.deadline)
}

// arm has the timer fire at a time, unless it does so earlier. There is one
// timer for all branches of a call. c.mu is held.
func (c *responseContext) arm(at time.Time) {
	switch {
	case c.timer == nil:
		c.timer = time.AfterFunc(time.Until(at), c.expire)
	case !c.wake.IsZero() && !at.Before(c.wake):
		return
	default:
		c.timer.Reset(time.Until(at))
	}
	c.wake = at
}

// expire ends the branches whose deadline has passed (RFC 3261 section 16.8):
// they are cancelled and count as 408, and the next group need not wait for
// what they say to the CANCEL. The final response does wait for it.
func (c *responseContext) expire() {
	now := time.Now()
	c.mu.Lock()
	c.wake = time.Time{}
	var late []*transaction.ClientTx
	var next time.Time
	for _, b := range c.branches {
		switch {
		case b.ended, b.expired, b.deadline.IsZero():
		case b.deadline.After(now):
			if next.IsZero() || b.deadline.Before(next) {
				next = b.deadline
			}
		default:
			b.expired = true
			c.waiting--
			c.add(candidate{code: 408})
			if tx := b.cancel(); tx != nil {
				late = append(late, tx)
			}
		}
	}
	if !next.IsZero() {
		c.arm(next)
	}
	c.mu.Unlock()
	cancelAll(late)
	c.advance()
}
