package transport

import (
	"net/netip"

	"github.com/patchbay-sip/patchbay/sip"
)

// WithAdvertise gives the host, and the port unless it is 0, that peers beyond
// a NAT reach this host by: SentBy names it in the place of the local address
// (RFC 3261 section 18.1.1). host is a name or an IP address, an IPv6 address
// without brackets.
//
// Peers that are near (see [Neighbourhood]) are still told the local address,
// since few NATs lead back inside; and an IP address is not told to peers of the
// other family.
func WithAdvertise(host string, port uint16) Option {
	return func(c *config) {
		a := &advertised{name: sip.HostPort{Host: host, Port: port}}
		a.addr, _ = a.name.Addr()
		c.advertised = a
	}
}

// advertised is the name of this host beyond a NAT.
type advertised struct {
	name sip.HostPort
	addr netip.Addr // zero for a name
	near Neighbourhood
}

// sentBy is what to call this end of a flow whose own address is local.
func (c *config) sentBy(f sip.Flow, local netip.AddrPort) sip.HostPort {
	a := c.advertised
	if a == nil || !a.isFor(f) {
		return sip.HostPort{Host: local.Addr().WithZone("").String(), Port: local.Port()}
	}
	name := a.name
	if name.Port == 0 {
		name.Port = local.Port()
	}
	return name
}

func (a *advertised) isFor(f sip.Flow) bool {
	remote := f.Remote.Addr().Unmap()
	if !remote.IsValid() {
		return true
	}
	sameFamily := !a.addr.IsValid() || a.addr.Unmap().Is4() == remote.Is4()
	return sameFamily && !a.near.Near(f)
}
