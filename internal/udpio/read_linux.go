package udpio

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// reader is the receiving half of a batchPath. One goroutine uses it.
type reader struct {
	path     *batchPath
	maxSize  int
	oversize atomic.Uint64

	headers *headers // nil until the first read
	data    []byte   // a buffer for each header
	stride  int      // from one to the next: maxSize in whole cache lines
	packets []Packet
	zones   zoneNames
	calls   uint

	receive func(fd uintptr) bool // recvmmsg as a value, made once
	n       int                   // what recvmmsg has to say: how many headers were filled
	err     error
}

// drainEvery is how many reads may pass before the error queue is looked at
// although packets never cease to come.
const drainEvery = 64

func (r *reader) open() {
	batch := r.path.batch
	r.stride = (r.maxSize + 63) &^ 63
	r.data = make([]byte, batch*r.stride)
	r.headers = newHeaders(batch)
	for i := range r.headers.iovecs {
		r.headers.iovecs[i].Base = &r.data[i*r.stride]
		r.headers.iovecs[i].SetLen(r.maxSize)
	}
	r.headers.reset(batch)
	r.packets = make([]Packet, 0, batch)
}

func (r *reader) read() ([]Packet, error) {
	if r.headers == nil {
		r.open()
	}
	for {
		r.headers.reset(r.n)
		r.n, r.err = 0, nil
		err := r.path.raw.Read(r.receive)
		if r.path.errors != nil {
			if err != nil && !errors.Is(err, net.ErrClosed) && !errors.Is(err, os.ErrDeadlineExceeded) {
				err = r.path.raw.Control(r.nap)
			}
			r.path.errors.report()
		}
		if err == nil {
			err = r.err
		}
		if err != nil {
			return nil, err
		}
		r.collect()
		if len(r.packets) > 0 {
			return r.packets, nil
		}
	}
}

// recvmmsg is called with the file descriptor whenever there may be something
// to read; false means that there is not.
func (r *reader) recvmmsg(fd uintptr) bool {
	queue, own := r.path.errors, r.path.own
	r.calls++
	switch {
	case queue == nil:
	case own != nil && own.failed:
		own.failed = false
		if queue.drain(fd) {
			return true
		}
	case r.calls%drainEvery == 0:
		queue.drain(fd)
	}
	for {
		n, errno := mmsg(unix.SYS_RECVMMSG, fd, r.headers.msgs, 0)
		switch {
		case errno == 0:
			r.n = n
			if own != nil {
				own.empty = n < len(r.headers.msgs)
			}
			return true
		case errno == unix.EINTR:
		case errno == unix.EAGAIN:
			// A writer may have been given the error that announced the queue.
			// A rawConn would tell of it all the same.
			return queue != nil && own == nil && queue.drain(fd)
		case queue != nil && fromICMP(errno):
			if queue.drain(fd) {
				return true
			}
		default:
			r.err = &net.OpError{Op: "read", Net: "udp", Err: os.NewSyscallError("recvmmsg", errno)}
			return true
		}
	}
}

// nap is for the rare moment when an ICMP error is the only event on the
// socket, with nothing to read and the send buffer full: the runtime's poller
// takes that for a broken descriptor and does not wait on it until there is
// another event.
func (r *reader) nap(fd uintptr) {
	r.path.errors.drain(fd)
	poll := [1]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	if n, _ := unix.Poll(poll[:], 10); n > 0 {
		r.recvmmsg(fd)
	}
}

// collect makes packets of the headers that were filled.
func (r *reader) collect() {
	r.packets = r.packets[:0]
	for i := range r.n {
		msg := &r.headers.msgs[i]
		if msg.Hdr.Flags&unix.MSG_TRUNC != 0 {
			r.oversize.Add(1)
			continue
		}
		start := i * r.stride
		end := start + int(msg.Len)
		p := Packet{
			Data:  r.data[start:end:end],
			Peer:  r.headers.addrPort(i, &r.zones),
			Local: r.path.local,
		}
		if r.path.wildcard {
			if addr, ok := r.localAddr(i); ok {
				p.Local = netip.AddrPortFrom(addr, r.path.local.Port())
			}
		}
		r.packets = append(r.packets, p)
	}
}

// localAddr is the address of this host to answer packet i from. For what was
// sent to an IPv4 broadcast or multicast address it is the interface's, for
// IPv6 multicast there is none.
func (r *reader) localAddr(i int) (addr netip.Addr, ok bool) {
	for hdr, data, rest := nextControl(r.headers.received(i)); hdr != nil; hdr, data, rest = nextControl(rest) {
		switch {
		case hdr.Level == unix.SOL_IP && hdr.Type == unix.IP_PKTINFO && len(data) >= unix.SizeofInet4Pktinfo:
			info := (*unix.Inet4Pktinfo)(unsafe.Pointer(&data[0]))
			return netip.AddrFrom4(info.Spec_dst), true
		case hdr.Level == unix.SOL_IPV6 && hdr.Type == unix.IPV6_PKTINFO && len(data) >= unix.SizeofInet6Pktinfo:
			info := (*unix.Inet6Pktinfo)(unsafe.Pointer(&data[0]))
			addr = r.zones.addr(info.Addr, info.Ifindex)
			ok = !addr.IsMulticast()
		}
	}
	return addr, ok
}
