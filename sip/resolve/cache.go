package resolve

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"
)

const (
	// maxRecords bounds what is used and kept of an answer.
	maxRecords = 32
	// maxTTL and maxNegative bound how long answers hold. That something does not
	// exist should not be believed for more than an hour or three (RFC 2308 section
	// 5).
	maxTTL      = 24 * time.Hour
	maxNegative = time.Hour
	// firstFailure is how long a lookup that failed is not tried again, and
	// lastFailure how long after failures in a row (RFC 9520 section 3.2).
	firstFailure = 5 * time.Second
	lastFailure  = 30 * time.Second
	// evictionSample is how many entries are compared to find one that makes room.
	evictionSample = 8
)

// A question is a name: a service and its domain, or one that stands in name
// alone.
type question struct{ service, name string }

// A cache remembers the answers for one type of record, and joins lookups of one
// name. What is not known yet is an entry, too.
type cache[R any] struct {
	lookups *lookups
	size    int
	sort    func([]R) []R // makes a sorted copy; may be nil
	look    func(ctx context.Context, name string) (Answer[R], error)

	mu      sync.RWMutex
	entries map[question]*entry[R]
}

func newCache[R any](l *lookups, size int, sort func([]R) []R, look func(context.Context, string) (Answer[R], error)) *cache[R] {
	return &cache[R]{lookups: l, size: size, sort: sort, look: look, entries: make(map[question]*entry[R])}
}

// An entry is an answer, or the wait for one: until done is closed nothing else
// of it may be read, from then on nothing changes.
type entry[R any] struct {
	pending
	records  []R
	err      error
	until    time.Time
	failures int // in a row, this one included
}

// isFresh tells whether the entry is worth something: being looked up counts.
func (e *entry[R]) isFresh(now time.Time) bool {
	return e != nil && (!e.isDone() || now.Before(e.until))
}

// ask returns what is known of q, and begins to look for it if that is nothing.
// The error is ErrBusy, or net.ErrClosed.
func (c *cache[R]) ask(q question, now time.Time) (*entry[R], error) {
	c.mu.RLock()
	e := c.entries[q]
	c.mu.RUnlock()
	if e.isFresh(now) {
		return e, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	before := c.entries[q]
	if before.isFresh(now) {
		return before, nil
	}
	if err := c.lookups.begin(); err != nil {
		return nil, err
	}
	e = &entry[R]{pending: pending{done: make(chan struct{})}}
	if before == nil {
		c.makeRoom()
	} else {
		e.failures = before.failures
	}
	q.name = strings.Clone(q.name) // not the message that it is a part of
	c.entries[q] = e
	go c.find(q, e)
	return e, nil
}

// makeRoom removes, where there is no room for another entry, the one that ends
// first out of some; mu is held. Those that are being looked up stay: there is a
// bound for them, too.
func (c *cache[R]) makeRoom() {
	if len(c.entries) < c.size {
		return
	}
	var oldest question
	var until time.Time
	seen := 0
	for q, e := range c.entries {
		if !e.isDone() {
			continue
		}
		if seen == 0 || e.until.Before(until) {
			oldest, until = q, e.until
		}
		if seen++; seen == evictionSample {
			break
		}
	}
	if seen > 0 {
		delete(c.entries, oldest)
	}
}

// find looks q up and completes its entry.
func (c *cache[R]) find(q question, e *entry[R]) {
	defer c.lookups.end()
	name := q.service + q.name
	ctx, cancel := context.WithTimeout(c.lookups.ctx, c.lookups.timeout)
	defer cancel()
	answer, err := c.look(ctx, name)
	if c.sort != nil {
		answer.Records = c.sort(answer.Records)
	}
	ttl := min(answer.TTL, maxTTL)
	if len(answer.Records) == 0 {
		ttl = min(ttl, maxNegative)
	}

	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case err != nil && c.lookups.ctx.Err() != nil:
		e.err = errClosed
		ttl = 0
	case err != nil:
		e.err = fmt.Errorf("resolve: %s: %w", name, err)
		ttl = min(firstFailure<<min(e.failures, 8), lastFailure)
		e.failures++
	default:
		e.records = answer.Records[:min(len(answer.Records), maxRecords)]
		e.failures = 0
	}
	e.until = time.Now().Add(ttl)
	if ttl <= 0 && c.entries[q] == e {
		delete(c.entries, q) // for those who wait, and nobody else (RFC 1035 section 3.2.1)
	}
	close(e.done)
}
