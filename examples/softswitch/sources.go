package main

import (
	"fmt"
	"net/netip"

	"github.com/patchbay-sip/patchbay/sip/transport"
)

// sources limits what each source may send to perSecond requests, 0 for no
// limit. Loopback is not limited: behind it are a proxy or web server in front, with
// all their clients, or someone who measures.
func sources(perSecond int) (transport.Sources, error) {
	if perSecond < 0 {
		return transport.Sources{}, fmt.Errorf("--limit-source: %d is less than 0", perSecond)
	}
	return transport.Sources{
		Rate: perSecond,
		Unlimited: []netip.Prefix{
			netip.PrefixFrom(netip.AddrFrom4([4]byte{127}), 8),
			netip.PrefixFrom(netip.IPv6Loopback(), 128),
		},
	}, nil
}
