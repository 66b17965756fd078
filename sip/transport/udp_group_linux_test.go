package transport_test

import (
	"net"
	"net/netip"
	"strconv"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/transport"
)

// bareUDP is a socket without a transport.
func bareUDP(t testing.TB, addr string) *net.UDPConn {
	t.Helper()
	c, err := net.ListenPacket("udp", addr)
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	return c.(*net.UDPConn)
}

// TestUDPSocketsKeepOrder: what one peer sends comes in order however many
// sockets are read, and goes in order, from the address that was asked.
func TestUDPSocketsKeepOrder(t *testing.T) {
	const sockets, peers, each = 4, 16, 50
	checkLeaks(t)
	u, err := transport.ListenUDP("0.0.0.0:0", transport.WithSockets(sockets))
	require.NoError(t, err)
	r := newRecorder()
	var mu sync.Mutex
	next := make(map[sip.Flow]int)
	r.on = func(f sip.Flow, m sip.Message, _ *sip.ParseError) {
		mu.Lock()
		want := strconv.Itoa(next[f])
		next[f]++
		mu.Unlock()
		if m.Head().CallID() != want {
			t.Errorf("%v: got %s, want %s", f, m.Head().CallID(), want)
		}
		if err := u.Send(f, ok(t, m)); err != nil {
			t.Error(err)
		}
	}
	serveSink(t, u, r)
	to := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.2"), u.Addrs()[0].Port())
	conns := make([]*net.UDPConn, peers)
	for i := range conns {
		conns[i] = bareUDP(t, "127.0.0.1:0")
	}
	for i := range each {
		for _, c := range conns {
			_, err := c.WriteToUDPAddrPort([]byte(options(strconv.Itoa(i))), to)
			require.NoError(t, err)
		}
	}
	b := make([]byte, 2000)
	for _, c := range conns {
		for i := range each {
			n, from, err := c.ReadFromUDPAddrPort(b)
			require.NoError(t, err)
			require.Equal(t, to, from)
			m := parse(t, string(b[:n]))
			require.Equal(t, strconv.Itoa(i), m.Head().CallID())
		}
	}
	require.Len(t, next, peers)
	require.EqualValues(t, peers*each, u.Stats().Received)
}

// TestUDPUnreachable: an ICMP error is told, and the flow stays usable.
func TestUDPUnreachable(t *testing.T) {
	for _, listen := range []string{"127.0.0.1:0", "0.0.0.0:0"} {
		for _, sockets := range []int{1, 3} {
			t.Run(listen+" "+strconv.Itoa(sockets), func(t *testing.T) { testUnreachable(t, listen, sockets) })
		}
	}
}

func testUnreachable(t *testing.T, listen string, sockets int) {
	checkLeaks(t)
	u, err := transport.ListenUDP(listen, transport.WithSockets(sockets))
	require.NoError(t, err)
	r := serve(t, u)
	peer := bareUDP(t, "127.0.0.1:0")
	to := peer.LocalAddr().(*net.UDPAddr).AddrPort()
	require.NoError(t, peer.Close())
	flow, err := u.Connect(t.Context(), sip.Hop{Network: "udp", Addr: to})
	require.NoError(t, err)
	for i := range 3 {
		require.NoError(t, u.Send(flow, parse(t, options("a"))), "an error that came late fails no send")
		failed := <-r.failed
		require.ErrorIs(t, failed.err, syscall.ECONNREFUSED)
		require.Equal(t, sip.Flow{Network: "udp", Local: u.Addrs()[0], Remote: to}, failed.flow)
		require.EqualValues(t, i+1, u.Stats().Unreachable)
	}
	back := bareUDP(t, to.String())
	require.NoError(t, u.Send(flow, parse(t, options("b"))))
	n, _, err := back.ReadFromUDPAddrPort(make([]byte, 2000))
	require.NoError(t, err)
	require.NotZero(t, n)
}

// TestUDPOverflow: what the kernel drops because nobody reads is counted.
func TestUDPOverflow(t *testing.T) {
	u, err := transport.ListenUDP("127.0.0.1:0", transport.WithSockets(1), transport.WithSocketBuffers(4096, 4096))
	require.NoError(t, err)
	defer u.Close()
	c := bareUDP(t, "127.0.0.1:0")
	for range 200 {
		_, err := c.WriteToUDPAddrPort([]byte(options("a")), u.Addrs()[0])
		require.NoError(t, err)
	}
	dropped := u.Stats().Dropped.Overflow
	require.Greater(t, dropped, uint64(100))
	require.NoError(t, u.Close())
	require.Equal(t, dropped, u.Stats().Dropped.Overflow, "the count outlives the socket")
}

// TestUDPUnusableSocket: a connected socket cannot answer its peers.
func TestUDPUnusableSocket(t *testing.T) {
	c, err := net.Dial("udp", "127.0.0.1:9")
	require.NoError(t, err)
	u := transport.NewUDP(c.(net.PacketConn))
	flow := sip.Flow{Network: "udp", Remote: netip.MustParseAddrPort("127.0.0.1:9")}
	_, connecting := u.Connect(t.Context(), hop("udp", "127.0.0.1:9"))
	for _, err := range []error{u.Serve(newRecorder()), connecting, u.Send(flow, parse(t, options("a"))), u.Ping(flow)} {
		require.ErrorContains(t, err, "connected")
	}
	require.NoError(t, u.Close())
	require.ErrorIs(t, c.Close(), net.ErrClosed, "Close closed it")
}
