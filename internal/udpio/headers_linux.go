package udpio

import (
	"encoding/binary"
	"net"
	"net/netip"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// headers are message headers for recvmmsg and sendmmsg and what they point
// to, made once and used again for each call.
type headers struct {
	msgs    []unix.Mmsghdr
	iovecs  []unix.Iovec
	names   []name
	control []controlData
}

// name has room for a sockaddr_in6; a sockaddr_in is shorter.
type name = unix.RawSockaddrInet6

// controlData has room for the control messages that we ask for: at most an
// IPV6_RECVERR with two addresses, an IP_PKTINFO and an IPV6_PKTINFO.
type controlData [18]uint64

func (c *controlData) bytes() []byte { return unsafe.Slice((*byte)(unsafe.Pointer(c)), len(c)*8) }

func newHeaders(n int) *headers {
	h := &headers{
		msgs:    make([]unix.Mmsghdr, n),
		iovecs:  make([]unix.Iovec, n),
		names:   make([]name, n),
		control: make([]controlData, n),
	}
	for i := range n {
		msg := &h.msgs[i].Hdr
		msg.Name = (*byte)(unsafe.Pointer(&h.names[i]))
		msg.Control = (*byte)(unsafe.Pointer(&h.control[i]))
		msg.Iov = &h.iovecs[i]
		msg.SetIovlen(1)
	}
	return h
}

// reset makes the first n headers ready to receive again: the kernel has
// written the lengths of what it filled in.
func (h *headers) reset(n int) {
	for i := range h.msgs[:n] {
		msg := &h.msgs[i].Hdr
		msg.Namelen = unix.SizeofSockaddrInet6
		msg.SetControllen(int(unsafe.Sizeof(controlData{})))
		msg.Flags = 0
	}
}

// mmsg calls recvmmsg or sendmmsg and says for how many headers it went well. They
// never wait here, so Go's scheduler is not told: a call that it is told of wakes
// the runtime's monitor out of its sleep, and the monitor then looks every 20 us,
// which was a fifth of all work of a proxy that is seldom busy.
func mmsg(trap, fd uintptr, msgs []unix.Mmsghdr, flags uintptr) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall6(trap, fd, uintptr(unsafe.Pointer(unsafe.SliceData(msgs))), uintptr(len(msgs)),
		flags|unix.MSG_DONTWAIT, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

// sendmmsg sends what the headers say, and tells how many went. One alone goes
// by a call that has less to copy.
func sendmmsg(fd uintptr, msgs []unix.Mmsghdr) (int, unix.Errno) {
	if len(msgs) != 1 {
		return mmsg(unix.SYS_SENDMMSG, fd, msgs, 0)
	}
	var errno unix.Errno
	if hdr := &msgs[0].Hdr; hdr.Controllen == 0 && hdr.Iovlen == 1 {
		_, _, errno = unix.RawSyscall6(unix.SYS_SENDTO, fd, uintptr(unsafe.Pointer(hdr.Iov.Base)), uintptr(hdr.Iov.Len),
			unix.MSG_DONTWAIT, uintptr(unsafe.Pointer(hdr.Name)), uintptr(hdr.Namelen))
	} else {
		_, _, errno = unix.RawSyscall(unix.SYS_SENDMSG, fd, uintptr(unsafe.Pointer(hdr)), unix.MSG_DONTWAIT)
	}
	if errno != 0 {
		return 0, errno
	}
	return 1, 0
}

// addrPort reads the address of header i.
func (h *headers) addrPort(i int, zones *zoneNames) netip.AddrPort {
	sa := &h.names[i]
	port := networkOrder(sa.Port)
	switch sa.Family {
	case unix.AF_INET:
		return netip.AddrPortFrom(netip.AddrFrom4((*unix.RawSockaddrInet4)(unsafe.Pointer(sa)).Addr), port)
	case unix.AF_INET6:
		return netip.AddrPortFrom(zones.addr(sa.Addr, sa.Scope_id), port)
	}
	return netip.AddrPort{}
}

// setAddrPort writes the address for a socket of the given family.
func (h *headers) setAddrPort(i int, to netip.AddrPort, v6 bool) unix.Errno {
	sa, addr := &h.names[i], to.Addr()
	if to.Port() == 0 || !addr.IsValid() {
		return unix.EINVAL // the kernel agrees, but would have us think that segments are to blame
	}
	sa.Port = networkOrder(to.Port())
	if v6 {
		sa.Family, sa.Flowinfo, sa.Addr, sa.Scope_id = unix.AF_INET6, 0, addr.As16(), zoneIndex(addr)
		h.msgs[i].Hdr.Namelen = unix.SizeofSockaddrInet6
		return 0
	}
	if addr = addr.Unmap(); !addr.Is4() {
		return unix.EAFNOSUPPORT
	}
	sa.Family = unix.AF_INET
	(*unix.RawSockaddrInet4)(unsafe.Pointer(sa)).Addr = addr.As4()
	h.msgs[i].Hdr.Namelen = unix.SizeofSockaddrInet4
	return 0
}

// networkOrder turns a port into big endian or back.
func networkOrder(port uint16) uint16 {
	var b [2]byte
	binary.BigEndian.PutUint16(b[:], port)
	return binary.NativeEndian.Uint16(b[:])
}

// received gives the control data of header i.
func (h *headers) received(i int) []byte {
	return h.control[i].bytes()[:h.msgs[i].Hdr.Controllen]
}

// nextControl splits the first control message off b; its header is nil if
// there is none.
func nextControl(b []byte) (hdr *unix.Cmsghdr, data, rest []byte) {
	if len(b) < unix.SizeofCmsghdr {
		return nil, nil, nil
	}
	hdr = (*unix.Cmsghdr)(unsafe.Pointer(&b[0]))
	if hdr.Len < unix.SizeofCmsghdr || int(hdr.Len) > len(b) {
		return nil, nil, nil
	}
	n := int(hdr.Len) - unix.SizeofCmsghdr
	data = b[unix.CmsgLen(0):]
	return hdr, data[:n], b[min(unix.CmsgSpace(n), len(b)):]
}

// addControl appends a control message to header i and gives its data to fill.
func addControl[T any](h *headers, i int, level, kind int32) *T {
	var zero T
	msg, size := &h.msgs[i].Hdr, int(unsafe.Sizeof(zero))
	b := h.control[i].bytes()[msg.Controllen:]
	hdr := (*unix.Cmsghdr)(unsafe.Pointer(&b[0]))
	hdr.Level, hdr.Type = level, kind
	hdr.SetLen(unix.CmsgLen(size))
	msg.SetControllen(int(msg.Controllen) + unix.CmsgSpace(size))
	data := (*T)(unsafe.Pointer(&b[unix.CmsgLen(0)]))
	*data = zero
	return data
}

// zoneNames gives IPv6 addresses their zone. It remembers the last one.
type zoneNames struct {
	index uint32
	name  string
}

func (z *zoneNames) addr(ip [16]byte, index uint32) netip.Addr {
	addr := netip.AddrFrom16(ip).Unmap()
	if index == 0 || !addr.IsLinkLocalUnicast() || addr.Is4() {
		return addr
	}
	if z.index != index {
		z.index, z.name = index, strconv.Itoa(int(index))
	}
	return addr.WithZone(z.name)
}

// zoneIndex is the number of the interface that the address's zone names, or 0.
func zoneIndex(addr netip.Addr) uint32 {
	zone := addr.Zone()
	if zone == "" {
		return 0
	}
	if n, err := strconv.ParseUint(zone, 10, 32); err == nil {
		return uint32(n)
	}
	if iface, err := net.InterfaceByName(zone); err == nil {
		return uint32(iface.Index)
	}
	return 0
}
