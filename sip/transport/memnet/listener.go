package memnet

import (
	"net"
	"net/netip"
	"sync"
	"syscall"
)

// Listen opens a listener for streams at an IP address and port; port 0 takes
// a free one. The address must be free: else the error matches
// syscall.EADDRINUSE.
func (n *Network) Listen(addr string) (net.Listener, error) {
	ap, err := parseAddr(addr)
	if err != nil {
		return nil, &net.OpError{Op: "listen", Net: "tcp", Err: err}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case ap.Port() == 0:
		ap, err = n.ephemeral(ap.Addr(), n.streamTaken)
	case n.streamTaken(ap):
		err = syscall.EADDRINUSE
	}
	if err != nil {
		return nil, &net.OpError{Op: "listen", Net: "tcp", Source: net.TCPAddrFromAddrPort(ap), Err: err}
	}
	l := &listener{
		network: n,
		addr:    ap,
		queue:   make(chan *streamConn, backlog),
		done:    make(chan struct{}),
	}
	n.listeners[ap] = l
	return l, nil
}

type listener struct {
	network *Network
	addr    netip.AddrPort
	queue   chan *streamConn
	done    chan struct{}
	closing sync.Once
}

var _ net.Listener = (*listener)(nil)

// Accept implements net.Listener.
func (l *listener) Accept() (net.Conn, error) {
	select {
	case <-l.done:
		return nil, l.error("accept")
	default:
	}
	select {
	case c := <-l.queue:
		return c, nil
	case <-l.done:
		return nil, l.error("accept")
	}
}

// Close implements net.Listener. Connections that nobody accepted are closed.
func (l *listener) Close() error {
	err := l.error("close")
	l.closing.Do(func() {
		err = nil
		l.network.mu.Lock()
		delete(l.network.listeners, l.addr)
		close(l.done)
		l.network.mu.Unlock()
		for {
			select {
			case c := <-l.queue:
				_ = c.Close()
				continue
			default:
			}
			return
		}
	})
	return err
}

// Addr implements net.Listener.
func (l *listener) Addr() net.Addr { return net.TCPAddrFromAddrPort(l.addr) }

func (l *listener) error(op string) error {
	return &net.OpError{Op: op, Net: "tcp", Source: l.Addr(), Err: net.ErrClosed}
}
