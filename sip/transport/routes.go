package transport

import (
	"net"
	"net/netip"
	"sync"
	"time"
)

// routes tells which local address the kernel sends from to a peer, for sockets
// that are bound to all of them.
type routes struct {
	mu    sync.Mutex
	known map[netip.Addr]route
}

type route struct {
	source netip.Addr
	until  time.Time
}

const (
	maxRoutes = 1024
	routeAge  = 30 * time.Second
)

// source returns the local address towards a peer. It asks the kernel, by a
// socket that sends nothing, and believes the answer for half a minute.
func (r *routes) source(to netip.AddrPort) (netip.Addr, error) {
	now := time.Now()
	r.mu.Lock()
	known, ok := r.known[to.Addr()]
	r.mu.Unlock()
	if ok && now.Before(known.until) {
		return known.source, nil
	}
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(to))
	if err != nil {
		return netip.Addr{}, err
	}
	source := addrPort(conn.LocalAddr()).Addr()
	_ = conn.Close()

	r.mu.Lock()
	defer r.mu.Unlock()
	if r.known == nil || len(r.known) >= maxRoutes {
		r.known = make(map[netip.Addr]route) // what is needed is soon learnt again
	}
	r.known[to.Addr()] = route{source, now.Add(routeAge)}
	return source, nil
}
