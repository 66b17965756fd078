package main

import (
	"fmt"
	"net/netip"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/transport"
)

// parseAdvertised reads --advertise: a name or an IP address, an IPv6 address
// without a port also without brackets.
func parseAdvertised(s string) (sip.HostPort, error) {
	if s == "" {
		return sip.HostPort{}, nil
	}
	at, err := sip.ParseHostPort(s)
	if addr, notBracketed := netip.ParseAddr(s); notBracketed == nil && addr.Zone() == "" {
		at, err = sip.HostPort{Host: addr.String()}, nil
	}
	if addr, ok := at.Addr(); err != nil || ok && addr.IsUnspecified() {
		return sip.HostPort{}, fmt.Errorf("--advertise: %q is no HOST[:PORT] that leads here", s)
	}
	return at, nil
}

// advertise has a transport tell the name of this host beyond a NAT, if there is
// one. The port is that of UDP and TCP: others keep theirs.
func advertise(at sip.HostPort, network string) []transport.Option {
	switch {
	case at.Host == "":
		return nil
	case network == "UDP" || network == "TCP":
		return []transport.Option{transport.WithAdvertise(at.Host, at.Port)}
	default:
		return []transport.Option{transport.WithAdvertise(at.Host, 0)}
	}
}
