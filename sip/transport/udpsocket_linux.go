package transport

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"unsafe"
)

// wildcardSocket is bound to 0.0.0.0 or [::] and learns from the kernel which
// local address each datagram was sent to, and tells it which one to send from
// (IP_PKTINFO in ip(7), IPV6_PKTINFO in ipv6(7), RFC 3542 section 6).
type wildcardSocket struct {
	conn *net.UDPConn
	recv control   // of the one reader
	send sync.Pool // of *control
}

// control has room for two control messages, since an IPv4 packet on a socket
// for both families brings two, and the alignment that they need.
type control struct {
	_ [0]uint64
	b [128]byte
}

func newWildcardSocket(conn *net.UDPConn) (udpSocket, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	var err4, err6 error
	err = raw.Control(func(fd uintptr) {
		err4 = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_IP, syscall.IP_PKTINFO, 1)
		err6 = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_IPV6, syscall.IPV6_RECVPKTINFO, 1)
	})
	// An IPv4 socket does not know the second one.
	if err != nil || err4 != nil && err6 != nil {
		return nil, errors.Join(err, err4, err6)
	}
	s := &wildcardSocket{conn: conn}
	s.send.New = func() any { return new(control) }
	return s, nil
}

// takesIPv4 tells whether a socket bound to [::] takes IPv4 as well.
func takesIPv4(conn *net.UDPConn) bool {
	raw, err := conn.SyscallConn()
	if err != nil {
		return false
	}
	only := 1
	err = raw.Control(func(fd uintptr) {
		if v, err := syscall.GetsockoptInt(int(fd), syscall.IPPROTO_IPV6, syscall.IPV6_V6ONLY); err == nil {
			only = v
		}
	})
	return err == nil && only == 0
}

func (s *wildcardSocket) read(batch []datagram) (int, error) {
	d := &batch[0]
	n, oobn, _, from, err := s.conn.ReadMsgUDPAddrPort(d.buf, s.recv.b[:])
	if err != nil {
		return 0, err
	}
	d.n, d.remote, d.local = n, from, localAddr(s.recv.b[:oobn])
	return 1, nil
}

func (s *wildcardSocket) write(data []byte, local netip.Addr, remote netip.AddrPort) error {
	// A link-local peer is reached from its link's address alone, and naming
	// that would need the interface as well.
	if !local.IsValid() || local.IsUnspecified() || remote.Addr().IsLinkLocalUnicast() {
		_, err := s.conn.WriteToUDPAddrPort(data, remote)
		return err
	}
	oob := s.send.Get().(*control)
	defer s.send.Put(oob)
	_, _, err := s.conn.WriteMsgUDPAddrPort(data, appendSource(oob.b[:0], local), remote)
	return err
}

// localAddr finds the local address in control messages; the zero Addr if it
// is not there, or is one that nothing can be sent from.
func localAddr(oob []byte) (local netip.Addr) {
	for len(oob) >= syscall.SizeofCmsghdr {
		h := (*syscall.Cmsghdr)(unsafe.Pointer(&oob[0]))
		size := int(h.Len)
		if size < syscall.SizeofCmsghdr || size > len(oob) {
			break
		}
		data := oob[syscall.CmsgLen(0):size]
		switch {
		case h.Level == syscall.IPPROTO_IP && h.Type == syscall.IP_PKTINFO && len(data) >= syscall.SizeofInet4Pktinfo:
			// Spec_dst, not Addr: for a broadcast it is our own address.
			return netip.AddrFrom4((*syscall.Inet4Pktinfo)(unsafe.Pointer(&data[0])).Spec_dst)
		case h.Level == syscall.IPPROTO_IPV6 && h.Type == syscall.IPV6_PKTINFO && len(data) >= syscall.SizeofInet6Pktinfo:
			local = netip.AddrFrom16((*syscall.Inet6Pktinfo)(unsafe.Pointer(&data[0])).Addr).Unmap()
		}
		oob = oob[min(syscall.CmsgSpace(size-syscall.CmsgLen(0)), len(oob)):]
	}
	if local.IsMulticast() {
		return netip.Addr{}
	}
	return local
}

// appendSource appends the control message that names the address to send from.
// oob has room for it.
func appendSource(oob []byte, local netip.Addr) []byte {
	if local.Is4() {
		oob = oob[:syscall.CmsgSpace(syscall.SizeofInet4Pktinfo)]
		h := (*syscall.Cmsghdr)(unsafe.Pointer(&oob[0]))
		h.Level, h.Type = syscall.IPPROTO_IP, syscall.IP_PKTINFO
		h.SetLen(syscall.CmsgLen(syscall.SizeofInet4Pktinfo))
		info := (*syscall.Inet4Pktinfo)(unsafe.Pointer(&oob[syscall.CmsgLen(0)]))
		*info = syscall.Inet4Pktinfo{Spec_dst: local.As4()}
		return oob
	}
	oob = oob[:syscall.CmsgSpace(syscall.SizeofInet6Pktinfo)]
	h := (*syscall.Cmsghdr)(unsafe.Pointer(&oob[0]))
	h.Level, h.Type = syscall.IPPROTO_IPV6, syscall.IPV6_PKTINFO
	h.SetLen(syscall.CmsgLen(syscall.SizeofInet6Pktinfo))
	info := (*syscall.Inet6Pktinfo)(unsafe.Pointer(&oob[syscall.CmsgLen(0)]))
	*info = syscall.Inet6Pktinfo{Addr: local.As16()}
	return oob
}
