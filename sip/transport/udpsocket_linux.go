package transport

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"sync"
	"syscall"
)

// wildcardSocket is bound to 0.0.0.0 or [::] and learns from the kernel which
// local address each datagram was sent to, and tells it which one to send from
// (IP_PKTINFO in ip(7), IPV6_PKTINFO in ipv6(7), RFC 3542 section 6).
type wildcardSocket struct {
	conn *net.UDPConn
	recv control   // of the one reader
	send sync.Pool // of *control
}

// control has room for two control messages: an IPv4 packet on a socket for
// both families brings two.
type control [128]byte

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
	n, oobn, _, from, err := s.conn.ReadMsgUDPAddrPort(d.buf, s.recv[:])
	if err != nil {
		return 0, err
	}
	d.n, d.remote, d.local = n, from, localAddr(s.recv[:oobn])
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
	_, _, err := s.conn.WriteMsgUDPAddrPort(data, appendSource(oob[:0], local), remote)
	return err
}

// localAddr finds the local address in control messages; the zero Addr if it
// is not there, or is one that nothing can be sent from.
func localAddr(oob []byte) (local netip.Addr) {
	for len(oob) >= syscall.SizeofCmsghdr {
		size := controlLen(oob)
		if size < syscall.SizeofCmsghdr || size > len(oob) {
			break
		}
		data := oob[syscall.CmsgLen(0):size]
		switch kind := controlKind(oob); {
		case kind == kindIPv4 && len(data) >= syscall.SizeofInet4Pktinfo:
			// struct in_pktinfo: ifindex, spec_dst, addr. The second, not the
			// third: for a broadcast it is our own address.
			return netip.AddrFrom4([4]byte(data[4:8]))
		case kind == kindIPv6 && len(data) >= syscall.SizeofInet6Pktinfo:
			// struct in6_pktinfo: addr, ifindex.
			local = netip.AddrFrom16([16]byte(data[:16])).Unmap()
		}
		oob = oob[min(syscall.CmsgSpace(len(data)), len(oob)):]
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
		oob, data := appendControl(oob, kindIPv4, syscall.SizeofInet4Pktinfo)
		addr := local.As4()
		copy(data[4:8], addr[:])
		return oob
	}
	oob, data := appendControl(oob, kindIPv6, syscall.SizeofInet6Pktinfo)
	addr := local.As16()
	copy(data[:16], addr[:])
	return oob
}

// A control message is a struct cmsghdr, which is a size_t, the level and the
// type, and data behind it.

type kind struct{ level, typ uint32 }

var (
	kindIPv4 = kind{syscall.IPPROTO_IP, syscall.IP_PKTINFO}
	kindIPv6 = kind{syscall.IPPROTO_IPV6, syscall.IPV6_PKTINFO}
)

func controlLen(oob []byte) int {
	if syscall.SizeofCmsghdr == 16 {
		return int(binary.NativeEndian.Uint64(oob))
	}
	return int(binary.NativeEndian.Uint32(oob))
}

func controlKind(oob []byte) kind {
	return kind{
		binary.NativeEndian.Uint32(oob[syscall.SizeofCmsghdr-8:]),
		binary.NativeEndian.Uint32(oob[syscall.SizeofCmsghdr-4:]),
	}
}

// appendControl appends a control message with size bytes of zeros as data.
func appendControl(oob []byte, k kind, size int) (all, data []byte) {
	start := len(oob)
	all = oob[:start+syscall.CmsgSpace(size)]
	clear(all[start:])
	h := all[start:]
	if syscall.SizeofCmsghdr == 16 {
		binary.NativeEndian.PutUint64(h, uint64(syscall.CmsgLen(size)))
	} else {
		binary.NativeEndian.PutUint32(h, uint32(syscall.CmsgLen(size)))
	}
	binary.NativeEndian.PutUint32(h[syscall.SizeofCmsghdr-8:], k.level)
	binary.NativeEndian.PutUint32(h[syscall.SizeofCmsghdr-4:], k.typ)
	return all, h[syscall.CmsgLen(0):]
}
