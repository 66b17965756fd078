package transport

import (
	"crypto/rand"
	"encoding/binary"
	"net/netip"
	"sync"

	"github.com/patchbay-sip/patchbay/sip"
)

// A peerKey is what a connection can be used again for: an address and, with TLS,
// the name that the other end has proven to have there (RFC 5923 section 9.1).
type peerKey struct {
	addr netip.AddrPort
	name string
}

// connTable holds the connections of a transport.
type connTable struct {
	gate *gate

	mu       sync.RWMutex
	closed   bool
	lastID   uint64
	byID     map[uint64]*conn
	byPeer   map[peerKey]*conn  // the one that Connect gives
	accepted map[netip.Addr]int // by source, reserved ones included
	reserved int                // for connections that come later
	dialing  int                // that are being opened
}

// dialShare is the part of all connections, one in so many, that may be being
// opened: else whoever has a few addresses called that never answer keeps
// everybody from connecting.
const dialShare = 4

// newConnTable makes a table whose flow IDs begin at random, so that a flow
// that was stored before a restart names no connection after it.
func newConnTable(g *gate) connTable {
	var seed [8]byte
	_, _ = rand.Read(seed[:]) // never fails
	return connTable{
		gate:     g,
		lastID:   binary.NativeEndian.Uint64(seed[:]),
		byID:     make(map[uint64]*conn),
		byPeer:   make(map[peerKey]*conn),
		accepted: make(map[netip.Addr]int),
	}
}

// add puts c, which was accepted, into the table and gives it its flow ID.
func (t *connTable) add(c *conn) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	from := c.flow.Remote.Addr()
	if err := t.admits(from, true); err != nil {
		return err
	}
	t.accepted[source(from)]++
	t.put(c)
	return nil
}

// admits tells whether there is room for one more.
func (t *connTable) admits(from netip.Addr, accepted bool) error {
	switch {
	case t.closed:
		return ErrClosed
	case len(t.byID)+t.reserved+t.dialing >= t.gate.allConns:
		return ErrTooManyConns
	case accepted && t.accepted[source(from)] >= t.gate.conns && !t.gate.unlimited.contain(from):
		return errOverSource
	}
	return nil
}

// dial makes room for a connection, before it is opened. dialed has to follow.
func (t *connTable) dial() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.admits(netip.Addr{}, false); err != nil {
		return err
	}
	if t.dialing >= max(1, t.gate.allConns/dialShare) {
		return ErrTooManyConns
	}
	t.dialing++
	return nil
}

// dialed puts in what came of it, nil if nothing did.
func (t *connTable) dialed(c *conn) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.dialing--
	switch {
	case c == nil:
	case t.closed:
		return ErrClosed
	default:
		t.put(c)
	}
	return nil
}

func (t *connTable) put(c *conn) {
	if t.lastID++; t.lastID == 0 { // 0 is no connection
		t.lastID++
	}
	c.flow.ID = t.lastID
	t.byID[c.flow.ID] = c
	t.offerLocked(c)
}

// reserve makes room for a connection that claim puts in, or release gives up.
func (t *connTable) reserve(from netip.Addr) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.admits(from, true); err != nil {
		return err
	}
	t.reserved++
	t.accepted[source(from)]++
	return nil
}

func (t *connTable) release(from netip.Addr) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.reserved--
	t.leave(source(from))
}

func (t *connTable) claim(c *conn) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.reserved--
	if t.closed {
		t.leave(source(c.flow.Remote.Addr()))
		return ErrClosed
	}
	t.put(c)
	return nil
}

// leave counts that a source has one accepted connection less.
func (t *connTable) leave(from netip.Addr) {
	if t.accepted[from]--; t.accepted[from] == 0 {
		delete(t.accepted, from)
	}
}

// offer has c given to further requests to a peer with its names.
func (t *connTable) offer(c *conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.offerLocked(c)
}

func (t *connTable) offerLocked(c *conn) {
	for _, name := range c.provenNames() {
		t.byPeer[peerKey{c.flow.Remote, name}] = c
	}
}

// retire keeps c from being given to further requests; what was asked on it
// can still be answered.
func (t *connTable) retire(c *conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, name := range c.provenNames() {
		if k := (peerKey{c.flow.Remote, name}); t.byPeer[k] == c {
			delete(t.byPeer, k)
		}
	}
}

func (t *connTable) remove(c *conn) {
	t.retire(c)
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.byID, c.flow.ID)
	if c.accepted {
		t.leave(source(c.flow.Remote.Addr()))
	}
}

// find returns the connection that f names, or nil.
func (t *connTable) find(f sip.Flow) *conn {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if c := t.byID[f.ID]; c != nil && c.flow == f {
		return c
	}
	return nil
}

// to returns a connection to the peer, or nil.
func (t *connTable) to(peer peerKey) *conn {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.byPeer[peer]
}

func (t *connTable) open() int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return len(t.byID)
}

// close lets nothing more in and returns what is there.
func (t *connTable) close() []*conn {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	conns := make([]*conn, 0, len(t.byID))
	for _, c := range t.byID {
		conns = append(conns, c)
	}
	return conns
}
