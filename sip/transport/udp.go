package transport

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"syscall"

	"github.com/patchbay-sip/patchbay/internal/udpio"
	"github.com/patchbay-sip/patchbay/sip"
)

// UDP is the UDP transport (RFC 3261 section 18).
type UDP struct {
	cfg      config
	life     lifecycle
	count    counters
	conns    []*udpio.Conn  // sockets on one address; none if unusable says why
	local    netip.AddrPort // as the sockets are bound: perhaps to all addresses
	dual     bool           // bound to [::], it takes IPv4 as well
	ours     bool           // the sockets are the operating system's, not memnet's
	foreign  net.PacketConn // what NewUDP was given
	unusable error          // why nothing can be read or sent
	sink     Sink           // set by Serve
	gate     *gate
	seed     maphash.Seed
	routes   routes
	near     Neighbourhood
	buffers  sync.Pool // of *buffer
}

var _ Transport = (*UDP)(nil)

// The longest payloads of a datagram, without jumbograms (RFC 2675).
const (
	maxPayload4 = 65535 - 20 - 8
	maxPayload6 = 65535 - 8
)

// NewUDP makes a transport of an open, unconnected socket, which Close closes.
// It starts nothing: Serve reads. If the socket cannot be used, Serve, Connect
// and Send say why.
//
// On Linux a *net.UDPConn is read in batches, and if it is bound to the
// unspecified address it tells the local address of each packet (IP_PKTINFO),
// and answers leave from there. A socket of [ListenUDP] costs less under load.
// memnet's sockets and any other net.PacketConn with numeric addresses work as
// well; bind them to an address of their own. [WithSockets] does nothing here.
func NewUDP(conn net.PacketConn, opts ...Option) *UDP {
	u := newUDP(opts)
	u.foreign = conn
	o := u.options()
	c, err := udpio.New(conn, o)
	if err != nil {
		// Buffers of a size that is refused are no reason to give up.
		u.cfg.logger.Warn("socket options not set", "err", err)
		o.ReadBuffer, o.WriteBuffer = 0, 0
		c, err = udpio.New(conn, o)
	}
	if err != nil {
		u.unusable = fmt.Errorf("transport: socket cannot be used: %w", err)
		return u
	}
	_, isOurs := conn.(*net.UDPConn)
	u.use([]*udpio.Conn{c}, isOurs)
	if c, ok := conn.(*net.UDPConn); ok && u.local.Addr() == netip.IPv6Unspecified() {
		u.dual = takesIPv4(c)
	}
	return u
}

// ListenUDP opens sockets (see [WithSockets]) and makes a transport of them.
// addr is "0.0.0.0:5060" for every IPv4 address of this host, "[::]:5060" for
// every IPv6 address, ":5060" for both, or names one address.
//
// A server that others find by itself listens on the same address by TCP, too, for
// requests that are too long for UDP (RFC 3261 section 18.2.1).
func ListenUDP(addr string, opts ...Option) (*UDP, error) {
	u := newUDP(opts)
	network := family("udp", addr)
	conns, err := udpio.Listen(context.Background(), network, addr, u.options())
	if err != nil {
		return nil, err
	}
	u.use(conns, true)
	u.dual = network == "udp" && u.local.Addr() == netip.IPv6Unspecified()
	return u, nil
}

func newUDP(opts []Option) *UDP {
	u := &UDP{cfg: newConfig(opts), life: newLifecycle(), seed: maphash.MakeSeed()}
	u.gate = newGate(u.cfg.sources)
	u.buffers.New = func() any { return new(buffer) }
	return u
}

func (u *UDP) options() udpio.Options {
	return udpio.Options{
		Sockets:     u.cfg.sockets,
		ReadBuffer:  u.cfg.recvBytes,
		WriteBuffer: u.cfg.sendBytes,
		Unreachable: u.unreachable,
	}
}

func (u *UDP) use(conns []*udpio.Conn, ours bool) {
	u.conns, u.ours, u.local = conns, ours, conns[0].LocalAddr()
}

// Network implements Transport.
func (u *UDP) Network() string { return "udp" }

// Addrs implements Transport.
func (u *UDP) Addrs() []netip.AddrPort { return []netip.AddrPort{u.local} }

// Stats returns the counters.
func (u *UDP) Stats() Stats {
	s := u.count.stats()
	for _, c := range u.conns {
		s.Dropped.Overflow += c.Stats().Overflow
	}
	return s
}

// Serve implements Transport. It reads one socket on the caller's goroutine,
// and each further one on a goroutine of its own. It may be called once.
func (u *UDP) Serve(sink Sink) error {
	if err := u.life.serve(); err != nil {
		return err
	}
	defer u.life.wg.Done()
	if u.unusable != nil {
		return u.unusable
	}
	u.sink = sink
	var others sync.WaitGroup
	defer others.Wait()
	for _, c := range u.conns[1:] {
		others.Go(func() { _ = u.read(c) }) // it ends by Close alone, as the first one does
	}
	return u.read(u.conns[0])
}

