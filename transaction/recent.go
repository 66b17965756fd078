package transaction

import (
	"sync"
	"sync/atomic"
	"time"
)

const (
	recentShards = 64
	recentWays   = 8 // places that a key may take
)

// recent remembers keys for a while, in memory that does not grow, whoever sends
// what: a table of a fixed size, a shard of which is made when the first key
// falls into it. A key that finds its places taken is not remembered; none is
// forgotten before its time. Keys are hashes with seeds of our own, so that
// nobody can aim at the places of others.
type recent struct {
	size   int // slots of a shard
	used   atomic.Bool
	shards [recentShards]recentShard
}

type recentShard struct {
	sync.Mutex
	epoch time.Time
	slots []remembered
}

// remembered is a key that is remembered until a time after the shard's epoch; a
// slot that is free has one that is over.
type remembered struct {
	sum   uint64
	until time.Duration
}

// newRecent makes one for about n keys, 16 octets each.
func newRecent(n int) *recent {
	buckets := (n + recentShards*recentWays - 1) / (recentShards * recentWays)
	return &recent{size: max(1, buckets) * recentWays}
}

// places are those that k may take; the shard is locked.
func (s *recentShard) places(k key) []remembered {
	if s.slots == nil {
		return nil
	}
	i := k[0] / recentShards % uint64(len(s.slots)/recentWays) * recentWays
	return s.slots[i : i+recentWays]
}

func (r *recent) shard(k key) *recentShard { return &r.shards[k[0]%recentShards] }

// has tells whether k is remembered.
func (r *recent) has(k key) bool {
	if !r.used.Load() {
		return false
	}
	s := r.shard(k)
	s.Lock()
	defer s.Unlock()
	for _, m := range s.places(k) {
		if m.sum == k[1] && m.until > time.Since(s.epoch) {
			return true
		}
	}
	return false
}

// add remembers k for d from now, unless it is remembered already: then it is not
// fresh. It is not kept if there is no place for it.
func (r *recent) add(k key, d time.Duration) (fresh, kept bool) {
	s := r.shard(k)
	s.Lock()
	defer s.Unlock()
	if s.slots == nil {
		s.slots, s.epoch = make([]remembered, r.size), time.Now()
		r.used.Store(true)
	}
	now := time.Since(s.epoch)
	var free *remembered
	places := s.places(k)
	for i := range places {
		switch m := &places[i]; {
		case m.until <= now:
			free = m
		case m.sum == k[1]:
			return false, true
		}
	}
	if free == nil {
		return true, false
	}
	*free = remembered{k[1], now + d}
	return true, true
}

// keep has k, if it is remembered, forgotten after d from now.
func (r *recent) keep(k key, d time.Duration) {
	s := r.shard(k)
	s.Lock()
	defer s.Unlock()
	now, places := time.Since(s.epoch), s.places(k)
	for i := range places {
		if m := &places[i]; m.sum == k[1] && m.until > now {
			m.until = now + d
		}
	}
}
