package memnet

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"
)

// streamConn is one end of a stream. Like *net.TCPConn it has CloseWrite.
type streamConn struct {
	in, out       *pipe
	local, remote netip.AddrPort
	release       func() // gives the local port back, once
	closed        sync.Once
}

var _ net.Conn = (*streamConn)(nil)

// newStream makes the two ends of a connection.
func (n *Network) newStream(client, server netip.AddrPort) (*streamConn, *streamConn) {
	up := newPipe(n, newLink(&n.cfg, "tcp", client, server))
	down := newPipe(n, newLink(&n.cfg, "tcp", server, client))
	c := &streamConn{in: down, out: up, local: client, remote: server}
	s := &streamConn{in: up, out: down, local: server, remote: client}
	c.release = func() { n.freeStreamPort(client) }
	s.release = func() {}
	return c, s
}

func (n *Network) freeStreamPort(ap netip.AddrPort) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.dialed, ap)
}

// Read implements net.Conn.
func (c *streamConn) Read(b []byte) (int, error) {
	n, err := c.in.read(b)
	return n, c.error("read", err)
}

// Write implements net.Conn. It waits while 64 KiB are unread at the other end.
func (c *streamConn) Write(b []byte) (int, error) {
	n, err := c.out.write(b)
	return n, c.error("write", err)
}

// Close implements net.Conn. What was written before still arrives.
func (c *streamConn) Close() error {
	err := c.error("close", net.ErrClosed)
	c.closed.Do(func() {
		err = nil
		c.out.closeWriter()
		c.in.closeReader()
		c.release()
	})
	return err
}

// CloseWrite ends the stream in one direction: the peer reads io.EOF.
func (c *streamConn) CloseWrite() error {
	c.out.closeWriter()
	return nil
}

// LocalAddr implements net.Conn.
func (c *streamConn) LocalAddr() net.Addr { return net.TCPAddrFromAddrPort(c.local) }

// RemoteAddr implements net.Conn.
func (c *streamConn) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(c.remote) }

// SetDeadline implements net.Conn.
func (c *streamConn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// SetReadDeadline implements net.Conn.
func (c *streamConn) SetReadDeadline(t time.Time) error {
	return c.error("set", c.in.setReadDeadline(t))
}

// SetWriteDeadline implements net.Conn.
func (c *streamConn) SetWriteDeadline(t time.Time) error {
	return c.error("set", c.out.setWriteDeadline(t))
}

func (c *streamConn) error(op string, err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return err
	}
	return &net.OpError{Op: op, Net: "tcp", Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: err}
}
