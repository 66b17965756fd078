package udpio

import (
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// What goes into one run of segments. Shorter runs gain little. A segment
	// fits the least MTU of IPv6 with its headers, and nearly every MTU: the
	// kernel refuses one that is too long for the path. A run is one datagram on
	// its way down, with a datagram's limit; old kernels take 64 segments.
	minRun      = 4
	maxRun      = 64
	maxSegment  = 1280 - 40 - 8
	maxRunBytes = 65535 - 40 - 8
)

// writer is the state of one call of Write. A batchPath keeps those that are
// not in use.
type writer struct {
	path    *batchPath
	headers *headers
	runs    []run     // what each header stands for
	one     [1]Packet // for Send

	packets []Packet // what is being written; headers stand for its first few
	n       int      // headers in use
	done    int      // headers that are sent or failed
	end     int      // packets that the headers in use stand for
	refused bool     // the kernel refused the run at done
	full    bool     // the kernel took no more

	try  func(fd uintptr)      // send as a value for RawConn.Control
	wait func(fd uintptr) bool // and for RawConn.Write
}

// run is what one header sends: packets[first:first+count], more than one if
// they go as segments.
type run struct{ first, count int }

func newWriter(b *batchPath) *writer {
	w := &writer{path: b, headers: newHeaders(b.batch), runs: make([]run, b.batch)}
	w.try = func(fd uintptr) { w.full = !w.send(fd) }
	w.wait = w.send
	return w
}

func (b *batchPath) send(p Packet) error {
	w := b.writers.Get().(*writer)
	w.one[0] = p
	_, err := w.write(w.one[:], false)
	if err == nil {
		err = w.one[0].Err
	}
	w.one[0] = Packet{}
	b.writers.Put(w)
	return err
}

func (b *batchPath) write(ps []Packet, wait bool) (int, error) {
	w := b.writers.Get().(*writer)
	n, err := w.write(ps, wait)
	b.writers.Put(w)
	return n, err
}

func (w *writer) write(ps []Packet, wait bool) (n int, err error) {
	segment, refused := w.path.segment.Load(), -1
	for n < len(ps) && err == nil {
		w.fill(ps[n:], segment)
		err = w.flush(wait)
		if w.done < w.n {
			n += w.runs[w.done].first
		} else {
			n += w.end
		}
		if w.refused {
			segment, refused = false, n
		}
	}
	if refused >= 0 && refused < n && ps[refused].Err == nil {
		w.path.segment.Store(false) // it went by itself, so the run was at fault
	}
	w.packets = nil
	clear(w.headers.iovecs[:min(len(ps), w.path.batch)]) // do not keep the caller's data alive
	return n, err
}

// fill makes headers of as many packets as it has room for.
func (w *writer) fill(ps []Packet, segment bool) {
	ps = ps[:min(len(ps), w.path.batch)]
	w.packets, w.n, w.done, w.end, w.refused = ps, 0, 0, len(ps), false
	for i := 0; i < len(ps); {
		r := run{first: i, count: 1}
		if segment {
			r.count = runLength(ps[i:])
		}
		if errno := w.headers.setAddrPort(w.n, ps[i].Peer, w.path.v6); errno != 0 {
			w.fail(r, errno)
		} else {
			w.add(r)
		}
		i += r.count
	}
}

// add completes the next header, which has its address.
func (w *writer) add(r run) {
	i := w.n
	w.runs[i] = r
	w.n++
	for j := range w.packets[r.first : r.first+r.count] {
		p := &w.packets[r.first+j]
		p.Err = nil
		iov := &w.headers.iovecs[r.first+j]
		iov.Base = unsafe.SliceData(p.Data)
		iov.SetLen(len(p.Data))
	}
	msg := &w.headers.msgs[i].Hdr
	msg.Iov = &w.headers.iovecs[r.first]
	msg.SetIovlen(r.count)
	msg.SetControllen(0)
	p := &w.packets[r.first]
	if w.path.wildcard {
		w.setSource(i, p.Local.Addr())
	}
	if r.count > 1 {
		*addControl[uint16](w.headers, i, unix.SOL_UDP, unix.UDP_SEGMENT) = uint16(len(p.Data))
	}
}

// setSource has header i sent from the address, if it is one.
func (w *writer) setSource(i int, addr netip.Addr) {
	switch {
	case !addr.IsValid() || addr.IsUnspecified():
	case w.path.v6:
		info := addControl[unix.Inet6Pktinfo](w.headers, i, unix.SOL_IPV6, unix.IPV6_PKTINFO)
		info.Addr, info.Ifindex = addr.As16(), zoneIndex(addr)
	case addr.Unmap().Is4():
		info := addControl[unix.Inet4Pktinfo](w.headers, i, unix.SOL_IP, unix.IP_PKTINFO)
		info.Spec_dst = addr.Unmap().As4()
	}
}

// runLength is how many packets at the head of ps may go as segments of one:
// the same way and of one size, the last of them perhaps shorter. It is 1 when
// that would not pay.
func runLength(ps []Packet) int {
	first, bytes, n := &ps[0], len(ps[0].Data), 1
	if bytes == 0 || bytes > maxSegment {
		return 1
	}
	for n < min(len(ps), maxRun) {
		p := &ps[n]
		bytes += len(p.Data)
		if len(p.Data) == 0 || len(p.Data) > len(first.Data) || bytes > maxRunBytes ||
			p.Peer != first.Peer || p.Local != first.Local {
			break
		}
		n++
		if len(p.Data) < len(first.Data) {
			break
		}
	}
	if n < minRun {
		return 1
	}
	return n
}

// flush sends what fill prepared. First it tries without the lock that waiting
// takes, so that writers on several cores run side by side and TryWrite never
// queues behind a Write that waits.
func (w *writer) flush(wait bool) error {
	if err := w.path.raw.Control(w.try); err != nil {
		return err
	}
	switch {
	case !w.full:
		return nil
	case !wait:
		return ErrFull
	}
	return w.path.raw.Write(w.wait)
}

// send sends the headers that are not done; false means that the send buffer
// is full.
func (w *writer) send(fd uintptr) bool {
	queue := w.path.errors
	for w.done < w.n {
		msgs := w.headers.msgs[w.done:w.n]
		n, errno := sendmmsg(fd, msgs)
		if queue != nil && fromICMP(errno) {
			n, errno = queue.resend(fd, msgs)
		}
		r := w.runs[w.done]
		switch {
		case errno == 0:
			w.done += n
		case errno == unix.EINTR:
		case errno == unix.EAGAIN:
			return false
		case r.count > 1 && (errno == unix.EINVAL || errno == unix.EIO):
			w.refused = true
			return true
		default:
			w.fail(r, errno)
			w.done++
		}
	}
	return true
}

func (w *writer) fail(r run, errno unix.Errno) {
	for i := range w.packets[r.first : r.first+r.count] {
		w.packets[r.first+i].Err = errno
	}
}
