package transport_test

import (
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
