package pcap_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/transport"
	"github.com/patchbay-sip/patchbay/sip/transport/pcap"
)

// write returns the packets of messages.
func write(t testing.TB, messages ...transport.Tapped) []captured {
	t.Helper()
	var file bytes.Buffer
	w := pcap.NewWriter(&file)
	for _, m := range messages {
		require.NoError(t, w.Write(m))
	}
	return read(t, file.Bytes())
}

func TestNetworks(t *testing.T) {
	for name, c := range map[string]struct {
		flow          sip.Flow
		local, remote string // of the packet
		protocol      byte
		comments      []string
	}{
		"udp":          {flow("udp", "192.0.2.1:5070", "192.0.2.2:40000"), "192.0.2.1:5070", "192.0.2.2:40000", udp, nil},
		"udp, IPv6":    {flow("udp", "[2001:db8::1]:5060", "[2001:db8::2]:5060"), "[2001:db8::1]:5060", "[2001:db8::2]:5060", udp, nil},
		"udp, mapped":  {flow("udp", "[::ffff:192.0.2.1]:5060", "192.0.2.2:5060"), "192.0.2.1:5060", "192.0.2.2:5060", udp, nil},
		"udp, zone":    {flow("udp", "[fe80::1%eth0]:5060", "[fe80::2%eth0]:5060"), "[fe80::1]:5060", "[fe80::2]:5060", udp, nil},
		"tcp":          {flow("tcp", "192.0.2.1:5070", "192.0.2.2:40000"), "192.0.2.1:5070", "192.0.2.2:40000", tcp, nil},
		"tcp, IPv6":    {flow("tcp", "[2001:db8::1]:5060", "[2001:db8::2]:4000"), "[2001:db8::1]:5060", "[2001:db8::2]:4000", tcp, nil},
		"tls":          {flow("tls", "192.0.2.1:5061", "192.0.2.2:40000"), "192.0.2.1:5060", "192.0.2.2:40000", tcp, []string{"tls 192.0.2.1:5061 <- 192.0.2.2:40000"}},
		"tls, dialed":  {flow("tls", "192.0.2.1:40000", "192.0.2.2:5061"), "192.0.2.1:40000", "192.0.2.2:5060", tcp, []string{"tls 192.0.2.1:40000 <- 192.0.2.2:5061"}},
		"ws":           {flow("ws", "192.0.2.1:80", "192.0.2.2:40000"), "192.0.2.1:5060", "192.0.2.2:40000", tcp, []string{"ws 192.0.2.1:80 <- 192.0.2.2:40000"}},
		"wss, IPv6":    {flow("wss", "[::1]:443", "[::2]:40000"), "[::1]:5060", "[::2]:40000", tcp, []string{"wss [::1]:443 <- [::2]:40000"}},
		"no local end": {sip.Flow{Network: "tcp", Remote: netip.MustParseAddrPort("192.0.2.2:40000")}, "[::]:0", "[::ffff:192.0.2.2]:40000", tcp, nil},
	} {
		t.Run(name, func(t *testing.T) {
			packets := write(t, in(c.flow, "to us"), out(c.flow, "from us"))
			require.Len(t, packets, 2)
			for i, p := range packets {
				require.True(t, noon.Equal(p.at), "%v", p.at)
				require.Equal(t, c.protocol, p.protocol)
				require.Equal(t, c.comments, p.comments)
				local, remote := p.to, p.from
				if i == 1 {
					local, remote = p.from, p.to
				}
				require.Equal(t, c.local, local.String())
				require.Equal(t, c.remote, remote.String())
			}
			require.EqualValues(t, 1, packets[0].flags, "inbound")
			require.EqualValues(t, 2, packets[1].flags, "outbound")
			require.Equal(t, "to us", packets[0].text)
			require.Equal(t, "from us", packets[1].text)
		})
	}
}

// TestBytes holds a whole file: the header, and one message of three octets.
func TestBytes(t *testing.T) {
	want := strings.Join([]string{
		"0a0d0d0a 2c000000 4d3c2b1a 0100 0000 ffffffffffffffff", // section header
		"0400 0800 5061746368626179 0000 0000 2c000000",
		"01000000 20000000 6500 0000 00000400", // interface: RAW
		"0900 0100 09000000 0000 0000 20000000",
		"06000000 4c000000 00000000", // packet
		"%s 1f000000 1f000000",
		"4500001f 0001 4000 40 11 b6c9 c0000201 c0000202", // IPv4
		"13c4 9c40 000b 076d",                             // UDP
		"616263 00",
		"0200 0400 01000000 0000 0000 4c000000",
	}, "")
	at := uint64(noon.UnixNano())
	var stamp []byte
	stamp = order.AppendUint32(stamp, uint32(at>>32))
	stamp = order.AppendUint32(stamp, uint32(at))
	want = strings.ReplaceAll(fmt.Sprintf(want, hex.EncodeToString(stamp)), " ", "")

	var file bytes.Buffer
	require.NoError(t, pcap.NewWriter(&file).Write(in(flow("udp", "192.0.2.2:40000", "192.0.2.1:5060"), "abc")))
	require.Equal(t, want, hex.EncodeToString(file.Bytes()))
}

