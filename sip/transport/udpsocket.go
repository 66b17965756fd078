package transport

import (
	"net"
	"net/netip"
)

// maxPayload is more than any datagram holds.
const maxPayload = 65536

// datagram is one that was read.
type datagram struct {
	buf    []byte         // what it is read into
	n      int            // its length
	local  netip.Addr     // the address it was sent to; zero if that is not known
	remote netip.AddrPort // IPv4-mapped or not, as the socket has it
}

// udpSocket is how datagrams go in and out; what the operating system offers
// beyond package net stays behind it.
type udpSocket interface {
	// read waits for datagrams and returns how many of batch it filled.
	read(batch []datagram) (int, error)
	// write sends one, from the local address if that is valid and the socket
	// has several.
	write(data []byte, local netip.Addr, remote netip.AddrPort) error
}

// addrPortConn is implemented by *net.UDPConn and by memnet's sockets.
type addrPortConn interface {
	ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error)
	WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error)
}

// newUDPSocket chooses the best way to use conn, which is bound to local.
func newUDPSocket(conn net.PacketConn, local netip.AddrPort) (udpSocket, error) {
	if c, ok := conn.(*net.UDPConn); ok && local.Addr().IsUnspecified() {
		return newWildcardSocket(c)
	}
	if c, ok := conn.(addrPortConn); ok {
		return addrPortSocket{c}, nil
	}
	return packetSocket{conn}, nil
}

// addrPortSocket does not allocate.
type addrPortSocket struct{ conn addrPortConn }

func (s addrPortSocket) read(batch []datagram) (int, error) {
	d := &batch[0]
	var err error
	d.n, d.remote, err = s.conn.ReadFromUDPAddrPort(d.buf)
	if err != nil {
		return 0, err
	}
	return 1, nil
}

func (s addrPortSocket) write(data []byte, _ netip.Addr, remote netip.AddrPort) error {
	_, err := s.conn.WriteToUDPAddrPort(data, remote)
	return err
}

// packetSocket works with any net.PacketConn.
type packetSocket struct{ conn net.PacketConn }

func (s packetSocket) read(batch []datagram) (int, error) {
	d := &batch[0]
	n, from, err := s.conn.ReadFrom(d.buf)
	if err != nil {
		return 0, err
	}
	d.n, d.remote = n, addrPort(from)
	return 1, nil
}

func (s packetSocket) write(data []byte, _ netip.Addr, remote netip.AddrPort) error {
	_, err := s.conn.WriteTo(data, net.UDPAddrFromAddrPort(remote))
	return err
}
