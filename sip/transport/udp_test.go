package transport_test

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/transport"
	"github.com/patchbay-sip/patchbay/sip/transport/memnet"
)

func TestUDPRequestAndResponse(t *testing.T) {
	checkLeaks(t)
	n := memnet.New()
	alice, bob := udpOn(t, n, "10.0.0.1:5060"), udpOn(t, n, "[2001:db8::1]:5080")
	defer alice.Close()
	defer bob.Close()
	atAlice, atBob := serve(t, alice), serve(t, bob)

	_, err := alice.Connect(t.Context(), hop("udp", "[2001:db8::1]:5080"))
	require.Error(t, err, "an IPv4 socket reaches no IPv6 address")
	require.ErrorIs(t, err, syscall.EAFNOSUPPORT)

	carol := udpOn(t, n, "10.0.0.3:5060")
	defer carol.Close()
	atCarol := serve(t, carol)
	flow, err := alice.Connect(t.Context(), hop("udp", "[::ffff:10.0.0.3]:5060"))
	require.NoError(t, err)
	require.Equal(t, sip.Flow{
		Network: "udp",
		Local:   netip.MustParseAddrPort("10.0.0.1:5060"),
		Remote:  netip.MustParseAddrPort("10.0.0.3:5060"),
	}, flow)
	require.Equal(t, sip.HostPort{Host: "10.0.0.1", Port: 5060}, alice.SentBy(flow))
	require.Equal(t, []netip.AddrPort{netip.MustParseAddrPort("10.0.0.1:5060")}, alice.Addrs())

	require.NoError(t, alice.Send(flow, parse(t, options("a"))))
	got := <-atCarol.messages
	require.Equal(t, "udp 10.0.0.3:5060 <- 10.0.0.1:5060", got.flow.String())
	require.Equal(t, "SIP/2.0/UDP 192.0.2.1:5060;rport=5060;branch=z9hG4bKa;received=10.0.0.1", got.m.Head().Get("Via"))

	require.NoError(t, carol.Send(got.flow, ok(t, got.m)))
	back := <-atAlice.messages
	require.Equal(t, flow, back.flow)
	require.Equal(t, 200, back.m.(*sip.Response).StatusCode)
	require.Empty(t, atBob.messages)

	peer, there := carol.Peer(got.flow)
	require.True(t, there)
	require.Equal(t, got.flow, peer.Flow)
	require.Equal(t, sip.HostPort{Host: "2001:db8::1", Port: 5080}, bob.SentBy(sip.Flow{}))
}

func TestUDPForeignFlow(t *testing.T) {
	u := udpOn(t, memnet.New(), "10.0.0.1:5060")
	defer u.Close()
	m := parse(t, options("a"))
	mine := sip.Flow{Network: "udp", Remote: netip.MustParseAddrPort("10.0.0.2:5060")}
	require.NoError(t, u.Send(mine, m), "without a local address, any")
	for _, change := range []func(*sip.Flow){
		func(f *sip.Flow) { f.Network = "tcp" },
		func(f *sip.Flow) { f.ID = 1 },
		func(f *sip.Flow) { f.Local = netip.MustParseAddrPort("10.0.0.2:5060") },
		func(f *sip.Flow) { f.Local = netip.MustParseAddrPort("10.0.0.1:5061") },
		func(f *sip.Flow) { f.Remote = netip.AddrPort{} },
	} {
		f := mine
		change(&f)
		err := u.Send(f, m)
		require.ErrorIs(t, err, transport.ErrFlowGone)
		require.ErrorIs(t, err, net.ErrClosed)
		_, there := u.Peer(f)
		require.False(t, there)
	}
	for _, h := range []sip.Hop{{}, hop("tcp", "10.0.0.2:5060"), hop("udp", "10.0.0.2:0")} {
		_, err := u.Connect(t.Context(), h)
		require.Error(t, err)
	}
	require.EqualValues(t, 5, u.Stats().Dropped.FlowGone)
}

func TestUDPTooLarge(t *testing.T) {
	n := memnet.New()
	u := udpOn(t, n, "10.0.0.1:5060")
	defer u.Close()
	flow, err := u.Connect(t.Context(), hop("udp", "10.0.0.2:5060"))
	require.NoError(t, err)
	req := parse(t, options("a"))
	req.SetBody("text/plain", strings.Repeat("x", 65507-len(req.String())-len("Content-Type: text/plain\r\n0000")))
	require.Len(t, req.String(), 65507)
	require.NoError(t, u.Send(flow, req))
	req.Head().Add("X", "")
	require.ErrorIs(t, u.Send(flow, req), transport.ErrTooLarge)
	require.EqualValues(t, 1, u.Stats().Dropped.TooLarge)
}

