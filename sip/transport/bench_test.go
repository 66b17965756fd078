package transport_test

import (
	"net"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/transport"
	"github.com/patchbay-sip/patchbay/sip/transport/memnet"
)

// echo sends each message back where it came from.
type echo struct {
	transport.Transport
	back chan struct{} // of a client: a message came
}

func (e *echo) Message(f sip.Flow, m sip.Message) {
	if e.back != nil {
		e.back <- struct{}{}
		return
	}
	_ = e.Send(f, m)
}

func (e *echo) Malformed(sip.Flow, sip.Message, *sip.ParseError) {}
func (e *echo) FlowFailed(sip.Flow, error)                       {}

// benchmarkEcho measures a message of 500 bytes there and back: two times
// receive, parse, render and send.
func benchmarkEcho(b *testing.B, server, client transport.Transport) {
	defer client.Close()
	defer server.Close()
	back := &echo{client, make(chan struct{}, 1)}
	go server.Serve(&echo{Transport: server})
	go client.Serve(back)
	addr := server.Addrs()[0]
	if addr.Addr().IsUnspecified() {
		addr = netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), addr.Port())
	}
	flow, err := client.Connect(b.Context(), sip.Hop{Network: server.Network(), Addr: addr})
	require.NoError(b, err)
	m := parse(b, request("MESSAGE", "bench", flow.Local.Addr().String(), string(make([]byte, 270))))
	require.InDelta(b, 500, len(m.String()), 10)
	b.ReportAllocs()
	for b.Loop() {
		_ = client.Send(flow, m)
		<-back.back
	}
}

// BenchmarkParse is what of an echo is sip's part, twice.
func BenchmarkParse(b *testing.B) {
	text := []byte(request("MESSAGE", "bench", "127.0.0.1", string(make([]byte, 270))))
	b.ReportAllocs()
	for b.Loop() {
		for range 2 {
			_, _ = sip.Parse(text)
		}
	}
}

func BenchmarkUDPEcho(b *testing.B) {
	n := memnet.New()
	benchmarkEcho(b, udpOn(b, n, "10.0.0.1:5060"), udpOn(b, n, "10.0.0.2:5060"))
}

func BenchmarkUDPEchoSocket(b *testing.B) {
	server, err := transport.ListenUDP("127.0.0.1:0")
	require.NoError(b, err)
	client, err := transport.ListenUDP("127.0.0.1:0")
	require.NoError(b, err)
	benchmarkEcho(b, server, client)
}

// BenchmarkUDPEchoWildcard has the kernel tell the address of each packet.
func BenchmarkUDPEchoWildcard(b *testing.B) {
	server, err := transport.ListenUDP("0.0.0.0:0")
	require.NoError(b, err)
	client, err := transport.ListenUDP("127.0.0.1:0")
	require.NoError(b, err)
	benchmarkEcho(b, server, client)
}

func BenchmarkTCPEcho(b *testing.B) {
	n := memnet.New()
	benchmarkEcho(b, tcpOn(b, n, "10.0.0.1:5060"), tcpOn(b, n, "10.0.0.2:5060"))
}

func BenchmarkTCPEchoSocket(b *testing.B) {
	server, err := transport.ListenTCP("127.0.0.1:0")
	require.NoError(b, err)
	benchmarkEcho(b, server, transport.NewTCP(nil))
}

// BenchmarkTap is what a message to send costs with a tap and without one.
func BenchmarkTap(b *testing.B) {
	for name, opts := range map[string][]transport.Option{
		"none":    nil,
		"stalled": {transport.WithTap(transport.NewTap(1))},
		"served":  {transport.WithTap(servedTap(b))},
	} {
		b.Run(name, func(b *testing.B) {
			u, err := transport.ListenUDP("127.0.0.1:0", opts...)
			require.NoError(b, err)
			defer u.Close()
			deaf, err := net.ListenPacket("udp", "127.0.0.1:0")
			require.NoError(b, err)
			defer deaf.Close()
			flow, err := u.Connect(b.Context(), sip.Hop{Network: "udp", Addr: deaf.LocalAddr().(*net.UDPAddr).AddrPort()})
			require.NoError(b, err)
			m := parse(b, request("MESSAGE", "bench", "127.0.0.1", string(make([]byte, 270))))
			b.ReportAllocs()
			for b.Loop() {
				_ = u.Send(flow, m)
			}
		})
	}
}

// servedTap is a tap whose consumer keeps up.
func servedTap(b *testing.B) *transport.Tap {
	tap := transport.NewTap(0)
	go func() { _ = tap.Serve(func(transport.Tapped) {}) }()
	b.Cleanup(func() { _ = tap.Close() })
	return tap
}
