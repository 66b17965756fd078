package transport

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"syscall"

	"github.com/patchbay-sip/patchbay/sip"
)

// UDP is the UDP transport (RFC 3261 section 18).
type UDP struct {
	cfg     config
	life    lifecycle
	count   counters
	conn    net.PacketConn
	socket  udpSocket
	local   netip.AddrPort // as the socket is bound: perhaps to all addresses
	dual    bool           // bound to [::], it takes IPv4 as well
	routes  routes
	buffers sync.Pool // of *buffer
}

var _ Transport = (*UDP)(nil)

// The longest payloads of a datagram, without jumbograms (RFC 2675).
const (
	maxPayload4 = 65535 - 20 - 8
	maxPayload6 = 65535 - 8
)

// NewUDP makes a transport of an open socket, which Close closes. It starts
// nothing: Serve reads.
//
// On Linux, a *net.UDPConn that is bound to the unspecified address tells the
// local address of each packet (IP_PKTINFO), and answers leave from there.
// memnet's sockets and any other net.PacketConn with numeric addresses work as
// well; bind them to an address of their own.
func NewUDP(conn net.PacketConn, opts ...Option) *UDP {
	u := &UDP{
		cfg:   newConfig(opts),
		life:  newLifecycle(),
		conn:  conn,
		local: addrPort(conn.LocalAddr()),
	}
	if c, ok := conn.(*net.UDPConn); ok && u.local.Addr() == netip.IPv6Unspecified() {
		u.dual = takesIPv4(c)
	}
	u.buffers.New = func() any { return new(buffer) }
	if c, ok := conn.(interface {
		SetReadBuffer(bytes int) error
		SetWriteBuffer(bytes int) error
	}); ok {
		if err := errors.Join(c.SetReadBuffer(u.cfg.recvBytes), c.SetWriteBuffer(u.cfg.sendBytes)); err != nil {
			u.cfg.logger.Warn("socket buffers not set", "err", err)
		}
	}
	var err error
	if u.socket, err = newUDPSocket(conn, u.local); err != nil {
		u.cfg.logger.Warn("local addresses of packets are not known", "local", u.local, "err", err)
		u.socket = packetSocket{conn}
	}
	return u
}

// ListenUDP opens a socket and makes a transport of it. addr is "0.0.0.0:5060"
// for every IPv4 address of this host, "[::]:5060" for every IPv6 address,
// ":5060" for both, or names one address.
func ListenUDP(addr string, opts ...Option) (*UDP, error) {
	var lc net.ListenConfig
	conn, err := lc.ListenPacket(context.Background(), family("udp", addr), addr)
	if err != nil {
		return nil, err
	}
	return NewUDP(conn, opts...), nil
}

// Network implements Transport.
func (u *UDP) Network() string { return "udp" }

// Addrs implements Transport.
func (u *UDP) Addrs() []netip.AddrPort { return []netip.AddrPort{u.local} }

// Stats returns the counters.
func (u *UDP) Stats() Stats { return u.count.stats() }

// Serve implements Transport. It reads on the caller's goroutine and may be
// called once.
func (u *UDP) Serve(sink Sink) error {
	if err := u.life.serve(); err != nil {
		return err
	}
	defer u.life.wg.Done()
	batch := []datagram{{buf: make([]byte, maxPayload)}}
	var p pause
	for {
		n, err := u.socket.read(batch)
		if err == nil {
			p.reset()
			for i := range batch[:n] {
				u.receive(sink, &batch[i])
			}
			continue
		}
		if u.life.isClosed() {
			return ErrClosed
		}
		if errors.Is(err, net.ErrClosed) {
			return err // by someone else
		}
		// ICMP errors and the like: nothing that ends the service.
		u.count.readErrors.Add(1)
		level := slog.LevelDebug
		if p.d == maxPause {
			level = slog.LevelWarn
		}
		u.cfg.logger.Log(context.Background(), level, "udp read", "local", u.local, "err", err)
		if !p.wait(u.life.done) {
			return ErrClosed
		}
	}
}

// receive hands on what one datagram holds.
func (u *UDP) receive(sink Sink, d *datagram) {
	flow := sip.Flow{Network: "udp", Local: u.local, Remote: unmap(d.remote)}
	if d.local.IsValid() {
		flow.Local = netip.AddrPortFrom(d.local, u.local.Port())
	}
	packet := d.buf[:d.n]
	switch {
	case isKeepAlive(packet):
		u.count.keepAlives.Add(1)
		return
	case isSTUN(packet):
		u.count.stun.Add(1)
		u.answerSTUN(flow, packet)
		return
	}
	deliver(sink, &u.cfg, &u.count, u.known(flow), packet, nil)
}

