package resolve

import (
	"net/netip"
	"strings"

	"github.com/patchbay-sip/patchbay/sip"
)

// A target is what RFC 3263 section 4 calls TARGET, with the transport and the
// port that were chosen for it.
type target struct {
	network string
	host    string // a name or an address, without brackets
	port    uint16
	name    string // the host of the URI, for certificates (RFC 5922)
}

// targetOf chooses transport (RFC 3263 section 4.1) and port (section 4.2) of a
// URI for which there is no NAPTR or SRV record. ok is false for a URI of
// another scheme, or with a transport that cannot be had.
func targetOf(u sip.URI) (t target, ok bool) {
	if !u.IsSIP() {
		return target{}, false
	}
	t = target{host: u.Host(), port: u.Port(), name: u.Host()}
	// Section 4: maddr is the target, if there is one.
	if maddr, ok := u.Param("maddr"); ok && maddr != "" {
		t.host = strings.TrimSuffix(strings.TrimPrefix(maddr, "["), "]")
	}
	transport, _ := u.Param("transport")
	if t.network, ok = network(u.Scheme() == "sips", transport); !ok {
		return target{}, false
	}
	if t.port == 0 {
		t.port = defaultPort(t.network)
	}
	return t, true
}

// network chooses the transport. Without a parameter it is UDP; a sips URI
// wants TLS on what the parameter says (RFC 3261 section 26.2.2).
func network(secure bool, transport string) (string, bool) {
	switch strings.ToLower(transport) {
	case "":
		if secure {
			return "tls", true
		}
		return "udp", true
	case "udp":
		return "udp", !secure
	case "tcp":
		if secure {
			return "tls", true
		}
		return "tcp", true
	case "tls": // deprecated, but in use
		return "tls", true
	case "ws":
		if secure {
			return "wss", true
		}
		return "ws", true
	case "wss":
		return "wss", true
	}
	return "", false
}

// defaultPort is the port of a URI that names none (RFC 3261 section 19.1.2, RFC
// 7118 section 5.1).
func defaultPort(network string) uint16 {
	switch network {
	case "tls":
		return 5061
	case "ws":
		return 80
	case "wss":
		return 443
	}
	return 5060
}

// hop is the target at one address.
func (t target) hop(addr netip.Addr) sip.Hop {
	h := sip.Hop{Network: t.network, Addr: netip.AddrPortFrom(addr.Unmap(), t.port)}
	if t.network == "tls" || t.network == "wss" {
		h.ServerName = t.name
	}
	return h
}

// parseAddr parses an address. One with a zone, which means something on this
// host alone, is none.
func parseAddr(host string) (netip.Addr, bool) {
	addr, err := netip.ParseAddr(host)
	if err != nil || addr.Zone() != "" {
		return netip.Addr{}, false
	}
	return addr.Unmap(), true
}
