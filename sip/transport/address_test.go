package transport

import (
	"net"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

// textAddr is an address of a net.PacketConn of someone else's.
type textAddr string

func (a textAddr) Network() string { return "udp" }
func (a textAddr) String() string  { return string(a) }

func TestAddrPort(t *testing.T) {
	for _, c := range []struct {
		addr net.Addr
		want string
	}{
		{&net.UDPAddr{IP: net.ParseIP("192.0.2.1"), Port: 5060}, "192.0.2.1:5060"},
		{&net.TCPAddr{IP: net.ParseIP("::ffff:192.0.2.1").To16(), Port: 5060}, "192.0.2.1:5060"},
		{&net.UDPAddr{IP: net.ParseIP("fe80::1"), Port: 1, Zone: "eth0"}, "[fe80::1%eth0]:1"},
		{textAddr("192.0.2.1:5060"), "192.0.2.1:5060"},
		{textAddr("somewhere"), "invalid AddrPort"},
		{nil, "invalid AddrPort"},
	} {
		require.Equal(t, c.want, addrPort(c.addr).String())
	}
}

func TestFamily(t *testing.T) {
	for addr, want := range map[string]string{
		"0.0.0.0:5060": "udp4", "192.0.2.1:5060": "udp4", "[::ffff:192.0.2.1]:5060": "udp4",
		"[::]:5060": "udp6", "[2001:db8::1]:0": "udp6",
		":5060": "udp", "localhost:5060": "udp",
	} {
		require.Equal(t, want, family("udp", addr), addr)
	}
}

func TestSource(t *testing.T) {
	for addr, want := range map[string]string{
		"192.0.2.1":             "192.0.2.1",
		"2001:db8:1:2:3:4:5:6":  "2001:db8:1:2::",
		"fe80::1:2:3:4%eth0":    "fe80::",
		"2001:db8:1:2:ff::ffff": "2001:db8:1:2::",
	} {
		require.Equal(t, want, source(netip.MustParseAddr(addr)).String())
	}
	require.Zero(t, source(netip.Addr{}))
}

func TestRoutesAreBounded(t *testing.T) {
	var r routes
	for i := range 3 * maxRoutes {
		to := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, byte(i >> 8), byte(i)}), 5060)
		source, err := r.source(to)
		require.NoError(t, err)
		require.True(t, source.IsLoopback())
		require.LessOrEqual(t, len(r.known), maxRoutes)
	}
}