// known returns f with the local address that the kernel would choose in the
// place of the unspecified one, as far as it can be found out.
func (u *UDP) known(f sip.Flow) sip.Flow {
	if _, ok := u.conn.(*net.UDPConn); !ok || !f.Local.Addr().IsUnspecified() {
		return f
	}
	if source, err := u.routes.source(f.Remote); err == nil {
		f.Local = netip.AddrPortFrom(source, u.local.Port())
	}
	return f
}

func (u *UDP) answerSTUN(f sip.Flow, packet []byte) {
	if u.cfg.stun == nil {
		return
	}
	answer := u.cfg.stun(packet, f.Remote)
	if len(answer) == 0 {
		return
	}
	if err := u.socket.write(answer, f.Local.Addr(), f.Remote); err != nil {
		u.count.sendErrors.Add(1)
	}
}

// Connect implements Transport. It sends nothing: the flow names the local
// address that packets to the hop will have.
func (u *UDP) Connect(_ context.Context, hop sip.Hop) (sip.Flow, error) {
	f := sip.Flow{Network: "udp", Local: u.local, Remote: unmap(hop.Addr)}
	switch {
	case u.life.isClosed():
		return sip.Flow{}, ErrClosed
	case hop.Network != "udp" || !hop.Addr.IsValid() || hop.Addr.Port() == 0:
		return sip.Flow{}, fmt.Errorf("transport: udp cannot reach %s %s", hop.Network, hop.Addr)
	case !u.reaches(f.Remote.Addr()):
		return sip.Flow{}, fmt.Errorf("transport: udp %s to %s: %w", u.local, hop.Addr, syscall.EAFNOSUPPORT)
	}
	return u.known(f), nil
}

// reaches tells whether the socket is of the right family.
func (u *UDP) reaches(a netip.Addr) bool {
	local := u.local.Addr()
	return a.Is4() == local.Is4() || a.Is4() && u.dual
}

// Send implements Transport. A flow is one of this transport if its local
// address is the socket's, or names none.
func (u *UDP) Send(f sip.Flow, m sip.Message) error {
	buf := u.buffers.Get().(*buffer)
	defer u.buffers.Put(buf)
	buf.b = m.Append(buf.b[:0])
	if err := u.write(f, buf.b); err != nil {
		return err
	}
	u.count.sent.Add(1)
	return nil
}

func (u *UDP) write(f sip.Flow, data []byte) error {
	switch {
	case u.life.isClosed():
		return ErrClosed
	case !u.owns(f):
		u.count.flowGone.Add(1)
		return ErrFlowGone
	case f.Remote.Addr().Is4() && len(data) > maxPayload4, len(data) > maxPayload6:
		u.count.tooLarge.Add(1)
		return ErrTooLarge
	}
	err := u.socket.write(data, f.Local.Addr(), f.Remote)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.EMSGSIZE):
		u.count.tooLarge.Add(1)
		return ErrTooLarge
	case errors.Is(err, net.ErrClosed):
		return ErrClosed
	}
	u.count.sendErrors.Add(1)
	return err
}

// owns tells whether f is a flow of this socket.
func (u *UDP) owns(f sip.Flow) bool {
	if f.Network != "udp" || f.ID != 0 || !f.Remote.IsValid() {
		return false
	}
	local := f.Local.Addr()
	return !local.IsValid() || f.Local == u.local ||
		f.Local.Port() == u.local.Port() && u.local.Addr().IsUnspecified() && u.reaches(local)
}

// SentBy implements Transport.
func (u *UDP) SentBy(f sip.Flow) sip.HostPort {
	addr := f.Local.Addr()
	if !addr.IsValid() {
		addr = u.local.Addr()
	}
	return sip.HostPort{Host: addr.WithZone("").String(), Port: u.local.Port()}
}

// Peer implements Transport.
func (u *UDP) Peer(f sip.Flow) (Peer, bool) {
	if u.life.isClosed() || !u.owns(f) {
		return Peer{}, false
	}
	return Peer{Flow: f}, true
}

// Ping implements Transport: it keeps the bindings of NATs on the way alive,
// and no answer comes.
func (u *UDP) Ping(f sip.Flow) error { return u.write(f, []byte("\r\n")) }

// Close implements Transport.
func (u *UDP) Close() error {
	if u.life.close() {
		_ = u.conn.Close()
	}
	u.life.wg.Wait()
	return nil
}

// isKeepAlive tells whether a datagram has no content: peers send CRLF, a NUL
// octet or nothing at all to keep the bindings of NATs alive.
func isKeepAlive(packet []byte) bool {
	for _, c := range packet {
		if c != '\r' && c != '\n' && c != 0 {
			return false
		}
	}
	return true
}

// isSTUN tells STUN from SIP: two zero bits in front and the magic cookie (RFC
// 8489 section 5).
func isSTUN(packet []byte) bool {
	return len(packet) >= 20 && packet[0] < 0x40 && [4]byte(packet[4:8]) == [4]byte{0x21, 0x12, 0xa4, 0x42}
}
