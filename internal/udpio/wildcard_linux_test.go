package udpio_test

import (
	"net"
	"net/netip"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/internal/udpio"
)

// A client that is connected to the address it asked hears nothing from
// another one.
func TestWildcardAnswersFromTheAddressThatWasAsked(t *testing.T) {
	tests := []struct {
		network, listen string
		asked           []string
	}{
		{"udp4", "0.0.0.0", []string{"127.0.0.1", "127.0.0.2", "127.1.2.3"}},
		{"udp6", "::", []string{"::1"}},
		{"udp", "::", []string{"127.0.0.1", "127.0.0.2", "::1"}},
		{"udp", "0.0.0.0", []string{"127.0.0.2"}},
	}
	for _, tt := range tests {
		t.Run(tt.network+" "+tt.listen, func(t *testing.T) {
			server := listen(t, tt.network, net.JoinHostPort(tt.listen, "0"), udpio.Options{})
			port := server.LocalAddr().Port()
			for _, asked := range tt.asked {
				local := netip.AddrPortFrom(netip.MustParseAddr(asked), port)
				client, err := net.Dial("udp", local.String())
				require.NoError(t, err)
				defer client.Close()
				_, err = client.Write([]byte("hello"))
				require.NoError(t, err)

				got := readN(t, server, 1)
				require.Equal(t, local, got[0].Local)
				require.Equal(t, client.LocalAddr().String(), got[0].Peer.String())
				require.NoError(t, server.Send(got[0]))
				_, err = server.Write(got)
				require.NoError(t, err)
				require.NoError(t, got[0].Err)
				for range 2 {
					buf := make([]byte, 10)
					n, err := client.Read(buf)
					require.NoError(t, err)
					require.Equal(t, "hello", string(buf[:n]))
				}
			}
		})
	}
}

// Who has us send to the broadcast address of a network must not get an answer
// of each host there.
func TestNoBroadcast(t *testing.T) {
	receiver := listen(t, "udp4", "0.0.0.0:0", udpio.Options{})
	for _, addr := range []string{"0.0.0.0:0", "127.0.0.1:0"} {
		sender := listen(t, "udp4", addr, udpio.Options{})
		for _, to := range []string{"127.255.255.255", "255.255.255.255"} {
			peer := netip.AddrPortFrom(netip.MustParseAddr(to), receiver.LocalAddr().Port())
			require.ErrorIs(t, sender.Send(udpio.Packet{Data: []byte("who is there?"), Peer: peer}), syscall.EACCES, to)
			ps := []udpio.Packet{{Data: []byte("who is there?"), Peer: peer}}
			_, err := sender.Write(ps)
			require.NoError(t, err)
			require.ErrorIs(t, ps[0].Err, syscall.EACCES, to)
		}
	}
}

func TestWildcardLetsTheKernelChoose(t *testing.T) {
	server := listen(t, "udp", "0.0.0.0:0", udpio.Options{})
	client := listen(t, "udp", "127.0.0.2:0", udpio.Options{})
	for _, local := range []netip.AddrPort{{}, server.LocalAddr()} {
		require.NoError(t, server.Send(udpio.Packet{Peer: client.LocalAddr(), Local: local}))
		require.Equal(t, server.LocalAddr().Port(), readN(t, client, 1)[0].Peer.Port())
	}
	foreign := netip.MustParseAddrPort("192.0.2.77:1")
	require.Error(t, server.Send(udpio.Packet{Peer: client.LocalAddr(), Local: foreign}))
}
