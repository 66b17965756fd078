package transport

import (
	"net/netip"
	"strings"

	"github.com/patchbay-sip/patchbay/sip"
)

// OnlyByFlow tells whether a party that gave contact in a message on f is reached
// over f alone, since nothing can be sent to the address that it gave:
//
//   - the host is one that nobody can look up, below invalid (RFC 7118 appendix B.1);
//   - it came by WebSocket and is reached by WebSocket, where clients never listen;
//   - the host is an address of a narrower kind than that which the message came
//     from, as a private one is behind a NAT;
//   - the host is an address, and the party is reached by TLS, as it came: phones
//     have no certificate that would let anybody call them back;
//   - or it asks for it by the parameter ob (RFC 5626 section 4.3).
//
// Any other is reached where the contact says, as RFC 3261 section 12.2.1.1 has it.
func OnlyByFlow(contact sip.URI, f sip.Flow) bool {
	if f.IsZero() || !contact.IsSIP() {
		return false
	}
	if contact.Params().Has("ob") || isUnknowable(contact.Host()) {
		return true
	}
	network, _ := contact.Param("transport")
	network = strings.ToLower(network)
	host, err := netip.ParseAddr(contact.Host())
	switch {
	case isWebSocket(f.Network) && isWebSocket(network):
		return true
	case err != nil:
		return false
	case f.Network == "tls" && (network == "tls" || contact.Scheme() == "sips"):
		return true
	}
	return reachOf(host) < reachOf(f.Remote.Addr())
}

func isWebSocket(network string) bool { return network == "ws" || network == "wss" }

// isUnknowable tells of a name that never has an address (RFC 6761 section 6.4).
func isUnknowable(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return host == "invalid" || strings.HasSuffix(host, ".invalid")
}

// reachOf orders addresses by how far they are known.
func reachOf(a netip.Addr) int {
	a = a.Unmap()
	switch {
	case a.IsUnspecified():
		return 0
	case a.IsLoopback():
		return 1
	case a.IsLinkLocalUnicast():
		return 2
	case a.IsPrivate():
		return 3
	case a.Is4() && a.As4()[0] == 100 && a.As4()[1]&0xc0 == 64: // a provider's NAT (RFC 6598)
		return 4
	}
	return 5
}
