package transport

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip"
)

func TestGateways(t *testing.T) {
	v4 := "Iface\tDestination\tGateway \tFlags\n" +
		"eth0\t00000000\t010011AC\t0003\n" +
		"eth0\t000011AC\t00000000\t0001\n" +
		"short\n"
	require.Contains(t, gatewaysV4(v4), netip.MustParseAddr("172.17.0.1"))
	require.NotContains(t, gatewaysV4(v4), netip.IPv4Unspecified())

	v6 := "00000000000000000000000000000000 00 00000000000000000000000000000000 00 " +
		"fe800000000000000000000000000001 00000400 00000001 00000000 00000003 eth0\n" +
		"fe800000000000000000000000000000 40 00000000000000000000000000000000 00 " +
		"00000000000000000000000000000000 00000100 00000001 00000000 00000001 eth0\n"
	require.Equal(t, []netip.Addr{netip.MustParseAddr("fe80::1")}, gatewaysV6(v6))
}

func TestNear(t *testing.T) {
	subnets := []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8::/64")}
	gateways := []netip.Addr{netip.MustParseAddr("192.0.2.1")}
	for addr, want := range map[string]bool{
		"192.0.2.9":     true,
		"192.0.2.1":     false, // the gateway: the Internet may be behind it
		"198.51.100.1":  false,
		"2001:db8::5":   true,
		"2001:db8:1::5": false,
	} {
		require.Equal(t, want, near(netip.MustParseAddr(addr), subnets, gateways), addr)
	}
}

func TestNeighbourhoodFlow(t *testing.T) {
	var n Neighbourhood
	flow := func(network, remote string) sip.Flow {
		return sip.Flow{Network: network, Remote: netip.MustParseAddrPort(remote)}
	}
	require.True(t, n.Near(flow("udp", "127.0.0.9:5060")))
	require.True(t, n.Near(flow("tcp", "[::ffff:127.0.0.1]:5060")))
	require.False(t, n.Near(flow("wss", "127.0.0.1:5060")), "any web page can open a WebSocket")
	require.False(t, n.Near(flow("udp", "203.0.113.77:5060")), "TEST-NET-3 is attached to nobody")
}
