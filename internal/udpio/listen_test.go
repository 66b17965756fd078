package udpio_test

import (
	"context"
	"net"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/internal/udpio"
)

func TestListenTakesItsAddressAlone(t *testing.T) {
	first := listen(t, "udp", "127.0.0.1:0", udpio.Options{})
	addr := first.LocalAddr().String()
	for _, sockets := range []int{1, 2} {
		_, err := udpio.Listen(context.Background(), "udp", addr, udpio.Options{Sockets: sockets})
		require.ErrorIs(t, err, syscall.EADDRINUSE)
	}
}

func TestListenFailures(t *testing.T) {
	_, err := udpio.Listen(context.Background(), "unixgram", t.TempDir()+"/socket", udpio.Options{})
	require.Error(t, err)
	_, err = udpio.Listen(context.Background(), "udp", "127.0.0.1", udpio.Options{})
	require.Error(t, err)
	_, err = udpio.Listen(context.Background(), "udp", "127.0.0.1:0", udpio.Options{Sockets: 3, Batch: -1})
	require.Error(t, err)
}

func TestListenOnTheIPv4Wildcard(t *testing.T) {
	c := listen(t, "udp", "0.0.0.0:0", udpio.Options{})
	require.True(t, c.LocalAddr().Addr().Is4(), c.LocalAddr())
	v6, err := net.ListenPacket("udp6", "[::]"+c.LocalAddr().String()[len("0.0.0.0"):])
	require.NoError(t, err, "the port is free for IPv6")
	v6.Close()
}
