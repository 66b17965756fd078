package transport_test

import (
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/internal/udpio"
	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/transport"
)

// BenchmarkUDPSaturated is what answering a packet of 500 bytes costs when
// there is always another one: through the transport, through the transport
// with what package net has, and with a bare loop that parses and writes out as
// well, or only copies. The CPU time is the whole process's, with a client's
// share that is the same in each.
func BenchmarkUDPSaturated(b *testing.B) {
	through := func(b *testing.B, u *transport.UDP) {
		go func() { _ = u.Serve(&echo{Transport: u}) }()
		saturate(b, u.Addrs()[0])
		require.NoError(b, u.Close())
	}
	b.Run("transport", func(b *testing.B) {
		u, err := transport.ListenUDP("127.0.0.1:0", transport.WithSockets(1))
		require.NoError(b, err)
		through(b, u)
	})
	b.Run("transport over net", func(b *testing.B) {
		through(b, transport.NewUDP(plainConn{bareUDP(b, "127.0.0.1:0")}))
	})
	bare := func(b *testing.B, work func(packet, out []byte) []byte) {
		c := bareUDP(b, "127.0.0.1:0")
		require.NoError(b, c.SetReadBuffer(4<<20)) // as the transport has it
		go bareLoop(c, work)
		saturate(b, c.LocalAddr().(*net.UDPAddr).AddrPort())
	}
	b.Run("bare, parsing", func(b *testing.B) {
		bare(b, func(packet, out []byte) []byte {
			m, err := sip.Parse(packet)
			if err != nil {
				return nil
			}
			return m.Append(out)
		})
	})
	b.Run("bare", func(b *testing.B) {
		bare(b, func(packet, _ []byte) []byte { return packet })
	})
}

// plainConn hides that it is a *net.UDPConn.
type plainConn struct{ *net.UDPConn }

func bareLoop(c *net.UDPConn, work func(packet, out []byte) []byte) {
	in, out := make([]byte, 65536), make([]byte, 0, 65536)
	for {
		n, from, err := c.ReadFromUDPAddrPort(in)
		if err != nil {
			return
		}
		_, _ = c.WriteToUDPAddrPort(work(in[:n], out[:0]), from)
	}
}

// saturate keeps up to 128 packets under way.
func saturate(b *testing.B, addr netip.AddrPort) {
	conns, err := udpio.Listen(b.Context(), "udp", "127.0.0.1:0", udpio.Options{ReadBuffer: 4 << 20})
	require.NoError(b, err)
	client := conns[0]
	defer client.Close()
	text := []byte(request("MESSAGE", "bench", client.LocalAddr().Addr().String(), string(make([]byte, 270))))
	packets := make([]udpio.Packet, 32)
	for i := range packets {
		packets[i] = udpio.Packet{Data: text, Peer: addr}
	}
	total := (b.N/len(packets) + 1) * len(packets)
	b.ReportAllocs()
	b.ResetTimer()
	start := processTime()
	sent, back := 0, 0
	for back < total {
		for sent < total && sent-back <= 96 {
			n, err := client.Write(packets)
			require.NoError(b, err)
			sent += n
		}
		got, err := client.Read()
		require.NoError(b, err)
		back += len(got)
	}
	b.ReportMetric(float64(processTime()-start)/float64(total), "cpu-ns/packet")
}

func processTime() time.Duration {
	var r syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