// TestUDPNoMessage: what is no message is dropped and counted, and the next
// message comes through.
func TestUDPNoMessage(t *testing.T) {
	checkLeaks(t)
	n := memnet.New()
	stun := "\x00\x01\x00\x00\x21\x12\xa4\x42transaction!"
	u := udpOn(t, n, "10.0.0.1:5060", transport.WithSTUN(func(packet []byte, from netip.AddrPort) []byte {
		if string(packet) != stun {
			return nil
		}
		return []byte("you are " + from.String())
	}))
	r := serve(t, u)
	c, err := n.ListenPacket("10.0.0.2:7")
	require.NoError(t, err)
	defer c.Close()
	for _, packet := range []string{
		"", "\r\n", "\r\n\r\n", "\x00", "\x00\x00\x00\x00", // keep-alives
		stun, "\x01" + stun[1:], // the second one gets no answer
		"GET / HTTP/1.1\r\n\r\n", "\xff\xfe\xfd", strings.Repeat("A", 60000), "SIP/2.0 999 no code\r\n\r\n", // no SIP
		options("a"),
	} {
		_, err := c.WriteTo([]byte(packet), net.UDPAddrFromAddrPort(u.Addrs()[0]))
		require.NoError(t, err)
	}
	require.Equal(t, "a", (<-r.messages).m.Head().CallID())
	require.Empty(t, r.malformed)
	stats := u.Stats()
	require.Equal(t, transport.Stats{
		Received: 1, KeepAlives: 5, STUN: 2,
		Dropped: transport.Drops{NotSIP: 4},
	}, stats)

	b := make([]byte, 100)
	count, _, err := c.ReadFrom(b)
	require.NoError(t, err)
	require.Equal(t, "you are 10.0.0.2:7", string(b[:count]))
}

func TestUDPPing(t *testing.T) {
	n := memnet.New()
	u := udpOn(t, n, "10.0.0.1:5060")
	defer u.Close()
	c, err := n.ListenPacket("10.0.0.2:7")
	require.NoError(t, err)
	defer c.Close()
	flow, err := u.Connect(t.Context(), hop("udp", "10.0.0.2:7"))
	require.NoError(t, err)
	require.NoError(t, u.Ping(flow))
	b := make([]byte, 100)
	count, _, err := c.ReadFrom(b)
	require.NoError(t, err)
	require.Equal(t, "\r\n", string(b[:count]))
}

// brokenConn fails to read as often as it is told.
type brokenConn struct {
	net.PacketConn
	failures atomic.Int32
}

func (c *brokenConn) ReadFrom(b []byte) (int, net.Addr, error) {
	if c.failures.Add(-1) >= 0 {
		return 0, nil, &net.OpError{Op: "read", Net: "udp", Err: syscall.ECONNREFUSED}
	}
	return c.PacketConn.ReadFrom(b)
}

// TestUDPReadErrors: errors of the socket neither end Serve nor make it spin.
func TestUDPReadErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		conn, err := n.ListenPacket("10.0.0.1:5060")
		require.NoError(t, err)
		broken := &brokenConn{PacketConn: conn}
		broken.failures.Store(20)
		u := transport.NewUDP(broken)
		r := serve(t, u)
		start := time.Now()
		other := udpOn(t, n, "10.0.0.2:5060")
		defer other.Close()
		flow, err := other.Connect(t.Context(), hop("udp", "10.0.0.1:5060"))
		require.NoError(t, err)
		require.NoError(t, other.Send(flow, parse(t, options("a"))))
		<-r.messages
		require.Greater(t, time.Since(start), 9*time.Second, "pauses grow to a second")
		require.Less(t, time.Since(start), 12*time.Second)
		require.EqualValues(t, 20, u.Stats().Dropped.ReadErrors)

		require.NoError(t, u.Ping(sip.Flow{Network: "udp", Remote: other.Addrs()[0]}), "any PacketConn can write")

		// One error, such as an ICMP message that came back, costs no time.
		broken.failures.Store(1)
		start = time.Now()
		for range 2 {
			require.NoError(t, other.Send(flow, parse(t, options("b"))))
			<-r.messages
		}
		require.Zero(t, time.Since(start))
	})
}

// TestUDPSocketClosedByOther: a socket that someone else closed ends Serve.
func TestUDPSocketClosedByOther(t *testing.T) {
	conn, err := memnet.New().ListenPacket("10.0.0.1:5060")
	require.NoError(t, err)
	u := transport.NewUDP(conn)
	require.NoError(t, conn.Close())
	require.ErrorIs(t, u.Serve(newRecorder()), net.ErrClosed)
	flow := sip.Flow{Network: "udp", Remote: netip.MustParseAddrPort("10.0.0.2:1")}
	require.True(t, errors.Is(u.Send(flow, parse(t, options("a"))), net.ErrClosed))
	require.NoError(t, u.Close())
}

// fullConn is a socket that has no room for what is sent, as some systems and
// queues of network interfaces put it.
type fullConn struct{ net.PacketConn }

func (fullConn) WriteTo([]byte, net.Addr) (int, error) {
	return 0, &net.OpError{Op: "write", Net: "udp", Err: os.NewSyscallError("sendto", syscall.ENOBUFS)}
}

func TestUDPNoBuffers(t *testing.T) {
	conn, err := memnet.New().ListenPacket("10.0.0.1:5060")
	require.NoError(t, err)
	u := transport.NewUDP(fullConn{conn})
	defer u.Close()
	flow := sip.Flow{Network: "udp", Remote: netip.MustParseAddrPort("10.0.0.2:5060")}
	require.ErrorIs(t, u.Send(flow, parse(t, options("a"))), transport.ErrQueueFull)
	require.Equal(t, transport.Stats{Dropped: transport.Drops{QueueFull: 1}}, u.Stats())
}
