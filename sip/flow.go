package sip

import "net/netip"

// A Flow names the path that a message came on: a value, not a connection.
// The zero Flow is none. IDs start at random in each process, so that a stored
// stream flow is dead after a restart.
type Flow struct {
	// Network is "udp", "tcp", "tls", "ws" or "wss".
	Network string
	// Local is the address that the message was sent to.
	Local netip.AddrPort
	// Remote is where it came from, and where answers go.
	Remote netip.AddrPort
	// ID tells one connection from the next between the same two addresses; 0
	// for datagrams.
	ID uint64
}

// IsZero tells whether f names no flow.
func (f Flow) IsZero() bool { return f == Flow{} }

// Reliable tells whether the network delivers by itself what is sent on it, so
// that nothing is retransmitted: all but udp.
func (f Flow) Reliable() bool { return f.Network != "udp" }

// IsSecure tells whether the network is one that a sips request may take: TLS, or
// WebSocket over TLS (RFC 3261 section 26.2.2, RFC 7118 section 5.2.2).
func (f Flow) IsSecure() bool { return f.Network == "tls" || f.Network == "wss" }

// TransportParam is the transport parameter of a URI, a sips one if secure is true,
// that leads to an end of f by f's network; "" stands for none. WebSockets over
// TLS have that of WebSockets (RFC 7118 section 5.2.2), and in a sips URI there is
// no tls, since it says so already (RFC 3261 section 26.2.2).
func (f Flow) TransportParam(secure bool) string {
	switch {
	case f.Network == "udp", f.Network == "tls" && secure:
		return ""
	case f.Network == "wss":
		return "ws"
	}
	return f.Network
}

// String returns "udp 192.0.2.1:5060 <- 192.0.2.9:5062".
func (f Flow) String() string {
	return f.Network + " " + f.Local.String() + " <- " + f.Remote.String()
}

// A Target is somewhere a request can be sent: what a registrar gives and a
// proxy forks to.
type Target struct {
	// URI becomes the Request-URI; the zero URI leaves that as it is.
	URI URI
	// Route is pushed onto the request's Route, first value on top. An outbound
	// proxy is one value, with the parameter lr: "sip:192.0.2.7;lr". One without
	// lr is taken for a strict router (RFC 3261 section 16.6 item 6).
	Route []Address
	// Q orders targets; 0 is the least wanted.
	Q Q
	// Flow, unless zero, is used instead of an address found from Route or URI.
	Flow Flow
}

// A Hop is one address to try for a request: what RFC 3263 makes of a URI.
type Hop struct {
	// Network is "udp", "tcp", "tls", "ws" or "wss".
	Network string
	Addr    netip.AddrPort
	// ServerName is the name that a TLS certificate must bear (RFC 5922): the
	// host of the URI, not of the SRV record it led to.
	ServerName string
}
