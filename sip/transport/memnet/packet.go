package memnet

import (
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"
)

// ListenPacket opens a datagram socket at an IP address and port; port 0 takes
// a free one. The address must be free: else the error matches
// syscall.EADDRINUSE.
//
// Beside net.PacketConn's methods the socket has ReadFromUDPAddrPort and
// WriteToUDPAddrPort, as *net.UDPConn has them, which do not allocate.
func (n *Network) ListenPacket(addr string) (net.PacketConn, error) {
	ap, err := parseAddr(addr)
	if err != nil {
		return nil, &net.OpError{Op: "listen", Net: "udp", Err: err}
	}
	c, err := n.openPacket(ap, netip.AddrPort{})
	if err != nil {
		return nil, err // not c: a nil *packetConn is no nil interface
	}
	return c, nil
}

func (n *Network) openPacket(local, remote netip.AddrPort) (*packetConn, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	var err error
	switch {
	case local.Port() == 0:
		local, err = n.ephemeral(local.Addr(), n.packetTaken)
	case n.packetTaken(local):
		err = syscall.EADDRINUSE
	}
	if err != nil {
		return nil, &net.OpError{Op: "listen", Net: "udp", Source: net.UDPAddrFromAddrPort(local), Err: err}
	}
	c := &packetConn{network: n, local: local, remote: remote}
	c.cond.L = &c.mu
	n.packets[local] = c
	return c, nil
}

// packetConn is a datagram socket.
type packetConn struct {
	network *Network
	local   netip.AddrPort
	remote  netip.AddrPort // of a connected socket

	mu       sync.Mutex
	cond     sync.Cond
	queue    []packet // a ring of count packets from head on
	head     int
	count    int
	free     [][]byte // buffers that were read
	closed   bool
	deadline deadline
	links    map[netip.AddrPort]*link
}

type packet struct {
	data []byte
	from netip.AddrPort
}

var _ net.PacketConn = (*packetConn)(nil)

// arrive puts a datagram into the queue.
func (c *packetConn) arrive(data []byte, from netip.AddrPort) {
	if c.remote.IsValid() && c.remote != from {
		c.network.stats.noSocket.Add(1)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		c.network.stats.noSocket.Add(1)
		return
	}
	if c.count == c.network.cfg.queue {
		c.network.stats.overflow.Add(1)
		return
	}
	if c.count == len(c.queue) {
		c.grow()
	}
	var buf []byte
	if last := len(c.free) - 1; last >= 0 {
		buf, c.free = c.free[last][:0], c.free[:last]
	}
	c.queue[(c.head+c.count)%len(c.queue)] = packet{append(buf, data...), from}
	c.count++
	c.network.stats.delivered.Add(1)
	c.cond.Signal()
}

func (c *packetConn) grow() {
	ring := make([]packet, min(max(16, 2*len(c.queue)), c.network.cfg.queue))
	n := copy(ring, c.queue[c.head:])
	copy(ring[n:], c.queue[:c.head])
	c.queue, c.head = ring, 0
}

// ReadFromUDPAddrPort reads a datagram, cut off at the length of b.
func (c *packetConn) ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		switch {
		case c.closed:
			return 0, netip.AddrPort{}, c.error("read", c.remote, net.ErrClosed)
		case c.deadline.expired():
			return 0, netip.AddrPort{}, c.error("read", c.remote, os.ErrDeadlineExceeded)
		case c.count > 0:
			p := &c.queue[c.head]
			n, from := copy(b, p.data), p.from
			c.free = append(c.free, p.data)
			*p = packet{}
			c.head = (c.head + 1) % len(c.queue)
			c.count--
			return n, from, nil
		}
		c.cond.Wait()
	}
}

// ReadFrom implements net.PacketConn.
func (c *packetConn) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := c.ReadFromUDPAddrPort(b)
	if err != nil {
		return n, nil, err
	}
	return n, net.UDPAddrFromAddrPort(from), nil
}

