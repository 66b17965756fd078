package udpio

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
)

// A Packet is one datagram, as Read gives it or for Write to send. What Read
// gave can be handed to Write as it is: it goes back to its sender, from the
// address that it was sent to.
type Packet struct {
	// Data is the payload. After Read it is valid until the next Read.
	Data []byte
	// Peer is the other end: the source after Read, the destination for Write.
	// An IPv4 address is never in its IPv6-mapped form after Read; Write takes
	// both. On Linux the zone of a link-local address is the number of the
	// interface in digits; Write takes names as well, which cost a lookup.
	Peer netip.AddrPort
	// Local is this end: after Read the address that the packet was sent to.
	// Write sends from it when the socket is bound to the unspecified address;
	// without it, or if it is unspecified itself, the kernel chooses. Its port
	// is ignored.
	Local netip.AddrPort
	// Err is set by Write and TryWrite, for each packet that they are done
	// with: nil, or why this one was not sent. It wraps a syscall.Errno.
	Err error
}

// Options say how to open and to use sockets. The zero value is fine.
type Options struct {
	// Sockets is how many sockets Listen opens on the address. The kernel
	// spreads peers over them by a hash of the addresses (SO_REUSEPORT), so
	// that each can be read on a core of its own. Default 1; always 1 on
	// systems other than Linux.
	Sockets int
	// ReadBuffer and WriteBuffer are the sizes of the kernel's buffers for a
	// socket, in bytes; the kernel has upper bounds (net.core.rmem_max and
	// wmem_max on Linux) and does not say so. Default: the system's.
	ReadBuffer, WriteBuffer int
	// Batch is how many packets one system call moves at most, and so the most
	// that Read gives, 1 to 1024; default 32.
	Batch int
	// MaxSize is the largest payload that Read gives, in bytes; what is longer
	// is dropped and counted. Default 65,535. The first Read makes Batch buffers
	// of this size; they take up memory only as far as packets reached into
	// them, 200 KiB with the defaults and SIP's usual sizes, 2 MiB at most.
	MaxSize int
	// Segment lets Write hand runs of packets of one size to one peer to the
	// kernel in one piece.
	Segment bool
	// Unreachable is told of peers that an ICMP error came back about, and the
	// error as a syscall.Errno: ECONNREFUSED, EHOSTUNREACH, ENETUNREACH and
	// rarer ones; time exceeded is none. It is called by Read, on the reader's goroutine and under no
	// lock; it should return at once. ICMP is easily forged: take it as a hint.
	Unreachable func(peer netip.AddrPort, err error)
}

const (
	defaultBatch   = 32
	maxBatch       = 1024 // the kernel's own limit, UIO_MAXIOV
	defaultMaxSize = 65535
)

// ErrFull is the error of a send buffer that is full; the packet was not sent.
var ErrFull = errors.New("udpio: send buffer is full")

// Stats counts the packets that arrived and that Read did not give.
type Stats struct {
	// Overflow counts those that the kernel dropped, nearly always because the
	// receive buffer was full. Linux 4.12 and later; 0 elsewhere.
	Overflow uint64
	// Oversize counts those that were longer than Options.MaxSize.
	Oversize uint64
}

// A Conn is a UDP socket that is read and written in batches.
type Conn struct {
	path   path
	socket io.Closer
	local  netip.AddrPort
}

// A path is one way to move packets.
type path interface {
	read() ([]Packet, error)
	write(ps []Packet, wait bool) (int, error)
	send(p Packet) error
	stats() Stats
}

// New makes a Conn of an open, unconnected socket, which it then owns. Batches
// need a *net.UDPConn; whatever else satisfies net.PacketConn with addresses
// of the form ip:port moves one packet at a time. Options.Sockets is ignored.
func New(pc net.PacketConn, o Options) (*Conn, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	local, err := addrPort(pc.LocalAddr())
	if err != nil {
		return nil, err
	}
	if err := setBuffers(pc, o); err != nil {
		return nil, err
	}
	c := &Conn{socket: pc, local: local}
	if udp, ok := pc.(*net.UDPConn); ok {
		if udp.RemoteAddr() != nil {
			return nil, errors.New("udpio: the socket is connected")
		}
		c.path, err = newBatchPath(udp, local, o)
		if err != nil {
			return nil, err
		}
	}
	if c.path == nil {
		c.path = newPortablePath(pc, local, o)
	}
	return c, nil
}

func (o *Options) complete() error {
	if o.Batch == 0 {
		o.Batch = defaultBatch
	}
	if o.MaxSize == 0 {
		o.MaxSize = defaultMaxSize
	}
	if o.Batch < 1 || o.Batch > maxBatch || o.MaxSize < 1 || o.MaxSize > defaultMaxSize || o.Sockets < 0 {
		return fmt.Errorf("udpio: options out of range: %d sockets, batches of %d, %d bytes", o.Sockets, o.Batch, o.MaxSize)
	}
	return nil
}

func setBuffers(pc net.PacketConn, o Options) error {
	buffers, ok := pc.(interface {
		SetReadBuffer(bytes int) error
		SetWriteBuffer(bytes int) error
	})
	if !ok {
		return nil
	}
	if o.ReadBuffer > 0 {
		if err := buffers.SetReadBuffer(o.ReadBuffer); err != nil {
			return err
		}
	}
	if o.WriteBuffer > 0 {
		return buffers.SetWriteBuffer(o.WriteBuffer)
	}
	return nil
}

// LocalAddr is the address that the socket is bound to; the unspecified
// address stands for each one of this host.
func (c *Conn) LocalAddr() netip.AddrPort { return c.local }

// Read waits for packets and gives those that are there, at least one. They
// and their data are valid until the next Read. An error means that no more
// can be read; it matches net.ErrClosed after Close, or os.ErrDeadlineExceeded
// if somebody set a deadline on the socket.
func (c *Conn) Read() ([]Packet, error) { return c.path.read() }

// Write sends the packets in order and waits while the send buffer is full. A
// packet that cannot be sent has its Err set and does not hold up the others.
// n is how many packets, from the first on, it is done with: all of them,
// unless the Conn was closed, which is the only reason for an error.
func (c *Conn) Write(ps []Packet) (n int, err error) { return c.path.write(ps, true) }

// TryWrite is Write without waiting: if the send buffer is full it returns
// ErrFull, and ps[n:] are still to be sent. Where packets move one at a time
// it may wait as Write does.
func (c *Conn) TryWrite(ps []Packet) (n int, err error) { return c.path.write(ps, false) }

// Send sends one packet without waiting: ErrFull if the send buffer is full.
// Where packets move one at a time it may wait. p.Err is ignored.
func (c *Conn) Send(p Packet) error { return c.path.send(p) }

// Stats tells what was lost on the way in so far. After Close it keeps the
// figures of the last call before.
func (c *Conn) Stats() Stats { return c.path.stats() }

// Close closes the socket: Read and Write return errors that match
// net.ErrClosed. Closing again does nothing.
func (c *Conn) Close() error {
	c.path.stats() // the kernel forgets its count with the socket
	if err := c.socket.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// addrPort reads the address of a net.PacketConn that may be of any kind.
func addrPort(a net.Addr) (netip.AddrPort, error) {
	if udp, ok := a.(*net.UDPAddr); ok {
		return unmap(udp.AddrPort()), nil
	}
	ap, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("udpio: address %q is not of the form ip:port", a)
	}
	return unmap(ap), nil
}

func unmap(ap netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}
