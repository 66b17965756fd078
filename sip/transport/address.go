package transport

import (
	"net"
	"net/netip"
)

// addrPort returns the address of a TCP or UDP socket, or the zero AddrPort if
// it is none.
func addrPort(a net.Addr) netip.AddrPort {
	switch a := a.(type) {
	case nil:
		return netip.AddrPort{}
	case interface{ AddrPort() netip.AddrPort }:
		return unmap(a.AddrPort())
	}
	ap, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return netip.AddrPort{}
	}
	return unmap(ap)
}

// unmap makes an IPv4 address of an IPv4-mapped IPv6 address, so that a peer
// has one address whatever socket it is seen through.
func unmap(ap netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}

// family returns network with the 4 or 6 behind it that makes a socket bound
// to addr take that family alone: 0.0.0.0 would else take IPv6 too, and nothing
// could listen on [::] beside it. Without a host it is left as it is.
func family(network, addr string) string {
	ap, err := netip.ParseAddrPort(addr)
	switch {
	case err != nil:
		return network
	case ap.Addr().Unmap().Is4():
		return network + "4"
	}
	return network + "6"
}

// source returns what connections are counted by: an IPv4 address, or the /64
// that an IPv6 host can take its addresses from.
func source(a netip.Addr) netip.Addr {
	if a.Is4() {
		return a
	}
	p, err := a.WithZone("").Prefix(64)
	if err != nil {
		return a
	}
	return p.Addr()
}
