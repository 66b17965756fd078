package transport

import (
	"context"
	"net"
)

// TCP is the TCP transport (RFC 3261 section 18).
type TCP struct{ streams }

var _ Transport = (*TCP)(nil)

// NewTCP makes a transport of an open listener, which Close closes. It starts
// nothing: Serve accepts. With a nil listener it only dials, as a mere client
// does.
func NewTCP(l net.Listener, opts ...Option) *TCP {
	t := &TCP{}
	t.init("tcp", l, opts)
	return t
}

// ListenTCP opens a listener and makes a transport of it. addr is as for
// ListenUDP.
func ListenTCP(addr string, opts ...Option) (*TCP, error) {
	l, err := listenStream(addr)
	if err != nil {
		return nil, err
	}
	return NewTCP(l, opts...), nil
}

func listenStream(addr string) (net.Listener, error) {
	var lc net.ListenConfig
	return lc.Listen(context.Background(), family("tcp", addr), addr)
}
