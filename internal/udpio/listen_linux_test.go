package udpio_test

import (
	"context"
	"net"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/patchbay-sip/patchbay/internal/udpio"
)

func TestGroupSharesThePeers(t *testing.T) {
	for _, addr := range []string{"127.0.0.1:0", "[::1]:0"} {
		const sockets, peers = 4, 200
		conns, err := udpio.Listen(context.Background(), "udp", addr, udpio.Options{Sockets: sockets})
		require.NoError(t, err)
		require.Len(t, conns, sockets)
		for range peers {
			peer := listen(t, "udp", addr, udpio.Options{})
			require.NoError(t, peer.Send(udpio.Packet{Data: []byte("hello"), Peer: conns[0].LocalAddr()}))
		}
		total := 0
		for _, c := range conns {
			require.Equal(t, conns[0].LocalAddr(), c.LocalAddr())
			ps, err := c.Read() // all of them are there already
			require.NoError(t, err)
			require.NoError(t, c.Close())
			for err == nil {
				total += len(ps)
				ps, err = c.Read()
			}
		}
		require.Greater(t, total, peers/2) // each had some; Close lost what was behind the first batch
	}
}

// A server that was started twice must not take half of the traffic of the
// first, even though both would share the port.
func TestListenRefusesAPortThatOthersWouldShare(t *testing.T) {
	sharing := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		return raw.Control(func(fd uintptr) {
			require.NoError(t, unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1))
		})
	}}
	other, err := sharing.ListenPacket(context.Background(), "udp", "127.0.0.1:0")
	require.NoError(t, err)
	defer other.Close()
	for _, sockets := range []int{1, 4} {
		_, err = udpio.Listen(context.Background(), "udp", other.LocalAddr().String(), udpio.Options{Sockets: sockets})
		require.ErrorIs(t, err, syscall.EADDRINUSE)
	}

	group, err := udpio.Listen(context.Background(), "udp", "127.0.0.1:0", udpio.Options{Sockets: 4})
	require.NoError(t, err)
	_, err = udpio.Listen(context.Background(), "udp", group[0].LocalAddr().String(), udpio.Options{Sockets: 4})
	require.ErrorIs(t, err, syscall.EADDRINUSE)
	for _, c := range group {
		require.NoError(t, c.Close())
	}
}
