package transaction

import (
	"sync"
	"sync/atomic"
)

const tableShards = 64

// A table holds transactions by key. Its locks are leaves: nothing is locked
// while one is held.
type table[T any] struct {
	count  atomic.Int64
	shards [tableShards]struct {
		sync.Mutex
		m map[key]*T
		_ [48]byte // keeps two locks off one cache line
	}
}

// find returns the transaction, or nil.
func (t *table[T]) find(k key) *T {
	s := &t.shards[k[0]%tableShards]
	s.Lock()
	defer s.Unlock()
	return s.m[k]
}

// insert puts v into the table, unless there is one of that key already, which
// it returns.
func (t *table[T]) insert(k key, v *T) (there *T) {
	s := &t.shards[k[0]%tableShards]
	s.Lock()
	defer s.Unlock()
	if there = s.m[k]; there != nil {
		return there
	}
	if s.m == nil {
		s.m = make(map[key]*T)
	}
	s.m[k] = v
	t.count.Add(1)
	return nil
}

// remove takes v out of the table if it is there.
func (t *table[T]) remove(k key, v *T) {
	s := &t.shards[k[0]%tableShards]
	s.Lock()
	defer s.Unlock()
	if s.m[k] == v {
		delete(s.m, k)
		t.count.Add(-1)
	}
}

func (t *table[T]) len() int { return int(t.count.Load()) }

// each calls f with each transaction that is there, and holds no lock meanwhile.
func (t *table[T]) each(f func(*T)) {
	for i := range t.shards {
		s := &t.shards[i]
		s.Lock()
		all := make([]*T, 0, len(s.m))
		for _, v := range s.m {
			all = append(all, v)
		}
		s.Unlock()
		for _, v := range all {
			f(v)
		}
	}
}
