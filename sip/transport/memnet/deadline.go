package memnet

import (
	"sync"
	"time"
)

// deadline is the read or write deadline of a socket. The socket's lock, which
// is cond's, guards it; those who wait on cond look at expired each time they
// wake.
type deadline struct {
	at    time.Time
	timer *time.Timer
}

// set changes the deadline; cond.L is locked.
func (d *deadline) set(at time.Time, cond *sync.Cond) {
	d.stop()
	d.at = at
	if !at.IsZero() {
		d.timer = time.AfterFunc(time.Until(at), func() {
			cond.L.Lock()
			defer cond.L.Unlock()
			cond.Broadcast()
		})
	}
	cond.Broadcast()
}

// stop releases the timer; the lock is held.
func (d *deadline) stop() {
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
}

func (d *deadline) expired() bool { return !d.at.IsZero() && !time.Now().Before(d.at) }
