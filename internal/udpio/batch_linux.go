package udpio

import (
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// batchPath moves many packets a system call.
type batchPath struct {
	raw      syscall.RawConn
	own      *rawConn // raw, if it is one
	local    netip.AddrPort
	batch    int  // headers for a system call, each way
	v6       bool // an AF_INET6 socket, which carries IPv4 in mapped form
	wildcard bool // bound to the unspecified address
	segment  atomic.Bool
	reader   reader
	writers  sync.Pool   // of *writer
	errors   *errorQueue // nil without Options.Unreachable
	drops    drops
}

// newBatchPath sets the options that the path needs on the socket.
func newBatchPath(conn *net.UDPConn, local netip.AddrPort, o Options) (path, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	b := &batchPath{raw: raw, local: local, batch: o.Batch, wildcard: local.Addr().IsUnspecified()}
	if o.Unreachable != nil {
		b.errors = newErrorQueue(o.Unreachable)
	}
	b.reader = reader{path: b, maxSize: o.MaxSize}
	b.reader.receive = b.reader.recvmmsg
	b.writers.New = func() any { return newWriter(b) }
	if err := control(raw, func(fd int) error { return b.configure(fd, o) }); err != nil {
		return nil, err
	}
	return b, nil
}

// leavePoller takes over the socket, which nobody else has, from package net.
func (c *Conn) leavePoller(socket *net.UDPConn) error {
	raw, err := newRawConn(socket)
	if err != nil {
		return err
	}
	b := c.path.(*batchPath)
	b.raw, b.own, c.socket = raw, raw, raw
	return nil
}

func (b *batchPath) configure(fd int, o Options) error {
	domain, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN)
	if err != nil {
		return os.NewSyscallError("getsockopt", err)
	}
	b.v6 = domain == unix.AF_INET6
	// An IPv6 socket takes the IPv4 options for its IPv4 packets.
	type option struct{ level, name int }
	var options []option
	if b.wildcard {
		options = append(options, option{unix.SOL_IP, unix.IP_PKTINFO})
		if b.v6 {
			options = append(options, option{unix.SOL_IPV6, unix.IPV6_RECVPKTINFO})
		}
	}
	if b.errors != nil {
		options = append(options, option{unix.SOL_IP, unix.IP_RECVERR})
		if b.v6 {
			options = append(options, option{unix.SOL_IPV6, unix.IPV6_RECVERR})
		}
	}
	// Package net has set it. A peer whose address somebody made up must not have
	// us ask a whole network.
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_BROADCAST, 0); err != nil {
		return os.NewSyscallError("setsockopt", err)
	}
	for _, opt := range options {
		if err := unix.SetsockoptInt(fd, opt.level, opt.name, 1); err != nil {
			return os.NewSyscallError("setsockopt", err)
		}
	}
	if o.Segment {
		// A kernel before 4.18 would send a run as one long packet.
		_, err := unix.GetsockoptInt(fd, unix.SOL_UDP, unix.UDP_SEGMENT)
		b.segment.Store(err == nil)
	}
	return nil
}

func (b *batchPath) read() ([]Packet, error) { return b.reader.read() }

func (b *batchPath) stats() Stats {
	return Stats{Overflow: b.drops.count(b.raw), Oversize: b.reader.oversize.Load()}
}

// drops is the kernel's count of dropped packets, which has 32 bits and ends
// with the socket.
type drops struct {
	mu    sync.Mutex
	last  uint32
	total uint64
}

func (d *drops) count(raw syscall.RawConn) uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	_ = raw.Control(func(fd uintptr) {
		// SO_MEMINFO asks when somebody wants to know; SO_RXQ_OVFL would put
		// the same number into each packet's control data, and stand still
		// while none arrives.
		var info [unix.SK_MEMINFO_VARS]uint32
		size := uint32(unsafe.Sizeof(info))
		_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, fd, unix.SOL_SOCKET, unix.SO_MEMINFO,
			uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
		if errno != 0 || size <= 4*unix.SK_MEMINFO_DROPS {
			return
		}
		now := info[unix.SK_MEMINFO_DROPS]
		d.total += uint64(now - d.last)
		d.last = now
	})
	return d.total
}
