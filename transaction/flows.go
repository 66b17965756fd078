package transaction

import (
	"hash/maphash"
	"net/netip"
	"sync"

	"github.com/patchbay-sip/patchbay/sip"
)

// A flowIndex finds the client transactions that wait for the first response
// over a flow, so that they end at once when the flow fails (RFC 3261 section
// 18.4). Those of a flow are a list through the transactions.
type flowIndex struct {
	seed   maphash.Seed
	shards [16]struct {
		sync.Mutex
		first map[flowKey]*client
	}
}

// flowKey is what tells flows apart. The local address does not: an ICMP error
// may not name it.
type flowKey struct {
	network string
	remote  netip.AddrPort
	id      uint64
}

func newFlowIndex() flowIndex { return flowIndex{seed: maphash.MakeSeed()} }

func (x *flowIndex) shard(f sip.Flow) (flowKey, int) {
	k := flowKey{f.Network, f.Remote, f.ID}
	return k, int(maphash.Comparable(x.seed, k) % uint64(len(x.shards)))
}

// add notes that c waits; c.mu is held.
func (x *flowIndex) add(c *client) {
	k, i := x.shard(c.flow)
	s := &x.shards[i]
	s.Lock()
	defer s.Unlock()
	if s.first == nil {
		s.first = make(map[flowKey]*client)
	}
	c.after, c.indexed = s.first[k], true
	if c.after != nil {
		c.after.before = c
	}
	s.first[k] = c
}

// remove notes that c no longer waits; c.mu is held.
func (x *flowIndex) remove(c *client) {
	k, i := x.shard(c.flow)
	s := &x.shards[i]
	s.Lock()
	defer s.Unlock()
	if !c.indexed {
		return
	}
	if c.after != nil {
		c.after.before = c.before
	}
	switch {
	case c.before != nil:
		c.before.after = c.after
	case c.after != nil:
		s.first[k] = c.after
	default:
		delete(s.first, k)
	}
	c.after, c.before, c.indexed = nil, nil, false
}

// waiting returns those that wait on a flow.
func (x *flowIndex) waiting(f sip.Flow) (all []*client) {
	k, i := x.shard(f)
	s := &x.shards[i]
	s.Lock()
	defer s.Unlock()
	for c := s.first[k]; c != nil; c = c.after {
		all = append(all, c)
	}
	return all
}