// read hands on what comes on one socket until that is closed.
func (u *UDP) read(c *udpio.Conn) error {
	var p pause
	for {
		packets, err := c.Read()
		if err == nil {
			p.reset()
			for i := range packets {
				u.receive(&packets[i])
			}
			continue
		}
		if u.life.isClosed() {
			return ErrClosed
		}
		if errors.Is(err, net.ErrClosed) {
			return err // by someone else
		}
		// Want of memory and the like: nothing that ends the service.
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
func (u *UDP) receive(p *udpio.Packet) {
	if !u.gate.takes(p.Peer.Addr(), p.Data, &u.count) {
		return
	}
	flow := sip.Flow{Network: "udp", Local: p.Local, Remote: p.Peer}
	switch {
	case isKeepAlive(p.Data):
		u.count.keepAlives.Add(1)
		return
	case isSTUN(p.Data):
		u.count.stun.Add(1)
		u.answerSTUN(flow, p.Data)
		return
	}
	deliver(u.sink, &u.cfg, &u.count, u.known(flow), p.Data, nil)
}

// unreachable tells of an ICMP error (RFC 3261 section 18.4), on the reader's
// goroutine. The route is not looked up for it: anyone can forge such a
// message, about any peer.
func (u *UDP) unreachable(peer netip.AddrPort, err error) {
	u.count.unreachable.Add(1)
	u.sink.FlowFailed(sip.Flow{Network: "udp", Local: u.local, Remote: peer}, err)
}

// known returns f with the local address that the kernel would choose in the
// place of the unspecified one, as far as it can be found out.
func (u *UDP) known(f sip.Flow) sip.Flow {
	if !u.ours || !f.Local.Addr().IsUnspecified() {
		return f
	}
	if source, err := u.routes.source(f.Remote); err == nil {
		f.Local = netip.AddrPortFrom(source, u.local.Port())
	}
	return f
}

// named is known for a flow that may name no local address at all.
func (u *UDP) named(f sip.Flow) sip.Flow {
	if !f.Local.IsValid() {
		f.Local = u.local
	}
	return u.known(f)
}

func (u *UDP) answerSTUN(f sip.Flow, packet []byte) {
	if u.cfg.stun == nil {
		return
	}
	answer := u.cfg.stun(packet, f.Remote)
	if len(answer) == 0 {
		return
	}
	_ = u.write(f, answer, nil) // counted
}

// Connect implements Transport. It sends nothing: the flow names the local
// address that packets to the hop will have.
func (u *UDP) Connect(_ context.Context, hop sip.Hop) (sip.Flow, error) {
	f := sip.Flow{Network: "udp", Local: u.local, Remote: unmap(hop.Addr)}
	switch {
	case u.life.isClosed():
		return sip.Flow{}, ErrClosed
	case u.unusable != nil:
		return sip.Flow{}, u.unusable
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
	if err := u.write(f, buf.b, u.cfg.tap); err != nil {
		return err
	}
	u.count.sent.Add(1)
	return nil
}

// write sends a packet, and shows it to tap unless that is nil.
func (u *UDP) write(f sip.Flow, data []byte, tap *Tap) error {
	switch {
	case u.life.isClosed():
		return ErrClosed
	case u.unusable != nil:
		return u.unusable
	case !u.owns(f):
		u.count.flowGone.Add(1)
		return ErrFlowGone
	case f.Remote.Addr().Is4() && len(data) > maxPayload4, len(data) > maxPayload6:
		u.count.tooLarge.Add(1)
		return ErrTooLarge
	}
	if tap != nil { // before it is sent, so that no answer is shown before
		tap.sent(u.named(f), data)
	}
	err := u.socket(f.Remote).Send(udpio.Packet{Data: data, Peer: f.Remote, Local: f.Local})
	switch {
	case err == nil:
		return nil
	case errors.Is(err, udpio.ErrFull), errors.Is(err, syscall.ENOBUFS):
		u.count.queueFull.Add(1)
		return ErrQueueFull
	case errors.Is(err, syscall.EMSGSIZE):
		u.count.tooLarge.Add(1)
		return ErrTooLarge
	case errors.Is(err, net.ErrClosed):
		return ErrClosed
	}
	u.count.sendErrors.Add(1)
	return fmt.Errorf("transport: udp %s to %s: %w", f.Local, f.Remote, err)
}

// socket returns what to send to a peer by. All have the same address; one peer
// has always the same one, so that messages to it keep their order.
func (u *UDP) socket(peer netip.AddrPort) *udpio.Conn {
	if len(u.conns) == 1 {
		return u.conns[0]
	}
	return u.conns[maphash.Comparable(u.seed, peer)%uint64(len(u.conns))]
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
	return u.cfg.sentBy(f, netip.AddrPortFrom(addr, u.local.Port()))
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
func (u *UDP) Ping(f sip.Flow) error { return u.write(f, []byte("\r\n"), nil) }

// Close implements Transport.
func (u *UDP) Close() error {
	if u.life.close() {
		for _, c := range u.conns {
			_ = c.Close()
		}
		if u.unusable != nil {
			_ = u.foreign.Close()
		}
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
