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

// cancelWait is how long the final response waits for a branch that rang, timed
// out and was cancelled: for its 487, or for a 200 that crossed the CANCEL.
const cancelWait = 5 * time.Second

// expire ends the branches whose deadline has passed, and sets the timer for the
// others.
func (c *responseContext) expire() {
	now := time.Now()
	c.mu.Lock()
	c.wake = time.Time{}
	var late []*transaction.ClientTx
	var next time.Time
	for _, b := range c.branches {
		if b.deadline.IsZero() || b.dropped {
			continue
		}
		if !b.deadline.After(now) {
			if tx := b.expire(now); tx != nil {
				late = append(late, tx)
			}
		}
		if !b.dropped && (next.IsZero() || b.deadline.Before(next)) {
			next = b.deadline
		}
	}
	if !next.IsZero() {
		c.arm(next)
	}
	c.mu.Unlock()
	cancelAll(late)
	c.advance()
}

// expire has a branch whose time is up count as 408, so that the next group need
// not wait for what it says to the CANCEL. The final response does wait, if there
// was a provisional one: without it no CANCEL is sent (RFC 3261 sections 9.1 and
// 16.8). It returns what is to be cancelled once c.mu, which is held, is free.
func (b *branch) expire(now time.Time) *transaction.ClientTx {
	if b.expired {
		b.drop()
		return nil
	}
	b.expired = true
	b.deadline = now.Add(cancelWait)
	b.c.waiting--
	b.c.add(candidate{code: 408})
	if !b.heard {
		b.drop()
	}
	return b.cancel()
}
