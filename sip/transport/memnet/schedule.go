package memnet

import (
	"container/heap"
	"sync"
	"time"
)

// schedule runs deliveries at their time, those of one time in the order in
// which they were added. A timer of its own for each would run them in any.
type schedule struct {
	run sync.Mutex // held while deliveries are made; taken before any other lock

	mu     sync.Mutex
	events eventHeap
	seq    uint64
	timer  *time.Timer // nil while events is empty
}

type event struct {
	at      time.Time
	seq     uint64
	deliver func()
}

// add has deliver called at the given time. deliver may take a socket's lock,
// and so may whoever calls add.
func (s *schedule) add(at time.Time, deliver func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seq++
	seq := s.seq
	heap.Push(&s.events, event{at, seq, deliver})
	if s.events[0].seq == seq {
		s.arm()
	}
}

// arm sets the timer to the first event; s.mu is locked.
func (s *schedule) arm() {
	if s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
	if len(s.events) > 0 {
		s.timer = time.AfterFunc(time.Until(s.events[0].at), s.due)
	}
}

func (s *schedule) due() {
	s.run.Lock()
	defer s.run.Unlock()
	now := time.Now()
	for {
		s.mu.Lock()
		if len(s.events) == 0 || s.events[0].at.After(now) {
			s.arm()
			s.mu.Unlock()
			return
		}
		e := heap.Pop(&s.events).(event)
		s.mu.Unlock()
		e.deliver()
	}
}

type eventHeap []event

func (h eventHeap) Len() int      { return len(h) }
func (h eventHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *eventHeap) Push(x any)   { *h = append(*h, x.(event)) }
func (h eventHeap) Less(i, j int) bool {
	if h[i].at.Equal(h[j].at) {
		return h[i].seq < h[j].seq
	}
	return h[i].at.Before(h[j].at)
}

func (h *eventHeap) Pop() any {
	last := len(*h) - 1
	e := (*h)[last]
	(*h)[last] = event{}
	*h = (*h)[:last]
	return e
}
