package resolve

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// patience is how long the rest of a list is waited for when a part of it has
// been found: a name server that keeps silent on AAAA, or on the name of a
// backup, does not hold up the call.
const patience = 250 * time.Millisecond

// stages is how many lookups depend on one another: NAPTR, SRV, addresses.
const stages = 3

var errClosed = fmt.Errorf("resolve: resolver is closed: %w", net.ErrClosed)

// lookups bounds what is looked up, and what waits for it.
type lookups struct {
	timeout time.Duration // of each
	max     int
	waiting atomic.Int64 // calls
	ctx     context.Context
	cancel  context.CancelFunc

	mu      sync.Mutex
	running int
	closed  bool
	group   sync.WaitGroup
}

func newLookups(timeout time.Duration, most int) *lookups {
	l := &lookups{timeout: timeout, max: most}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	return l
}

// begin counts a lookup that is about to run.
func (l *lookups) begin() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed:
		return errClosed
	case l.running >= l.max:
		return ErrBusy
	}
	l.running++
	l.group.Add(1)
	return nil
}

func (l *lookups) end() {
	l.mu.Lock()
	l.running--
	l.mu.Unlock()
	l.group.Done()
}

func (l *lookups) close() {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.cancel()
	l.group.Wait()
}

// pending is a lookup that may be under way.
type pending struct {
	done    chan struct{} // closed at its end
	waiting atomic.Int64  // calls
}

func (p *pending) isDone() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// channel is done, or nil, which is never ready.
func (p *pending) channel() <-chan struct{} {
	if p == nil {
		return nil
	}
	return p.done
}

// A waiter waits for the lookups of one call.
type waiter struct {
	lookups *lookups
	ctx     context.Context
	now     time.Time // when the call began
	hurried bool      // something was found
	limit   time.Time // of all that is waited for from now on, once it is waited for
}

// begin is called before each round of lookups: the patience is whole again.
func (w *waiter) begin() { w.hurried, w.limit = false, time.Time{} }

// hurry is called when something has been found.
func (w *waiter) hurry() {
	if !w.hurried {
		w.hurried, w.limit = true, time.Time{}
	}
}

// wait waits until one of two lookups is done; either may be nil. An error says
// why it did not.
func (w *waiter) wait(a, b *pending) error {
	if a == nil {
		a, b = b, nil
	}
	if a.isDone() || b != nil && b.isDone() {
		return nil
	}
	l := w.lookups
	defer l.waiting.Add(-1)
	defer a.waiting.Add(-1)
	if all, one := l.waiting.Add(1), a.waiting.Add(1); all > int64(l.max) || one > int64(max(l.max/4, 1)) {
		return ErrBusy
	}
	timer := time.NewTimer(w.left())
	defer timer.Stop()
	select {
	case <-a.done:
		return nil
	case <-b.channel():
		return nil
	case <-timer.C:
		return context.DeadlineExceeded
	case <-w.ctx.Done():
		return fmt.Errorf("resolve: %w", w.ctx.Err())
	}
}

// left is for how long it is worth while to wait.
func (w *waiter) left() time.Duration {
	now := time.Now()
	if w.limit.IsZero() {
		w.limit = w.now.Add(stages * w.lookups.timeout)
		if w.hurried {
			w.limit = now.Add(patience)
		}
	}
	return w.limit.Sub(now)
}
