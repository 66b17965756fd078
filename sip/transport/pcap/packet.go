package pcap

import (
	"encoding/binary"
	"net/netip"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/transport"
)

const (
	header4, header6     = 20, 40
	headerUDP, headerTCP = 8, 20

	protocolTCP, protocolUDP = 6, 17
	hops                     = 64
	dontFragment             = 0x4000

	pushAck = 0x18

	maxLength = 65535 // of an IPv4 packet, and of what an IPv6 packet carries
	// minSegment is what a segment can always hold.
	minSegment = maxLength - header4 - headerTCP
)

// An end is an address with a port. Both ends of a packet are of one family.
type end struct {
	addr netip.Addr
	port uint16
}

// maxSegment is how much text a TCP segment to or from here can hold.
func (e end) maxSegment() int {
	if e.addr.Is4() {
		return minSegment
	}
	return maxLength - headerTCP
}

// packet is text with the headers of UDP, or TCP, and IP.
type packet struct {
	from, to end
	text     string
	serial   uint16 // tells IPv4 packets apart
	tcp      bool
	seq, ack uint32 // with tcp
}

// carried is the length of what is in the IP packet.
func (p packet) carried() int {
	if p.tcp {
		return headerTCP + len(p.text)
	}
	return headerUDP + len(p.text)
}

func (p packet) length() int {
	if p.from.addr.Is4() {
		return header4 + p.carried()
	}
	return header6 + p.carried()
}

func (p packet) append(b []byte) []byte {
	protocol := byte(protocolUDP)
	if p.tcp {
		protocol = protocolTCP
	}
	if p.from.addr.Is4() {
		b = p.appendIPv4(b, protocol)
	} else {
		b = p.appendIPv6(b, protocol)
	}
	start := len(b)
	b = binary.BigEndian.AppendUint16(b, p.from.port)
	b = binary.BigEndian.AppendUint16(b, p.to.port)
	sum := start + 6
	if p.tcp {
		b = binary.BigEndian.AppendUint32(b, p.seq)
		b = binary.BigEndian.AppendUint32(b, p.ack)
		b = append(b, headerTCP/4<<4, pushAck)
		b = binary.BigEndian.AppendUint16(b, maxLength) // window
		sum = len(b)
		b = append(b, 0, 0, 0, 0) // checksum; nothing is urgent
	} else {
		b = binary.BigEndian.AppendUint16(b, uint16(p.carried()))
		b = append(b, 0, 0)
	}
	b = append(b, p.text...)
	check := ^fold(p.pseudoHeader(protocol) + add(b[start:]))
	if check == 0 && !p.tcp {
		check = 0xffff // 0 would say that there is none (RFC 768)
	}
	binary.BigEndian.PutUint16(b[sum:], check)
	return b
}

func (p packet) appendIPv4(b []byte, protocol byte) []byte {
	start := len(b)
	b = append(b, 4<<4|header4/4, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(p.length()))
	b = binary.BigEndian.AppendUint16(b, p.serial)
	b = binary.BigEndian.AppendUint16(b, dontFragment)
	b = append(b, hops, protocol, 0, 0)
	b = append(b, p.from.addr.AsSlice()...)
	b = append(b, p.to.addr.AsSlice()...)
	binary.BigEndian.PutUint16(b[start+10:], ^fold(add(b[start:])))
	return b
}

func (p packet) appendIPv6(b []byte, protocol byte) []byte {
	b = append(b, 6<<4, 0, 0, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(p.carried()))
	b = append(b, protocol, hops)
	b = append(b, p.from.addr.AsSlice()...)
	return append(b, p.to.addr.AsSlice()...)
}

// pseudoHeader is the sum of what a checksum covers beside the packet (RFC 9293
// section 3.1, RFC 8200 section 8.1).
func (p packet) pseudoHeader(protocol byte) uint32 {
	return add(p.from.addr.AsSlice()) + add(p.to.addr.AsSlice()) + uint32(protocol) + uint32(p.carried())
}

// add sums 16-bit words, without folding: 64 KiB fit.
func add(b []byte) (sum uint32) {
	for ; len(b) >= 2; b = b[2:] {
		sum += uint32(binary.BigEndian.Uint16(b))
	}
	if len(b) == 1 {
		sum += uint32(b[0]) << 8
	}
	return sum
}

// fold is the sum in one's complement (RFC 1071).
func fold(sum uint32) uint16 {
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return uint16(sum)
}

// ends are where a message goes from and to.
func ends(m transport.Tapped) (from, to end) {
	local, remote := endOf(m.Flow.Local), endOf(m.Flow.Remote)
	if local.addr.Is4() != remote.addr.Is4() { // one of them is not known
		local.addr, remote.addr = as6(local.addr), as6(remote.addr)
	}
	if undressed(m.Flow) {
		server := &local
		if remote.port < local.port {
			server = &remote
		}
		server.port = sipPort
	}
	if m.Sent {
		return local, remote
	}
	return remote, local
}

// undressed tells whether a flow's messages are wrapped on the wire in what a
// trace is without, TLS or WebSocket.
func undressed(f sip.Flow) bool { return f.Network != "udp" && f.Network != "tcp" }

// sipPort is where programs that read traces look for SIP in the clear.
const sipPort = 5060

func endOf(a netip.AddrPort) end {
	addr := a.Addr().Unmap().WithZone("")
	if !addr.IsValid() {
		addr = netip.IPv6Unspecified()
	}
	return end{addr, a.Port()}
}

func as6(a netip.Addr) netip.Addr { return netip.AddrFrom16(a.As16()) }

// fits tells whether a message is short enough for a datagram, if it needs one.
func fits(m transport.Tapped) bool {
	from, _ := ends(m)
	most := maxLength - headerUDP
	if from.addr.Is4() {
		most -= header4
	}
	return m.Flow.Reliable() || len(m.Text) <= most
}
