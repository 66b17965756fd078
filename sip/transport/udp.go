package transport

import "net"

// UDP is the UDP transport (RFC 3261 section 18).
type UDP struct{}

// NewUDP makes a transport of an open socket. It starts nothing: Serve reads.
// A *net.UDPConn bound to the unspecified address tells the local address of
// each packet (IP_PKTINFO); memnet and other PacketConns work as well.
func NewUDP(conn net.PacketConn, opts ...Option) *UDP { panic("stub") }

// ListenUDP opens a socket, "0.0.0.0:5060" for instance, and makes a
// transport of it.
func ListenUDP(addr string, opts ...Option) (*UDP, error) { panic("stub") }

// TCP is the TCP transport (RFC 3261 section 18).
type TCP struct{}

// NewTCP makes a transport of an open listener. It starts nothing.
func NewTCP(l net.Listener, opts ...Option) *TCP { panic("stub") }

// ListenTCP opens a listener, "0.0.0.0:5060" for instance, and makes a
// transport of it.
func ListenTCP(addr string, opts ...Option) (*TCP, error) { panic("stub") }

// An Option sets something about a transport.
type Option func(*config)
type config struct{}
