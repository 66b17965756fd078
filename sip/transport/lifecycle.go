package transport

import (
	"errors"
	"sync"
	"time"
)

var errServing = errors.New("transport: Serve was called before")

// lifecycle is what Serve and Close of each transport have in common.
type lifecycle struct {
	done chan struct{} // closed by Close

	mu     sync.Mutex
	closed bool
	served bool
	wg     sync.WaitGroup // Serve, and each goroutine
}

func newLifecycle() lifecycle { return lifecycle{done: make(chan struct{})} }

// serve begins Serve; unless it returns an error, Serve ends with wg.Done.
func (l *lifecycle) serve() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed:
		return ErrClosed
	case l.served:
		return errServing
	}
	l.served = true
	l.wg.Add(1)
	return nil
}

// start runs f on a goroutine, or returns false after Close.
func (l *lifecycle) start(f func()) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	l.wg.Go(f)
	return true
}

// close begins Close; it returns false if that was called before.
func (l *lifecycle) close() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	l.closed = true
	close(l.done)
	return true
}

func (l *lifecycle) isClosed() bool {
	select {
	case <-l.done:
		return true
	default:
		return false
	}
}

// pause spaces out attempts to read from what keeps failing.
type pause struct{ d time.Duration }

const (
	firstPause = time.Millisecond
	maxPause   = time.Second
)

// wait sleeps, longer each time until reset, and not at all the first time;
// it returns false when done is closed. A single error, such as an ICMP
// message that came back, is over once it was read.
func (p *pause) wait(done <-chan struct{}) bool {
	d := p.d
	p.d = min(max(firstPause, 2*d), maxPause)
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-done:
		return false
	}
}

func (p *pause) reset() { p.d = 0 }
