package udpio

import (
	"errors"
	"net"
	"net/netip"
	"sync/atomic"
)

// portablePath moves one packet at a time with what package net has.
type portablePath struct {
	conn     addrPortConn
	local    netip.AddrPort
	buf      []byte
	one      [1]Packet
	maxSize  int
	oversize atomic.Uint64
}

// addrPortConn is what *net.UDPConn has, and what costs no allocation.
type addrPortConn interface {
	ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error)
	WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error)
}

// packetConn makes an addrPortConn of any net.PacketConn.
type packetConn struct{ net.PacketConn }

func (c packetConn) ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error) {
	n, from, err := c.ReadFrom(b)
	if err != nil {
		return 0, netip.AddrPort{}, err
	}
	ap, err := addrPort(from)
	return n, ap, err
}

func (c packetConn) WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error) {
	return c.WriteTo(b, net.UDPAddrFromAddrPort(to))
}

func newPortablePath(pc net.PacketConn, local netip.AddrPort, o Options) *portablePath {
	p := &portablePath{local: local, maxSize: o.MaxSize}
	if conn, ok := pc.(addrPortConn); ok {
		p.conn = conn
	} else {
		p.conn = packetConn{pc}
	}
	return p
}

func (p *portablePath) read() ([]Packet, error) {
	if p.buf == nil {
		// Longer than any datagram: a short buffer is an error of the socket
		// on some systems and a silent cut on others.
		p.buf = make([]byte, defaultMaxSize+1)
	}
	for {
		n, from, err := p.conn.ReadFromUDPAddrPort(p.buf)
		if err != nil {
			return nil, err
		}
		if n > p.maxSize {
			p.oversize.Add(1)
			continue
		}
		p.one[0] = Packet{Data: p.buf[:n:n], Peer: unmap(from), Local: p.local}
		return p.one[:], nil
	}
}

func (p *portablePath) write(ps []Packet, _ bool) (int, error) {
	for i := range ps {
		err := p.send(ps[i])
		if errors.Is(err, net.ErrClosed) {
			return i, err
		}
		ps[i].Err = err
	}
	return len(ps), nil
}

func (p *portablePath) send(pkt Packet) error {
	_, err := p.conn.WriteToUDPAddrPort(pkt.Data, pkt.Peer)
	return err
}

func (p *portablePath) stats() Stats { return Stats{Oversize: p.oversize.Load()} }