// TestStreams: each direction goes on where it was, and acknowledges the other
// one; streams do not mix.
func TestStreams(t *testing.T) {
	a, b := flow("tcp", "192.0.2.1:5060", "192.0.2.2:40000"), flow("tcp", "192.0.2.1:5060", "192.0.2.2:40001")
	packets := write(t, in(a, "abc"), out(a, "defg"), in(b, "hi"), in(a, "jkl"), out(b, "mno"), out(a, "p"))
	check := func(i int, seq, ack uint32) {
		t.Helper()
		require.Equal(t, [2]uint32{seq, ack}, [2]uint32{packets[i].seq, packets[i].ack}, "packet %d", i)
	}
	check(0, 1, 1)
	check(1, 1, 4)
	check(2, 8, 8)
	check(3, 4, 5)
	check(4, 8, 10)
	check(5, 5, 7)
}

// TestForgottenStream: a stream that comes back after so many others that it was
// forgotten does not go back.
func TestForgottenStream(t *testing.T) {
	var file bytes.Buffer
	w := pcap.NewWriter(&file)
	first := flow("tcp", "192.0.2.1:5060", "192.0.2.2:40000")
	require.NoError(t, w.Write(in(first, "abc")))
	for i := range 1 << 17 {
		remote := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 16), 1}), uint16(i))
		if err := w.Write(in(sip.Flow{Network: "tcp", Local: first.Local, Remote: remote}, "x")); err != nil {
			t.Fatal(err)
		}
		file.Reset()
	}
	require.NoError(t, w.Write(in(first, "def")))
	packet := dissect(t, file.Bytes()[28:28+43])
	require.Equal(t, "def", packet.text)
	require.GreaterOrEqual(t, packet.seq, uint32(4))
	require.Equal(t, packet.seq, packet.ack)
}

// TestLongMessage: on a stream it is cut; in a datagram it has to fit.
func TestLongMessage(t *testing.T) {
	for _, addr := range []string{"192.0.2.1:5060", "[2001:db8::1]:5060"} {
		text := strings.Repeat("0123456789", 20_000)
		var whole string
		for i, p := range write(t, out(flow("tcp", addr, addr), text)) {
			require.EqualValues(t, 1+len(whole), p.seq, "segment %d", i)
			whole += p.text
		}
		require.Equal(t, text, whole)
	}

	var file bytes.Buffer
	w := pcap.NewWriter(&file)
	for addr, most := range map[string]int{"192.0.2.1:5060": 65507, "[2001:db8::1]:5060": 65527} {
		datagrams := flow("udp", addr, addr)
		require.NoError(t, w.Write(in(datagrams, strings.Repeat("x", most))))
		require.ErrorIs(t, w.Write(in(datagrams, strings.Repeat("x", most+1))), transport.ErrTooLarge)
	}
	require.Len(t, read(t, file.Bytes()), 2)
}

// TestChecksumOfZero: a datagram whose checksum is 0 has 0xffff there, since 0
// means that there is none (RFC 768), which read does not let pass. Of what TN is
// sent with the sum is 0xabb1, and TN is 0x544e.
func TestChecksumOfZero(t *testing.T) {
	write(t, in(flow("udp", "192.0.2.1:5060", "192.0.2.2:5060"), "TN"))
}

func TestRefused(t *testing.T) {
	m := in(flow("wss", "192.0.2.1:443", "192.0.2.2:40000"), "garbage")
	m.Err = errors.New("no SIP")
	require.Equal(t, []string{"wss 192.0.2.1:443 <- 192.0.2.2:40000", "refused: no SIP"}, write(t, m)[0].comments)

	m.Err = errors.New("caf\xe9 " + strings.Repeat("é", 70_000))
	comment := write(t, m)[0].comments[1]
	require.Less(t, len(comment), 1000)
	require.True(t, strings.HasPrefix(comment, "refused: caf éé"), comment)
	require.Equal(t, strings.ToValidUTF8(comment, "?"), comment)
}

func TestWriterError(t *testing.T) {
	r, w := io.Pipe()
	require.NoError(t, r.Close())
	require.ErrorIs(t, pcap.NewWriter(w).Write(in(flow("udp", "192.0.2.1:1", "192.0.2.2:2"), "x")), io.ErrClosedPipe)
}

func BenchmarkWriter(b *testing.B) {
	for _, network := range []string{"udp", "tcp", "wss"} {
		b.Run(network, func(b *testing.B) {
			w := pcap.NewWriter(io.Discard)
			m := out(flow(network, "192.0.2.1:5060", "192.0.2.2:40000"), strings.Repeat("x", 800))
			b.ReportAllocs()
			for b.Loop() {
				_ = w.Write(m)
			}
		})
	}
}
