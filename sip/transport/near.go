package transport

import (
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/patchbay-sip/patchbay/sip"
)

// nearAge is how long a Neighbourhood believes what it read of the interfaces.
const nearAge = 10 * time.Second

// A Neighbourhood tells near sources from far ones, for a server that has no
// passwords yet. Near are loopback addresses and the subnets that this host's
// interfaces are attached to. A gateway's address is never near, because whole
// networks may hide behind it (NAT, a container's bridge); nor is what comes
// over a WebSocket, because any web page can open one.
//
// The zero Neighbourhood is ready for use, from several goroutines at once. It
// looks at the interfaces again when what it knows is older than ten seconds.
type Neighbourhood struct {
	mu       sync.Mutex
	read     time.Time
	subnets  []netip.Prefix
	gateways []netip.Addr
}

// Near tells whether the remote end of f is near.
func (n *Neighbourhood) Near(f sip.Flow) bool {
	if f.Network == "ws" || f.Network == "wss" {
		return false
	}
	remote := f.Remote.Addr().Unmap().WithZone("")
	if remote.IsLoopback() {
		return true
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if now := time.Now(); now.Sub(n.read) > nearAge {
		n.subnets, n.gateways = attached()
		n.read = now
	}
	return near(remote, n.subnets, n.gateways)
}

func near(a netip.Addr, subnets []netip.Prefix, gateways []netip.Addr) bool {
	if slices.Contains(gateways, a) {
		return false
	}
	return slices.ContainsFunc(subnets, func(p netip.Prefix) bool { return p.Contains(a) })
}

// attached reads the subnets of the interfaces and the gateways. Where the
// gateways are not known no subnet counts, since one of its addresses may
// stand for the whole Internet.
func attached() (subnets []netip.Prefix, gateways []netip.Addr) {
	gateways, err := routeGateways()
	if err != nil {
		return nil, nil
	}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return nil, nil
	}
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			subnets = append(subnets, netip.PrefixFrom(p.Addr().Unmap(), p.Bits()).Masked())
		}
	}
	return subnets, gateways
}
