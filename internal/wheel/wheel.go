// Package wheel is a timer wheel: many timers of which few ever fire, on one
// goroutine that sleeps until the next one is due.
//
// A Timer is part of the structure that it belongs to, so that setting one
// allocates nothing; setting and stopping take the same time however many
// there are. Timers fire up to one grain late and never early.
package wheel

import (
	"math"
	"math/bits"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// Grain is how late a timer may fire.
	Grain = 10 * time.Millisecond

	slots  = 2048 // a turn of about 20 s; later timers wait for further turns
	shards = 8
)

// A Wheel drives timers. Run has to run for them to fire.
type Wheel struct {
	epoch  time.Time
	next   atomic.Int64 // the tick that Run sleeps until; never, while it is awake
	wake   chan struct{}
	closed chan struct{}
	once   sync.Once
	spread atomic.Uint32
	shards [shards]shard
}

const never = math.MaxInt64

// New makes a Wheel. It starts nothing.
func New() *Wheel {
	w := &Wheel{
		epoch:  time.Now(),
		wake:   make(chan struct{}, 1),
		closed: make(chan struct{}),
	}
	w.next.Store(never)
	return w
}

// An Owner has timers.
type Owner interface {
	// Expired is called on the wheel's goroutine, without a lock, and must not
	// block. The timer may have been set anew or stopped while the call was
	// under way: see Timer.Due.
	Expired(t *Timer)
}

// A Timer belongs to an Owner; the zero Timer is stopped. It must not be
// copied while it is set. Start and Stop of one Timer must not run at once:
// its Owner's lock sees to that.
type Timer struct {
	owner      Owner
	wheel      *Wheel
	next, prev *Timer
	when       time.Duration // since the epoch; 0 when it is not set
	slot       uint16
	shard      uint8
	set        bool // it is in a slot; the shard's lock guards this
}

// Start sets t to fire after d, whatever it was set to before. A Timer stays
// with the Wheel and the Owner of its first Start.
func (w *Wheel) Start(t *Timer, o Owner, d time.Duration) {
	if t.wheel == nil {
		t.wheel, t.owner = w, o
		t.shard = uint8(w.spread.Add(1) % shards)
	}
	s := &w.shards[t.shard]
	s.mu.Lock()
	s.remove(t)
	t.when = max(1, time.Since(w.epoch)+max(0, d))
	at := max(tick(t.when), s.done+1)
	s.insert(t, at)
	s.mu.Unlock()
	if at < w.next.Load() {
		select {
		case w.wake <- struct{}{}:
		default:
		}
	}
}

// Stop has t not fire. A call of Expired may be under way all the same.
func (t *Timer) Stop() {
	if t.wheel == nil {
		return
	}
	s := &t.wheel.shards[t.shard]
	s.mu.Lock()
	s.remove(t)
	t.when = 0
	s.mu.Unlock()
}

// Due tells whether t is set and its time has come. An Expired that takes the
// lock under which t is started and stopped learns from it whether the call is
// still meant.
func (t *Timer) Due() bool {
	return t.when != 0 && time.Since(t.wheel.epoch) >= t.when
}

// Run fires timers until Close.
func (w *Wheel) Run() {
	sleep := time.NewTimer(time.Hour)
	defer sleep.Stop()
	var due []*Timer
	for {
		select {
		case <-w.closed:
			return
		default:
		}
		w.next.Store(never)
		now := int64(time.Since(w.epoch) / Grain)
		next := int64(never)
		for i := range w.shards {
			var n int64
			due, n = w.shards[i].advance(now, due[:0])
			next = min(next, n)
			for j, t := range due {
				t.owner.Expired(t)
				due[j] = nil
			}
		}
		// A timer that was set in the meantime has left a token in wake.
		w.next.Store(next)
		if next == never {
			sleep.Stop()
		} else {
			sleep.Reset(time.Until(w.epoch.Add(time.Duration(next) * Grain)))
		}
		select {
		case <-sleep.C:
		case <-w.wake:
		case <-w.closed:
			return
		}
	}
}

// Close ends Run; no timer fires once Run has returned.
func (w *Wheel) Close() { w.once.Do(func() { close(w.closed) }) }

// tick is the first tick at which a timer for when is due.
func tick(when time.Duration) int64 { return int64((when + Grain - 1) / Grain) }

// shard is one of several wheels that turn together, each with a lock.
type shard struct {
	mu    sync.Mutex
	done  int64              // the last tick that was fired
	used  [slots / 64]uint64 // a bit for each slot that holds a timer
	slots [slots]*Timer
	_     [64]byte // keeps the locks of two shards off one cache line
}

func (s *shard) insert(t *Timer, at int64) {
	i := at % slots
	t.slot, t.set = uint16(i), true
	t.prev, t.next = nil, s.slots[i]
	if t.next != nil {
		t.next.prev = t
	}
	s.slots[i] = t
	s.used[i/64] |= 1 << (i % 64)
}

func (s *shard) remove(t *Timer) {
	if !t.set {
		return
	}
	if t.next != nil {
		t.next.prev = t.prev
	}
	if t.prev != nil {
		t.prev.next = t.next
	} else if s.slots[t.slot] = t.next; t.next == nil {
		s.used[t.slot/64] &^= 1 << (t.slot % 64)
	}
	t.next, t.prev, t.set = nil, nil, false
}

// advance takes the timers that are due at tick now out of the wheel, and
// returns them with the tick of the next slot that holds any.
func (s *shard) advance(now int64, due []*Timer) ([]*Timer, int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for at := s.following(s.done); at <= now; at = s.following(at) {
		if at-s.done > slots {
			break // the wheel was seen once all round
		}
		for t := s.slots[at%slots]; t != nil; {
			following := t.next
			if tick(t.when) <= now {
				s.remove(t)
				due = append(due, t)
			}
			t = following
		}
	}
	s.done = max(s.done, now)
	return due, s.following(s.done)
}

// following is the first tick after at whose slot holds a timer, or never.
func (s *shard) following(at int64) int64 {
	first := (at + 1) % slots
	for i := int64(0); i <= slots/64; i++ {
		word := (first/64 + i) % (slots / 64)
		b := s.used[word]
		if i == 0 {
			b &= ^uint64(0) << (first % 64)
		}
		if b == 0 {
			continue
		}
		slot := word*64 + int64(bits.TrailingZeros64(b))
		return at + 1 + (slot-first+slots)%slots
	}
	return never
}