// WriteToUDPAddrPort sends a datagram.
func (c *packetConn) WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error) {
	to = unmap(to)
	n := c.network
	if len(b) > maxDatagram {
		return 0, c.error("write", to, syscall.EMSGSIZE)
	}
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return 0, c.error("write", to, net.ErrClosed)
	}
	var delays [2]time.Duration
	copies := 1
	if !n.cfg.perfect() {
		delays, copies = c.link(to).fate()
	}
	c.mu.Unlock()

	n.stats.sent.Add(1)
	switch {
	case n.cfg.filter != nil && !n.cfg.filter(c.local, to, b), copies == 0:
		n.stats.lost.Add(1)
		return len(b), nil
	case n.cfg.mtu > 0 && len(b) > n.cfg.mtu:
		n.stats.tooLong.Add(1)
		return len(b), nil
	case copies == 2:
		n.stats.duplicated.Add(1)
	}
	for _, d := range delays[:copies] {
		n.carry(b, c.local, to, d)
	}
	return len(b), nil
}

// WriteTo implements net.PacketConn.
func (c *packetConn) WriteTo(b []byte, to net.Addr) (int, error) {
	udp, ok := to.(*net.UDPAddr)
	if !ok {
		return 0, &net.OpError{Op: "write", Net: "udp", Source: c.LocalAddr(), Addr: to, Err: syscall.EINVAL}
	}
	return c.WriteToUDPAddrPort(b, udp.AddrPort())
}

// link returns the link to an address; c.mu is locked.
func (c *packetConn) link(to netip.AddrPort) *link {
	l := c.links[to]
	if l == nil {
		if c.links == nil {
			c.links = make(map[netip.AddrPort]*link)
		}
		l = newLink(&c.network.cfg, "udp", c.local, to)
		c.links[to] = l
	}
	return l
}

// carry delivers a datagram after a while.
func (n *Network) carry(b []byte, from, to netip.AddrPort, after time.Duration) {
	if after > 0 {
		data := append([]byte(nil), b...)
		n.schedule.add(time.Now().Add(after), func() { n.carry(data, from, to, 0) })
		return
	}
	n.mu.RLock()
	c := n.packets[to]
	n.mu.RUnlock()
	if c == nil {
		n.stats.noSocket.Add(1)
		return
	}
	c.arrive(b, from)
}

// Close implements net.PacketConn.
func (c *packetConn) Close() error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return c.error("close", c.remote, net.ErrClosed)
	}
	c.closed = true
	c.queue, c.free, c.links, c.count = nil, nil, nil, 0
	c.deadline.stop()
	c.cond.Broadcast()
	c.mu.Unlock()

	c.network.mu.Lock()
	defer c.network.mu.Unlock()
	delete(c.network.packets, c.local)
	return nil
}

// LocalAddr implements net.PacketConn.
func (c *packetConn) LocalAddr() net.Addr { return net.UDPAddrFromAddrPort(c.local) }

// SetDeadline implements net.PacketConn.
func (c *packetConn) SetDeadline(t time.Time) error { return c.SetReadDeadline(t) }

// SetReadDeadline implements net.PacketConn.
func (c *packetConn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return c.error("set", c.remote, net.ErrClosed)
	}
	c.deadline.set(t, &c.cond)
	return nil
}

// SetWriteDeadline does nothing: a write never waits.
func (c *packetConn) SetWriteDeadline(time.Time) error { return nil }

func (c *packetConn) error(op string, to netip.AddrPort, err error) error {
	oe := &net.OpError{Op: op, Net: "udp", Source: c.LocalAddr(), Err: err}
	if to.IsValid() {
		oe.Addr = net.UDPAddrFromAddrPort(to)
	}
	return oe
}

// connectedConn is a datagram socket with one peer.
type connectedConn struct{ *packetConn }

var _ net.Conn = connectedConn{}

// Read implements net.Conn.
func (c connectedConn) Read(b []byte) (int, error) {
	n, _, err := c.ReadFromUDPAddrPort(b)
	return n, err
}

// Write implements net.Conn.
func (c connectedConn) Write(b []byte) (int, error) { return c.WriteToUDPAddrPort(b, c.remote) }

// RemoteAddr implements net.Conn.
func (c connectedConn) RemoteAddr() net.Addr { return net.UDPAddrFromAddrPort(c.remote) }
