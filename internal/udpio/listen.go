package udpio

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
)

// Listen opens Options.Sockets sockets on one address, "0.0.0.0:5060" or
// "[2001:db8::1]:0" for instance. network is "udp", "udp4" or "udp6". With
// "udp", "0.0.0.0" means IPv4 alone, and "::" or no host at all both families.
//
// It fails with EADDRINUSE if any other socket has the port, also one that
// would share it: the first socket is bound alone, and only then are others
// let in. From then on a process of the same user that asks for SO_REUSEPORT
// itself may join the group; one that uses Listen cannot.
func Listen(ctx context.Context, network, addr string, o Options) ([]*Conn, error) {
	if ap, err := netip.ParseAddrPort(addr); err == nil && network == "udp" && ap.Addr().Is4() {
		network = "udp4" // package net takes 0.0.0.0 for both families
	}
	first, err := listenUDP(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	sockets := []*net.UDPConn{first}
	if o.Sockets > 1 {
		siblings, err := openSiblings(ctx, network, first, o.Sockets-1)
		if err != nil {
			closeAll(sockets)
			return nil, err
		}
		sockets = append(sockets, siblings...)
	}
	conns := make([]*Conn, 0, len(sockets))
	for _, s := range sockets {
		c, err := New(s, o)
		if err == nil {
			err = c.leavePoller(s)
		}
		if err != nil {
			closeAll(sockets)
			closeAll(conns)
			return nil, err
		}
		conns = append(conns, c)
	}
	return conns, nil
}

func listenUDP(ctx context.Context, network, addr string) (*net.UDPConn, error) {
	var lc net.ListenConfig
	pc, err := lc.ListenPacket(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	conn, ok := pc.(*net.UDPConn)
	if !ok {
		pc.Close()
		return nil, fmt.Errorf("udpio: %q is not a network of UDP", network)
	}
	return conn, nil
}

func closeAll[T io.Closer](sockets []T) {
	for _, s := range sockets {
		_ = s.Close()
	}
}
