package udpio

import (
	"net/netip"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// errorQueue reads a socket's queue of ICMP errors (IP_RECVERR). Each error
// in it also makes the next send or receive fail, whatever that is about.
type errorQueue struct {
	unreachable func(netip.AddrPort, error)
	found       []unreachable // the reader's own: drained and not yet reported

	// While an error is taken from the queue the kernel makes the one behind
	// it pending. mu keeps that away from a writer that tries again.
	mu      sync.Mutex
	headers *headers
	zones   zoneNames
}

type unreachable struct {
	peer  netip.AddrPort
	errno unix.Errno
}

const (
	errorBatch = 16
	// maxRetries bounds how often a packet is sent again after an error that
	// may not be its own. A new ICMP error must arrive for each.
	maxRetries = 8
)

func newErrorQueue(f func(netip.AddrPort, error)) *errorQueue {
	q := &errorQueue{unreachable: f, headers: newHeaders(errorBatch), found: make([]unreachable, 0, errorBatch)}
	for i := range q.headers.msgs {
		q.headers.msgs[i].Hdr.SetIovlen(0) // the packet that came back is of no use
	}
	return q
}

// fromICMP tells whether an error may be a pending one that an ICMP message
// caused (the kernel's icmp_err_convert and icmpv6_err_convert).
func fromICMP(errno unix.Errno) bool {
	switch errno {
	case unix.ECONNREFUSED, unix.EHOSTUNREACH, unix.ENETUNREACH, unix.EHOSTDOWN, unix.ENONET, unix.ENOPROTOOPT,
		unix.EOPNOTSUPP, unix.EPROTO, unix.EACCES, unix.EMSGSIZE:
		return true
	}
	return false
}

// drain takes a batch of errors from the queue; false means that there was
// none. Only the reader drains, and reports afterwards what was found.
func (q *errorQueue) drain(fd uintptr) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.headers.reset(errorBatch)
	n, errno := mmsg(unix.SYS_RECVMMSG, fd, q.headers.msgs, unix.MSG_ERRQUEUE)
	for errno == unix.EINTR || fromICMP(errno) { // old kernels tell the pending error first
		n, errno = mmsg(unix.SYS_RECVMMSG, fd, q.headers.msgs, unix.MSG_ERRQUEUE)
	}
	for i := range n {
		if errno := q.origin(i); errno != 0 {
			q.found = append(q.found, unreachable{q.headers.addrPort(i, &q.zones), errno})
		}
	}
	return n > 0
}

// origin is the error in header i, or 0 if it is not an ICMP error that says
// that nothing arrives.
func (q *errorQueue) origin(i int) unix.Errno {
	for hdr, data, rest := nextControl(q.headers.received(i)); hdr != nil; hdr, data, rest = nextControl(rest) {
		v4 := hdr.Level == unix.SOL_IP && hdr.Type == unix.IP_RECVERR
		v6 := hdr.Level == unix.SOL_IPV6 && hdr.Type == unix.IPV6_RECVERR
		if !v4 && !v6 || len(data) < int(unsafe.Sizeof(unix.SockExtendedErr{})) {
			continue
		}
		e := (*unix.SockExtendedErr)(unsafe.Pointer(&data[0]))
		if arrivesNot(e) {
			return unix.Errno(e.Errno)
		}
	}
	return 0
}

// arrivesNot tells whether an error is an ICMP message which says that the peer
// cannot be reached. EMSGSIZE says what the path's MTU is, which the kernel has
// noted and heeds by itself; time exceeded comes of loops that pass, or of one
// lost fragment.
func arrivesNot(e *unix.SockExtendedErr) bool {
	const timeExceeded4, timeExceeded6 = 11, 3 // RFC 792, RFC 4443 section 3.3
	switch e.Origin {
	case unix.SO_EE_ORIGIN_ICMP:
		return unix.Errno(e.Errno) != unix.EMSGSIZE && e.Type != timeExceeded4
	case unix.SO_EE_ORIGIN_ICMP6:
		return unix.Errno(e.Errno) != unix.EMSGSIZE && e.Type != timeExceeded6
	}
	return false
}

// report hands what was drained to the user of the package.
func (q *errorQueue) report() {
	for _, u := range q.found {
		q.unreachable(u.peer, u.errno)
	}
	q.found = q.found[:0]
}

// resend repeats a sendmmsg that failed, until it fails for a reason of its own.
func (q *errorQueue) resend(fd uintptr, msgs []unix.Mmsghdr) (n int, errno unix.Errno) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for range maxRetries {
		n, errno = sendmmsg(fd, msgs)
		if !fromICMP(errno) {
			break
		}
	}
	return n, errno
}
