package transport_test

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/transport"
)

// TestUDPSockets: over real sockets, each kind of address.
func TestUDPSockets(t *testing.T) {
	for _, c := range []struct{ listen, dial string }{
		{"127.0.0.1:0", "127.0.0.1"},
		{"[::1]:0", "::1"},
		{"0.0.0.0:0", "127.0.0.1"},
		{"[::]:0", "::1"},
		{":0", "127.0.0.1"},
		{":0", "::1"},
	} {
		t.Run(c.listen+" "+c.dial, func(t *testing.T) {
			checkLeaks(t)
			server, err := transport.ListenUDP(c.listen)
			require.NoError(t, err)
			client, err := transport.ListenUDP(c.listen)
			require.NoError(t, err)
			atServer, atClient := serve(t, server), serve(t, client)
			defer client.Close()
			defer server.Close()

			dial := netip.MustParseAddr(c.dial)
			to := netip.AddrPortFrom(dial, server.Addrs()[0].Port())
			flow, err := client.Connect(t.Context(), sip.Hop{Network: "udp", Addr: to})
			require.NoError(t, err)
			require.Equal(t, netip.AddrPortFrom(dial, client.Addrs()[0].Port()), flow.Local)
			require.Equal(t, sip.HostPort{Host: c.dial, Port: flow.Local.Port()}, client.SentBy(flow))

			require.NoError(t, client.Send(flow, parse(t, options("a"))))
			got := <-atServer.messages
			require.Equal(t, sip.Flow{Network: "udp", Local: to, Remote: flow.Local}, got.flow)
			require.NoError(t, server.Send(got.flow, ok(t, got.m)))
			require.Equal(t, flow, (<-atClient.messages).flow)
		})
	}
}

// TestUDPBothFamilies: 0.0.0.0 and [::] are two sockets on one port.
func TestUDPBothFamilies(t *testing.T) {
	v4, err := transport.ListenUDP("0.0.0.0:0")
	require.NoError(t, err)
	defer v4.Close()
	port := v4.Addrs()[0].Port()
	v6, err := transport.ListenUDP(netip.AddrPortFrom(netip.IPv6Unspecified(), port).String())
	require.NoError(t, err)
	defer v6.Close()
	_, err = v4.Connect(t.Context(), hop("udp", "[::1]:5060"))
	require.Error(t, err)
	tcp4, err := transport.ListenTCP("0.0.0.0:0")
	require.NoError(t, err)
	defer tcp4.Close()
	tcp6, err := transport.ListenTCP(netip.AddrPortFrom(netip.IPv6Unspecified(), tcp4.Addrs()[0].Port()).String())
	require.NoError(t, err)
	defer tcp6.Close()
}

// TestUDPPortInUse: nobody else can take the port.
func TestUDPPortInUse(t *testing.T) {
	u, err := transport.ListenUDP("127.0.0.1:0")
	require.NoError(t, err)
	defer u.Close()
	_, err = transport.ListenUDP(u.Addrs()[0].String())
	require.Error(t, err)
}
