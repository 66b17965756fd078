package resolve

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/patchbay-sip/patchbay/sip"
)

const (
	// maxFailed bounds the hops that are remembered, maxRetryAfter for how long.
	maxFailed     = 4096
	maxRetryAfter = time.Hour
)

// A destination is a hop without the name of its certificate.
type destination struct {
	network string
	addr    netip.AddrPort
}

// failures remembers hops that did not answer.
type failures struct {
	lasts time.Duration
	count atomic.Int64 // len(until), to be read without the lock
	mu    sync.Mutex
	until map[destination]time.Time
}

func (f *failures) add(h sip.Hop, retryAfter time.Duration, now time.Time) {
	if retryAfter <= 0 {
		retryAfter = f.lasts
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	d := destination{h.Network, h.Addr}
	if _, again := f.until[d]; !again && len(f.until) >= maxFailed {
		f.makeRoom()
	}
	f.until[d] = now.Add(min(retryAfter, maxRetryAfter))
	f.count.Store(int64(len(f.until)))
}

// makeRoom removes the hop whose time ends first out of some; mu is held.
func (f *failures) makeRoom() {
	var first destination
	var until time.Time
	seen := 0
	for d, t := range f.until {
		if seen == 0 || t.Before(until) {
			first, until = d, t
		}
		if seen++; seen == evictionSample {
			break
		}
	}
	delete(f.until, first)
}

// sort moves hops that failed to the end; both parts stay in order. They are not
// left out: if nobody answers, one of them is as good as any.
func (f *failures) sort(hops []sip.Hop, now time.Time) {
	if f.count.Load() == 0 || len(hops) < 2 {
		return
	}
	var buf [maxHops]sip.Hop
	last := buf[:0]
	f.mu.Lock()
	defer f.mu.Unlock()
	good := 0
	for _, h := range hops {
		d := destination{h.Network, h.Addr}
		until, failed := f.until[d]
		if failed && !now.Before(until) {
			delete(f.until, d)
			failed = false
		}
		if failed {
			last = append(last, h)
			continue
		}
		hops[good] = h
		good++
	}
	copy(hops[good:], last)
	f.count.Store(int64(len(f.until)))
}
