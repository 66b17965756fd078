package transaction

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"time"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/transport"
)

// errTooLong says that a request should go by TCP, to the address that it would
// have gone to by UDP.
var errTooLong = errors.New("transaction: request is too long for UDP")

// A road is how the hop at hand is tried.
type road uint8

const (
	direct     road = iota // over its own network
	overTCP                // over TCP in the place of UDP, since the request is long
	regardless             // over UDP after that failed, however long the request is
)

// A limiter is a transport that says how long a request over it should be;
// *transport.UDP is one.
type limiter interface{ RequestLimit(f sip.Flow) int }

// isTooLong tells whether a request is longer than RFC 3261 section 18.1.1 lets
// it be over f, and may go by TCP. A transport=udp in the URI makes no
// difference: it says which way the peer likes best, and the section's MUST is for
// requests that would otherwise go that way.
func (e *Endpoint) isTooLong(t transport.Transport, f sip.Flow, r *sip.Request) bool {
	u, ok := t.(limiter)
	return ok && r.Size() > u.RequestLimit(f) && e.mayHaveTCP(f.Remote)
}

// mayHaveTCP tells whether an address is worth trying by TCP. A transport that
// only dials does not count: who is called on would find an address in Contact
// and Record-Route where nobody listens.
func (e *Endpoint) mayHaveTCP(addr netip.AddrPort) bool {
	if addr.Addr().IsMulticast() {
		return false
	}
	t, err := e.towards(sip.Hop{Network: "tcp", Addr: addr})
	return err == nil && len(t.Addrs()) > 0 && !e.noTCP.has(addr, time.Now())
}

// connectTCP gives a connection in the place of a datagram's flow. It waits for
// 4*T1, two seconds: a peer that drops the SYN, as NATs and firewalls do, must not
// hold up the call for as long as one that has nothing but TCP may. That leaves
// time for a SYN that is lost, which is repeated after one second (RFC 6298
// section 2), and for a round trip of twice T1 (RFC 3261 section 17.1.1.1). Where
// it fails, TCP is not tried again for a while.
func (e *Endpoint) connectTCP(ctx context.Context, addr netip.AddrPort) (transport.Transport, sip.Flow, error) {
	dial, cancel := context.WithTimeout(ctx, 4*e.cfg.timers.T1)
	defer cancel()
	defer context.AfterFunc(e.life, cancel)() // Close does not wait for it
	t, f, err := e.connect(dial, sip.Hop{Network: "tcp", Addr: addr})
	if err != nil && ctx.Err() == nil {
		e.noTCP.add(addr, time.Now())
	}
	return t, f, err
}

const (
	// noTCPFor is how long an address is believed to have no TCP, and maxNoTCP how
	// many are.
	noTCPFor = 10 * time.Minute
	maxNoTCP = 4096
)

// noTCP remembers addresses that take UDP alone.
type noTCP struct {
	mu    sync.Mutex
	until map[netip.AddrPort]time.Time
}

func (n *noTCP) add(addr netip.AddrPort, now time.Time) {
	addr = unmapped(addr)
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.until == nil || len(n.until) >= maxNoTCP {
		n.until = make(map[netip.AddrPort]time.Time) // what is needed is soon learnt again
	}
	n.until[addr] = now.Add(noTCPFor)
}

func (n *noTCP) has(addr netip.AddrPort, now time.Time) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return now.Before(n.until[unmapped(addr)])
}

// unmapped is an address as flows name it, whatever a resolver made of it.
func unmapped(addr netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())
}
