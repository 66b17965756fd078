package memnet

import (
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
)

// A Network joins sockets. Its methods may be called from several goroutines
// at once. It needs no Close: once its sockets are closed, nothing of it is
// left running.
type Network struct {
	cfg      config
	stats    counters
	schedule schedule

	mu        sync.RWMutex
	packets   map[netip.AddrPort]*packetConn
	listeners map[netip.AddrPort]*listener
	dialed    map[netip.AddrPort]struct{} // local ends of streams
	lastPort  uint16
}

// New makes a Network.
func New(opts ...Option) *Network {
	n := &Network{
		cfg:       config{queue: defaultQueue},
		packets:   make(map[netip.AddrPort]*packetConn),
		listeners: make(map[netip.AddrPort]*listener),
		dialed:    make(map[netip.AddrPort]struct{}),
		lastPort:  lastEphemeral,
	}
	for _, o := range opts {
		o(&n.cfg)
	}
	return n
}

// Stats counts datagrams. One that WithDuplication doubles is sent once and
// delivered twice.
type Stats struct {
	Sent       uint64 // writes that returned no error
	Delivered  uint64 // put into the queue of a socket
	Lost       uint64 // by WithLoss or WithFilter
	Duplicated uint64 // by WithDuplication
	TooLong    uint64 // lost for WithMTU
	NoSocket   uint64 // nobody listened at the address
	Overflow   uint64 // the queue was full
}

type counters struct {
	sent, delivered, lost, duplicated, tooLong, noSocket, overflow atomic.Uint64
}

// Stats returns the counters.
func (n *Network) Stats() Stats {
	return Stats{
		Sent:       n.stats.sent.Load(),
		Delivered:  n.stats.delivered.Load(),
		Lost:       n.stats.lost.Load(),
		Duplicated: n.stats.duplicated.Load(),
		TooLong:    n.stats.tooLong.Load(),
		NoSocket:   n.stats.noSocket.Load(),
		Overflow:   n.stats.overflow.Load(),
	}
}

// The ephemeral ports of RFC 6335 section 6.
const (
	firstEphemeral = 49152
	lastEphemeral  = 65535
)

// ephemeral returns addr with a port that taken does not hold; n.mu is locked.
func (n *Network) ephemeral(addr netip.Addr, taken func(netip.AddrPort) bool) (netip.AddrPort, error) {
	for range lastEphemeral - firstEphemeral + 1 {
		n.lastPort++
		if n.lastPort < firstEphemeral {
			n.lastPort = firstEphemeral
		}
		if ap := netip.AddrPortFrom(addr, n.lastPort); !taken(ap) {
			return ap, nil
		}
	}
	return netip.AddrPort{}, syscall.EADDRNOTAVAIL
}

func (n *Network) packetTaken(ap netip.AddrPort) bool { return n.packets[ap] != nil }

func (n *Network) streamTaken(ap netip.AddrPort) bool {
	_, dialed := n.dialed[ap]
	return dialed || n.listeners[ap] != nil
}

var loopback = netip.AddrFrom4([4]byte{127, 0, 0, 1})

// parseAddr reads host:port with a numeric host; an empty one is 127.0.0.1.
func parseAddr(addr string) (netip.AddrPort, error) {
	if len(addr) > 0 && addr[0] == ':' {
		addr = loopback.String() + addr
	}
	ap, err := netip.ParseAddrPort(addr)
	if err != nil {
		return netip.AddrPort{}, &net.AddrError{Err: "memnet: no IP address and port", Addr: addr}
	}
	ap = netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	if ap.Addr().IsUnspecified() {
		return netip.AddrPort{}, fmt.Errorf("memnet: %s: %w", addr, syscall.EADDRNOTAVAIL)
	}
	return ap, nil
}

// unmap gives an IPv4-mapped IPv6 address its plain form, the one that the
// tables are keyed by.
func unmap(ap netip.AddrPort) netip.AddrPort {
	if ap.Addr().Is4In6() {
		return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	}
	return ap
}
