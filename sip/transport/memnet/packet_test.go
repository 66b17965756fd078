package memnet_test

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip/transport/memnet"
)

// addrPortConn is what a socket has beside net.PacketConn's methods.
type addrPortConn interface {
	net.PacketConn
	ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error)
	WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error)
}

func listenPacket(t testing.TB, n *memnet.Network, addr string) addrPortConn {
	t.Helper()
	c, err := n.ListenPacket(addr)
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	return c.(addrPortConn)
}

func addrPort(t testing.TB, a net.Addr) netip.AddrPort {
	t.Helper()
	ap, err := netip.ParseAddrPort(a.String())
	require.NoError(t, err)
	return ap
}

func read(t testing.TB, c net.PacketConn) (string, string) {
	t.Helper()
	b := make([]byte, 1500)
	n, from, err := c.ReadFrom(b)
	require.NoError(t, err)
	return string(b[:n]), from.String()
}

func TestPacketRoundTrip(t *testing.T) {
	n := memnet.New()
	a := listenPacket(t, n, "192.0.2.1:5060")
	b := listenPacket(t, n, "[2001:db8::1]:0")

	require.Equal(t, &net.UDPAddr{IP: net.IP{192, 0, 2, 1}, Port: 5060}, a.LocalAddr())
	require.NotZero(t, addrPort(t, b.LocalAddr()).Port())

	_, err := a.WriteTo([]byte("one"), b.LocalAddr())
	require.NoError(t, err)
	text, from := read(t, b)
	require.Equal(t, "one", text)
	require.Equal(t, "192.0.2.1:5060", from)

	// A mapped address is the IPv4 address.
	_, err = b.WriteToUDPAddrPort([]byte("two"), netip.MustParseAddrPort("[::ffff:192.0.2.1]:5060"))
	require.NoError(t, err)
	short := make([]byte, 2)
	count, src, err := a.ReadFromUDPAddrPort(short)
	require.NoError(t, err)
	require.Equal(t, "tw", string(short[:count]), "cut off at the buffer's end, as UDP does")
	require.Equal(t, b.LocalAddr().String(), src.String())
	require.Equal(t, memnet.Stats{Sent: 2, Delivered: 2}, n.Stats())
}

func TestPacketAddresses(t *testing.T) {
	n := memnet.New()
	a := listenPacket(t, n, ":5060")
	require.Equal(t, "127.0.0.1:5060", a.LocalAddr().String())

	_, err := n.ListenPacket("127.0.0.1:5060")
	require.ErrorIs(t, err, syscall.EADDRINUSE)
	for _, addr := range []string{"0.0.0.0:5060", "[::]:0"} {
		_, err = n.ListenPacket(addr)
		require.ErrorIs(t, err, syscall.EADDRNOTAVAIL, addr)
	}
	_, err = n.ListenPacket("localhost:5060")
	require.Error(t, err)

	require.NoError(t, a.Close())
	require.ErrorIs(t, a.Close(), net.ErrClosed)
	_ = listenPacket(t, n, "127.0.0.1:5060") // free again
}

func TestPacketDropsAreCounted(t *testing.T) {
	n := memnet.New(memnet.WithQueue(20), memnet.WithMTU(1000))
	a, b := listenPacket(t, n, "10.0.0.1:1"), listenPacket(t, n, "10.0.0.2:2")
	to := netip.MustParseAddrPort("10.0.0.2:2")
	for i := range 25 {
		_, err := a.WriteToUDPAddrPort([]byte{byte(i)}, to)
		require.NoError(t, err)
	}
	_, err := a.WriteToUDPAddrPort(make([]byte, 1001), to)
	require.NoError(t, err)
	_, err = a.WriteToUDPAddrPort(nil, netip.MustParseAddrPort("10.0.0.3:3"))
	require.NoError(t, err)
	_, err = a.WriteToUDPAddrPort(make([]byte, 65508), to)
	require.ErrorIs(t, err, syscall.EMSGSIZE)

	require.Equal(t, memnet.Stats{Sent: 27, Delivered: 20, Overflow: 5, TooLong: 1, NoSocket: 1}, n.Stats())
	for i := range 20 { // the first ones, in order
		text, _ := read(t, b)
		require.Equal(t, string([]byte{byte(i)}), text)
	}
}

func TestPacketDeadlineAndClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := listenPacket(t, memnet.New(), ":0")
		start := time.Now()
		require.NoError(t, c.SetReadDeadline(start.Add(3*time.Second)))
		_, _, err := c.ReadFrom(nil)
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		var timeout net.Error
		require.True(t, errors.As(err, &timeout) && timeout.Timeout())
		require.Equal(t, 3*time.Second, time.Since(start))

		// A deadline that is moved wakes a reader; Close does too.
		require.NoError(t, c.SetReadDeadline(time.Time{}))
		errs := make(chan error)
		go func() {
			for range 2 {
				_, _, err := c.ReadFrom(nil)
				errs <- err
			}
		}()
		synctest.Wait()
		require.NoError(t, c.SetDeadline(time.Now()))
		require.ErrorIs(t, <-errs, os.ErrDeadlineExceeded)
		require.NoError(t, c.SetDeadline(time.Time{}))
		synctest.Wait()
		require.NoError(t, c.Close())
		if err := <-errs; !errors.Is(err, net.ErrClosed) {
			require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		}
		_, err = c.WriteTo(nil, c.LocalAddr())
		require.ErrorIs(t, err, net.ErrClosed)
	})
}

func TestConnectedPacket(t *testing.T) {
	n := memnet.New()
	server := listenPacket(t, n, "10.0.0.1:3478")
	client, err := n.Dialer(netip.MustParseAddr("10.9.9.9"))(t.Context(), "udp4", "10.0.0.1:3478")
	require.NoError(t, err)
	defer client.Close()
	require.Equal(t, "10.0.0.1:3478", client.RemoteAddr().String())

	_, err = client.Write([]byte("ping"))
	require.NoError(t, err)
	text, from := read(t, server)
	require.Equal(t, "ping", text)
	require.Equal(t, client.LocalAddr().String(), from)
	require.Equal(t, "10.9.9.9", addrPort(t, client.LocalAddr()).Addr().String())

	// Only the peer is heard.
	_, err = listenPacket(t, n, "10.0.0.2:9").WriteTo([]byte("stranger"), client.LocalAddr())
	require.NoError(t, err)
	_, err = server.WriteTo([]byte("pong"), client.LocalAddr())
	require.NoError(t, err)
	b := make([]byte, 100)
	count, err := client.Read(b)
	require.NoError(t, err)
	require.Equal(t, "pong", string(b[:count]))
}

func BenchmarkPacketEcho(b *testing.B) {
	n := memnet.New()
	x, y := listenPacket(b, n, "10.0.0.1:1"), listenPacket(b, n, "10.0.0.2:2")
	to, back := addrPort(b, y.LocalAddr()), addrPort(b, x.LocalAddr())
	data, buf := make([]byte, 500), make([]byte, 1500)
	b.ReportAllocs()
	for b.Loop() {
		x.WriteToUDPAddrPort(data, to)
		y.ReadFromUDPAddrPort(buf)
		y.WriteToUDPAddrPort(data, back)
		x.ReadFromUDPAddrPort(buf)
	}
}
