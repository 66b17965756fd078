package transport_test

import (
	"net"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/transport"
)

// TestUDPAnswersFromTheAddressAsked: a socket bound to all addresses knows
// which one a packet was sent to, and answers from it. (Only Linux has all of
// 127/8, and IP_PKTINFO.)
func TestUDPAnswersFromTheAddressAsked(t *testing.T) {
	for _, listen := range []string{"0.0.0.0:0", ":0"} {
		server, err := transport.ListenUDP(listen)
		require.NoError(t, err)
		r := serve(t, server)
		client, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		require.NoError(t, err)
		defer client.Close()
		b := make([]byte, 2000)
		for _, addr := range []string{"127.0.0.1", "127.0.0.2", "127.0.0.3"} {
			to := netip.AddrPortFrom(netip.MustParseAddr(addr), server.Addrs()[0].Port())
			_, err := client.WriteToUDPAddrPort([]byte(options("a")), to)
			require.NoError(t, err)
			got := <-r.messages
			require.Equal(t, to, got.flow.Local)
			require.Equal(t, addr, server.SentBy(got.flow).Host)

			require.NoError(t, server.Send(got.flow, ok(t, got.m)))
			_, from, err := client.ReadFromUDPAddrPort(b)
			require.NoError(t, err)
			require.Equal(t, to, from)

			// A flow of ours that names the address works as well as a stored one.
			require.NoError(t, server.Ping(sip.Flow{Network: "udp", Local: to, Remote: got.flow.Remote}))
			_, from, err = client.ReadFromUDPAddrPort(b)
			require.NoError(t, err)
			require.Equal(t, to, from)
		}
	}
}

// TestUDPKnowsItsFamily: a socket bound to [::] takes IPv4 or does not.
func TestUDPKnowsItsFamily(t *testing.T) {
	for listen, takesIPv4 := range map[string]bool{"[::]:0": false, ":0": true, "0.0.0.0:0": true} {
		u, err := transport.ListenUDP(listen)
		require.NoError(t, err)
		defer u.Close()
		_, err = u.Connect(t.Context(), hop("udp", "127.0.0.1:5060"))
		require.Equal(t, takesIPv4, err == nil, listen)
	}
}

// TestUDPSendError: an address that is not ours cannot be sent from.
func TestUDPSendError(t *testing.T) {
	u, err := transport.ListenUDP("0.0.0.0:0")
	require.NoError(t, err)
	defer u.Close()
	flow := sip.Flow{
		Network: "udp",
		Local:   netip.AddrPortFrom(netip.MustParseAddr("192.0.2.77"), u.Addrs()[0].Port()),
		Remote:  netip.MustParseAddrPort("127.0.0.1:5060"),
	}
	require.Error(t, u.Send(flow, parse(t, options("a"))))
	require.EqualValues(t, 1, u.Stats().Dropped.SendErrors)
}
