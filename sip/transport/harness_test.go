package transport_test

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/transport"
	"github.com/patchbay-sip/patchbay/sip/transport/memnet"
)

// checkLeaks looks for goroutines that are left when all else is cleaned up.
func checkLeaks(t testing.TB) {
	t.Helper()
	t.Cleanup(func() { goleak.VerifyNone(t) })
}

// recorder is a Sink that keeps what it is told. on, if set, sees messages and
// malformed ones first, on the reader's goroutine.
type recorder struct {
	messages  chan delivery
	malformed chan delivery
	failed    chan failure
	on        func(f sip.Flow, m sip.Message, err *sip.ParseError)
}

type delivery struct {
	flow sip.Flow
	m    sip.Message
	err  *sip.ParseError
}

type failure struct {
	flow sip.Flow
	err  error
}

func newRecorder() *recorder {
	return &recorder{
		messages:  make(chan delivery, 4096),
		malformed: make(chan delivery, 4096),
		failed:    make(chan failure, 4096),
	}
}

func (r *recorder) Message(f sip.Flow, m sip.Message) {
	if r.on != nil {
		r.on(f, m, nil)
	}
	r.messages <- delivery{flow: f, m: m}
}

func (r *recorder) Malformed(f sip.Flow, m sip.Message, err *sip.ParseError) {
	if r.on != nil {
		r.on(f, m, err)
	}
	r.malformed <- delivery{f, m, err}
}

func (r *recorder) FlowFailed(f sip.Flow, err error) { r.failed <- failure{f, err} }

// serve runs a transport until the end of the test.
func serve(t testing.TB, tr transport.Transport) *recorder {
	t.Helper()
	return serveSink(t, tr, newRecorder())
}

func serveSink(t testing.TB, tr transport.Transport, r *recorder) *recorder {
	t.Helper()
	served := make(chan error, 1)
	go func() { served <- tr.Serve(r) }()
	t.Cleanup(func() {
		if err := tr.Close(); err != nil {
			t.Error("Close:", err)
		}
		if err := <-served; !errors.Is(err, net.ErrClosed) {
			t.Error("Serve:", err)
		}
	})
	return r
}

// options is a request that asks for rport.
func options(callID string) string { return request("OPTIONS", callID, "192.0.2.1:5060;rport", "") }

func request(method, callID, sentBy, body string) string {
	return fmt.Sprintf("%s sip:bob@example.com SIP/2.0\r\n"+
		"Via: SIP/2.0/UDP %s;branch=z9hG4bK%s\r\n"+
		"Max-Forwards: 70\r\n"+
		"From: <sip:alice@example.com>;tag=1\r\n"+
		"To: <sip:bob@example.com>\r\n"+
		"Call-ID: %s\r\n"+
		"CSeq: 1 %s\r\n"+
		"Content-Length: %d\r\n\r\n%s", method, sentBy, callID, callID, method, len(body), body)
}

func parse(t testing.TB, text string) sip.Message {
	t.Helper()
	m, err := sip.Parse([]byte(text))
	require.NoError(t, err)
	return m
}

func ok(t testing.TB, m sip.Message) *sip.Response {
	t.Helper()
	require.IsType(t, &sip.Request{}, m)
	return sip.NewResponse(m.(*sip.Request), 200)
}

// udpOn makes a UDP transport on a memnet address.
func udpOn(t testing.TB, n *memnet.Network, addr string, opts ...transport.Option) *transport.UDP {
	t.Helper()
	conn, err := n.ListenPacket(addr)
	require.NoError(t, err)
	return transport.NewUDP(conn, opts...)
}

// tcpOn makes a TCP transport on a memnet address, which it dials from, too.
func tcpOn(t testing.TB, n *memnet.Network, addr string, opts ...transport.Option) *transport.TCP {
	t.Helper()
	l, err := n.Listen(addr)
	require.NoError(t, err)
	dialer := transport.WithDialer(n.Dialer(netip.MustParseAddrPort(addr).Addr()))
	return transport.NewTCP(l, append([]transport.Option{dialer}, opts...)...)
}

// dial connects a bare stream to a listener of memnet.
func dial(t testing.TB, n *memnet.Network, from, to string) net.Conn {
	t.Helper()
	c, err := n.Dialer(netip.MustParseAddr(from))(t.Context(), "tcp", to)
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}

func hop(network, addr string) sip.Hop {
	return sip.Hop{Network: network, Addr: netip.MustParseAddrPort(addr)}
}

// readMessage reads one message without a body from a bare stream.
func readMessage(t testing.TB, c net.Conn) string {
	t.Helper()
	var text strings.Builder
	b := make([]byte, 1)
	for !strings.HasSuffix(text.String(), "\r\n\r\n") {
		_, err := c.Read(b)
		require.NoError(t, err, "after %q", text.String())
		text.Write(b)
	}
	return text.String()
}
