package transaction

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/transport"
)

// towards picks the transport for a hop: one of its network that reaches the
// address. Of several the one is best whose own address is closest in kind:
// loopback for loopback, a single address before a wildcard one.
func (e *Endpoint) towards(hop sip.Hop) (transport.Transport, error) {
	var best transport.Transport
	rank := -1
	for _, t := range e.transports {
		if t.Network() != hop.Network {
			continue
		}
		if r := reach(t.Addrs(), hop.Addr.Addr().Unmap()); r > rank {
			best, rank = t, r
		}
	}
	if best == nil {
		return nil, fmt.Errorf("%w: %s %s", ErrNoTransport, hop.Network, hop.Addr)
	}
	return best, nil
}

// reach tells how well a socket on one of the addresses suits a peer: -1 for
// not at all. A transport without any only dials, and dials anywhere.
func reach(local []netip.AddrPort, peer netip.Addr) int {
	if len(local) == 0 {
		return 0
	}
	best := -1
	for _, l := range local {
		a := l.Addr().Unmap()
		switch {
		case a == netip.IPv6Unspecified() && peer.Is4():
			best = max(best, 1)
		case a.Is4() != peer.Is4():
		case a.IsUnspecified():
			best = max(best, 2)
		case a.IsLoopback() == peer.IsLoopback():
			best = max(best, 3)
		default:
			best = max(best, 0)
		}
	}
	return best
}

// carrier picks the transport that a flow belongs to.
func (e *Endpoint) carrier(f sip.Flow) (transport.Transport, error) {
	known := false
	for _, t := range e.transports {
		if t.Network() != f.Network {
			continue
		}
		known = true
		if _, ok := t.Peer(f); ok {
			return t, nil
		}
	}
	if !known {
		return nil, fmt.Errorf("%w: %s", ErrNoTransport, f.Network)
	}
	return nil, transport.ErrFlowGone
}

// connect gives a flow to the hop. It may block, unless the network is udp.
func (e *Endpoint) connect(ctx context.Context, hop sip.Hop) (transport.Transport, sip.Flow, error) {
	t, err := e.towards(hop)
	if err != nil {
		return nil, sip.Flow{}, err
	}
	if hop.Network != "udp" {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, e.cfg.timers.timeout())
		defer cancel()
	}
	f, err := t.Connect(ctx, hop)
	return t, f, err
}

// SentBy is what a Record-Route or Contact should name for a flow: the address
// at which this Endpoint can be reached by whoever is at the other end. It is
// zero for a flow of no transport that was given to Serve.
func (e *Endpoint) SentBy(f sip.Flow) sip.HostPort {
	if !e.isServing() {
		return sip.HostPort{}
	}
	t, err := e.carrier(f)
	if errors.Is(err, transport.ErrFlowGone) {
		// The connection is gone; what it was named stays true.
		for _, other := range e.transports {
			if other.Network() == f.Network {
				t = other
				break
			}
		}
	}
	if t == nil {
		return sip.HostPort{}
	}
	return t.SentBy(f)
}

// Owns tells whether u's host and port are ones that this Endpoint listens on:
// an address of a transport, or what the transport names in Via. A transport on
// the unspecified address listens on every address of this host. A URI without
// a port has 5060, 5061 for sips and transport=tls, and either of 80 and 443 for
// transport=ws, which stands for WSS too (RFC 7118 section 5.4). Before Serve it is
// false.
func (e *Endpoint) Owns(u sip.URI) bool {
	if !e.isServing() || !u.IsSIP() {
		return false
	}
	port := u.Port()
	tp, _ := u.Param("transport")
	switch {
	case port != 0:
	case strings.EqualFold(tp, "ws"):
		return e.listensOn(u.Host(), 80) || e.listensOn(u.Host(), 443)
	case u.Scheme() == "sips" || strings.EqualFold(tp, "tls"):
		port = 5061
	default:
		port = 5060
	}
	return e.listensOn(u.Host(), port)
}

func (e *Endpoint) listensOn(host string, port uint16) bool {
	addr, err := netip.ParseAddr(host)
	addr = addr.Unmap()
	for _, t := range e.transports {
		for _, l := range t.Addrs() {
			name := t.SentBy(sip.Flow{Network: t.Network(), Local: l})
			if named := name.Port; named == port && strings.EqualFold(name.Host, host) {
				return true
			}
			if err != nil || l.Port() != port {
				continue
			}
			a := l.Addr().Unmap()
			if a == addr {
				return true
			}
			if a.IsUnspecified() && (a.Is4() == addr.Is4() || a.Is6()) && e.local.has(addr) {
				return true
			}
		}
	}
	return false
}

// localAddrs knows the addresses of this host, and looks anew now and then.
type localAddrs struct {
	mu    sync.Mutex
	known map[netip.Addr]struct{}
	until time.Time
}

// localAddrsAge is how long an address that came or went may stay unnoticed.
const localAddrsAge = 5 * time.Second

func (l *localAddrs) has(a netip.Addr) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now := time.Now(); now.After(l.until) {
		l.until = now.Add(localAddrsAge)
		// On an error what is known stays known.
		if addrs, err := net.InterfaceAddrs(); err == nil {
			l.known = make(map[netip.Addr]struct{}, len(addrs))
			for _, a := range addrs {
				if n, ok := a.(*net.IPNet); ok {
					if ip, ok := netip.AddrFromSlice(n.IP); ok {
						l.known[ip.Unmap()] = struct{}{}
					}
				}
			}
		}
	}
	_, ok := l.known[a]
	return ok
}
