package resolve

import (
	"cmp"
	"net/netip"
	"strings"

	"github.com/patchbay-sip/patchbay/sip"
)

// A target is what a URI says of where its request goes: TARGET of RFC 3263
// section 4, with the transport and the port.
type target struct {
	network string // "" where the URI leaves it open
	usual   string // the network then, unless DNS knows better
	secure  bool   // sips
	host    string // a name or an address, without brackets
	port    uint16 // 0 where there is none
	name    string // the host of the URI, for certificates (RFC 5922)
}

// targetOf reads a URI. ok is false for one of another scheme, or with a
// transport that cannot be had.
func targetOf(u sip.URI) (t target, ok bool) {
	if !u.IsSIP() {
		return target{}, false
	}
	t = target{secure: u.Scheme() == "sips", host: u.Host(), port: u.Port(), name: u.Host()}
	// Section 4: maddr is the target, if there is one.
	if maddr, ok := u.Param("maddr"); ok && maddr != "" {
		t.host = strings.TrimSuffix(strings.TrimPrefix(maddr, "["), "]")
	}
	transport, _ := u.Param("transport")
	t.network, ok = network(t.secure, transport)
	t.usual = "udp" // RFC 3263 section 4.1
	if t.secure {
		t.usual = "tls"
	}
	return t, ok
}

// network is what a transport parameter stands for. With sips it is TLS on that
// (RFC 3261 section 26.2.2).
func network(secure bool, transport string) (string, bool) {
	switch strings.ToLower(transport) {
	case "":
		return "", true
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

// direct is the target as a server of its own.
func (t target) direct() server {
	s := server{network: cmp.Or(t.network, t.usual), host: t.host, port: t.port}
	if s.port == 0 {
		s.port = defaultPort(s.network)
	}
	return s
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

// isSecure tells whether a sips request may use a network.
func isSecure(network string) bool { return network == "tls" || network == "wss" }

// A server is a host that takes requests for a target.
type server struct {
	network string
	host    string
	port    uint16
}

// hop is the server at one of its addresses.
func (s server) hop(t target, addr netip.Addr) sip.Hop {
	h := sip.Hop{Network: s.network, Addr: netip.AddrPortFrom(addr.Unmap(), s.port)}
	if isSecure(s.network) {
		h.ServerName = t.name
	}
	return h
}

// parseAddr parses an address. One with a zone, which means something on this
// host alone, is none.
func parseAddr(host string) (netip.Addr, bool) {
	if host == "" || strings.IndexByte(host, ':') < 0 && host[0]-'0' > 9 {
		return netip.Addr{}, false // without the error that ParseAddr makes
	}
	addr, err := netip.ParseAddr(host)
	if err != nil || addr.Zone() != "" {
		return netip.Addr{}, false
	}
	return addr.Unmap(), true
}
