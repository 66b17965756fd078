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

// String returns "udp 192.0.2.1:5060 <- 192.0.2.9:5062".
func (f Flow) String() string {
	return f.Network + " " + f.Local.String() + " <- " + f.Remote.String()
}

// A Target is somewhere a request can be sent: what a registrar gives and a
// proxy forks to.
type Target struct {
	// URI becomes the Request-URI.
	URI URI
	// Route is pushed onto the request's Route, first value on top.
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
