package registrar

import (
	"context"
	"hash/maphash"
	"iter"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/patchbay-sip/patchbay/sip"
)

const (
	// shards is how many parts a Memory has, each with a lock of its own.
	shards = 128
	// sweep is how many entries an Update looks at to find expired ones. With
	// one more entry an Update at most, a shard never holds much more than a
	// third of dead entries, however fast addresses-of-record come and go.
	sweep = 4
	// chunk is how many entries All copies while it holds a lock.
	chunk = 64
)

// Memory is a Store in memory. It starts no goroutine: expired bindings are
// dropped by later calls of Update, a few with each.
type Memory struct {
	seed   maphash.Seed
	len    atomic.Int64  // entries
	turn   atomic.Uint64 // which shard is swept next
	shards [shards]shard
}

var (
	_ Store   = (*Memory)(nil)
	_ Counter = (*Memory)(nil)
)

// A shard is a part of a Memory. Its entries stand in a slice, so that a hand
// can go round them; index tells where.
type shard struct {
	mu      sync.Mutex
	index   map[sip.AOR]int
	entries []entry
	hand    int
	version uint64 // of the last entry that was written
	len     *atomic.Int64
	_       [32]byte // keeps the locks of two shards off one cache line
}

// An entry holds the bindings of an address-of-record.
type entry struct {
	aor      sip.AOR
	bindings []Binding
	version  uint64    // never the same twice in a shard
	expires  time.Time // when the last of them ends; zero for never
}

// NewMemory makes an empty Memory.
func NewMemory() *Memory {
	m := &Memory{seed: maphash.MakeSeed()}
	for i := range m.shards {
		m.shards[i].index = make(map[sip.AOR]int)
		m.shards[i].len = &m.len
	}
	return m
}

func (m *Memory) shard(aor sip.AOR) *shard {
	return &m.shards[maphash.String(m.seed, string(aor))%shards]
}

// Update implements Store. fn runs again when another Update of aor came
// between.
func (m *Memory) Update(ctx context.Context, aor sip.AOR, fn func([]Binding) ([]Binding, error)) ([]Binding, error) {
	s := m.shard(aor)
	s.sweep(time.Now())
	// Nobody else looks at a shard in which nobody registers any more.
	m.shards[m.turn.Add(1)%shards].sweep(time.Now())
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		old, version := s.read(aor)
		next, err := fn(old)
		if err != nil {
			return nil, err
		}
		now := time.Now()
		if slices.ContainsFunc(next, func(b Binding) bool { return b.Expired(now) }) {
			next = live(nil, next, now)
		}
		if s.replace(aor, version, next) {
			return next, nil
		}
	}
}

// Len implements Counter.
func (m *Memory) Len() int { return int(m.len.Load()) }

// Lookup implements Store.
func (m *Memory) Lookup(ctx context.Context, aor sip.AOR) ([]Binding, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	bindings, _ := m.shard(aor).read(aor)
	return bindings, nil
}

// All implements Store. An address-of-record that is there throughout is in the
// list that is taken of its shard, whatever moves meanwhile.
func (m *Memory) All(ctx context.Context) iter.Seq2[Binding, error] {
	return func(yield func(Binding, error) bool) {
		var bindings []Binding
		for i := range m.shards {
			s := &m.shards[i]
			for aors := range slices.Chunk(s.aors(), chunk) {
				if err := ctx.Err(); err != nil {
					yield(Binding{}, err)
					return
				}
				bindings = s.appendAll(bindings[:0], aors)
				for _, b := range bindings {
					if !yield(b, nil) {
						return
					}
				}
			}
		}
	}
}

// read returns a copy of the live bindings of aor and the entry's version, 0 if
// there is none.
func (s *shard) read(aor sip.AOR) ([]Binding, uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, ok := s.index[aor]
	if !ok {
		return nil, 0
	}
	e := &s.entries[i]
	return live(make([]Binding, 0, len(e.bindings)), e.bindings, time.Now()), e.version
}

// replace stores a copy of bindings if the entry still has that version.
func (s *shard) replace(aor sip.AOR, version uint64, bindings []Binding) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, ok := s.index[aor]
	switch {
	case !ok && version != 0, ok && s.entries[i].version != version:
		return false
	case len(bindings) == 0:
		if ok {
			s.remove(i)
		}
		return true
	case !ok:
		i = len(s.entries)
		s.entries = append(s.entries, entry{aor: aor})
		s.index[aor] = i
		s.len.Add(1)
	}
	s.version++
	s.entries[i].set(bindings, s.version)
	return true
}

// set overwrites the bindings in place, since nobody else ever saw the slice.
func (e *entry) set(bindings []Binding, version uint64) {
	if n := len(bindings); n < len(e.bindings) {
		clear(e.bindings[n:])
	}
	if cap(e.bindings) < len(bindings) {
		e.bindings = make([]Binding, 0, len(bindings))
	}
	e.bindings = append(e.bindings[:0], bindings...)
	e.version = version
	e.expires = time.Time{}
	for _, b := range bindings {
		if b.Expires.IsZero() {
			e.expires = time.Time{}
			return
		}
		if b.Expires.After(e.expires) {
			e.expires = b.Expires
		}
	}
}

// sweep moves the hand on and removes what has expired under it.
func (s *shard) sweep(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range min(sweep, len(s.entries)) {
		if s.hand >= len(s.entries) {
			s.hand = 0
		}
		if e := &s.entries[s.hand]; !e.expires.IsZero() && !e.expires.After(now) {
			s.remove(s.hand) // another entry is there now
		} else {
			s.hand++
		}
	}
}

// remove removes an entry and moves the last one into its place.
func (s *shard) remove(i int) {
	last := len(s.entries) - 1
	delete(s.index, s.entries[i].aor)
	if i != last {
		s.entries[i] = s.entries[last]
		s.index[s.entries[i].aor] = i
	}
	s.entries[last] = entry{}
	s.entries = s.entries[:last]
	s.len.Add(-1)
}

// aors returns the addresses-of-record of the shard.
func (s *shard) aors() []sip.AOR {
	s.mu.Lock()
	defer s.mu.Unlock()
	aors := make([]sip.AOR, len(s.entries))
	for i := range s.entries {
		aors[i] = s.entries[i].aor
	}
	return aors
}

// appendAll appends the live bindings of several addresses-of-record.
func (s *shard) appendAll(dst []Binding, aors []sip.AOR) []Binding {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	for _, aor := range aors {
		if i, ok := s.index[aor]; ok {
			dst = live(dst, s.entries[i].bindings, now)
		}
	}
	return dst
}
