package pcap_test

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/transport"
)

// A captured packet is what a reader of the file finds in it.
type captured struct {
	at       time.Time
	flags    uint32
	comments []string
	from, to netip.AddrPort
	protocol byte
	seq, ack uint32
	text     string
}

const (
	tcp = 6
	udp = 17
)

var order = binary.LittleEndian

// read takes a file apart and checks every length and checksum in it.
func read(t testing.TB, file []byte) []captured {
	t.Helper()
	var packets []captured
	for n := 0; len(file) > 0; n++ {
		require.GreaterOrEqual(t, len(file), 12)
		kind, length := order.Uint32(file), int(order.Uint32(file[4:]))
		require.LessOrEqual(t, length, len(file), "block %d", n)
		require.Zero(t, length%4)
		require.EqualValues(t, length, order.Uint32(file[length-4:]), "the length behind block %d", n)
		body := file[8 : length-4]
		file = file[length:]
		switch kind {
		case 0x0a0d0d0a:
			require.Zero(t, n, "a section")
			require.EqualValues(t, 0x1a2b3c4d, order.Uint32(body))
			require.Equal(t, []byte{1, 0, 0, 0}, body[4:8], "version")
			require.Equal(t, uint64(1<<64-1), order.Uint64(body[8:]))
			options(t, body[16:])
		case 1:
			require.Equal(t, 1, n, "one interface")
			require.EqualValues(t, 101, order.Uint16(body), "link type")
			require.Equal(t, map[uint16][]string{9: {"\x09"}}, options(t, body[8:]))
		case 6:
			require.Greater(t, n, 1)
			packets = append(packets, readPacket(t, body))
		default:
			require.Fail(t, "unknown block", "%#x", kind)
		}
	}
	return packets
}

func readPacket(t testing.TB, body []byte) captured {
	t.Helper()
	require.Zero(t, order.Uint32(body), "interface")
	at := uint64(order.Uint32(body[4:]))<<32 | uint64(order.Uint32(body[8:]))
	length := int(order.Uint32(body[12:]))
	require.EqualValues(t, length, order.Uint32(body[16:]))
	opts := options(t, body[20+(length+3)/4*4:])
	require.Len(t, opts[2], 1)
	c := dissect(t, body[20:20+length])
	c.at, c.flags, c.comments = time.Unix(0, int64(at)), order.Uint32([]byte(opts[2][0])), opts[1]
	return c
}

// options reads options up to their end, which must be the end of the block.
func options(t testing.TB, b []byte) map[uint16][]string {
	t.Helper()
	all := make(map[uint16][]string)
	for {
		code, length := order.Uint16(b), int(order.Uint16(b[2:]))
		if code == 0 {
			require.Len(t, b, 4)
			return all
		}
		all[code] = append(all[code], string(b[4:4+length]))
		b = b[4+(length+3)/4*4:]
	}
}

// dissect takes an IP packet apart.
func dissect(t testing.TB, b []byte) (c captured) {
	t.Helper()
	var pseudo, payload []byte
	var from, to netip.Addr
	switch b[0] >> 4 {
	case 4:
		require.EqualValues(t, 0x45, b[0])
		require.Len(t, b, int(binary.BigEndian.Uint16(b[2:])), "total length")
		require.EqualValues(t, 0xffff, sum(b[:20]), "checksum of the IPv4 header")
		require.Zero(t, binary.BigEndian.Uint16(b[6:])&0x3fff, "a fragment")
		c.protocol, payload = b[9], b[20:]
		from, _ = netip.AddrFromSlice(b[12:16])
		to, _ = netip.AddrFromSlice(b[16:20])
		pseudo = append(pseudo, b[12:20]...)
	case 6:
		require.Len(t, b[40:], int(binary.BigEndian.Uint16(b[4:])), "payload length")
		c.protocol, payload = b[6], b[40:]
		from, _ = netip.AddrFromSlice(b[8:24])
		to, _ = netip.AddrFromSlice(b[24:40])
		pseudo = append(pseudo, b[8:40]...)
	default:
		require.Fail(t, "IP version", "%d", b[0]>>4)
	}
	pseudo = append(pseudo, 0, c.protocol)
	pseudo = binary.BigEndian.AppendUint16(pseudo, uint16(len(payload)))
	require.EqualValues(t, 0xffff, sum(append(pseudo, payload...)), "checksum")
	c.from = netip.AddrPortFrom(from, binary.BigEndian.Uint16(payload))
	c.to = netip.AddrPortFrom(to, binary.BigEndian.Uint16(payload[2:]))
	switch c.protocol {
	case udp:
		require.Len(t, payload, int(binary.BigEndian.Uint16(payload[4:])))
		require.NotZero(t, binary.BigEndian.Uint16(payload[6:]), "no checksum")
		c.text = string(payload[8:])
	case tcp:
		c.seq, c.ack = binary.BigEndian.Uint32(payload[4:]), binary.BigEndian.Uint32(payload[8:])
		require.EqualValues(t, 0x50, payload[12], "header length")
		require.EqualValues(t, 0x18, payload[13], "PSH and ACK")
		c.text = string(payload[20:])
	}
	return c
}

// sum is what RFC 1071 calls the one's complement sum; a whole header's is -0.
func sum(b []byte) uint16 {
	var total uint64
	for i, octet := range b {
		total += uint64(octet) << (8 * (1 - i%2))
	}
	for total > 0xffff {
		total = total&0xffff + total>>16
	}
	return uint16(total)
}

// flow reads "udp 192.0.2.1:5060 192.0.2.2:40000".
func flow(network, local, remote string) sip.Flow {
	return sip.Flow{Network: network, Local: netip.MustParseAddrPort(local), Remote: netip.MustParseAddrPort(remote)}
}

var noon = time.Date(2026, 5, 4, 12, 0, 0, 123456789, time.UTC)

func in(f sip.Flow, text string) transport.Tapped {
	return transport.Tapped{Time: noon, Flow: f, Text: text}
}

func out(f sip.Flow, text string) transport.Tapped {
	return transport.Tapped{Time: noon, Flow: f, Sent: true, Text: text}
}
