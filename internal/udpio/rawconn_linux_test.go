package udpio

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func listenOne(t *testing.T) *Conn {
	t.Helper()
	conns, err := Listen(context.Background(), "udp4", "127.0.0.1:0", Options{ReadBuffer: 4 << 20})
	require.NoError(t, err)
	t.Cleanup(func() { conns[0].Close() })
	return conns[0]
}

// Nothing that happens on the socket is an event while nobody waits for it.
func TestNoEventsWhileNobodyWaits(t *testing.T) {
	c, peer := listenOne(t), listenOne(t)
	raw := c.path.(*batchPath).raw.(*rawConn)
	events := func() (n int) {
		var err error
		require.NoError(t, raw.poller.Control(func(epoll uintptr) {
			var buf [1]unix.EpollEvent
			n, err = unix.EpollWait(int(epoll), buf[:], 0)
		}))
		require.NoError(t, err)
		return n
	}
	hello := Packet{Data: []byte("hello"), Peer: c.LocalAddr()}
	read := make(chan error)
	readOne := func() { _, err := c.Read(); read <- err }
	for range 10 {
		require.NoError(t, c.Send(Packet{Data: []byte("hello"), Peer: peer.LocalAddr()}))
		require.NoError(t, peer.Send(hello))
		require.Zero(t, events())
		go readOne()
		require.NoError(t, <-read)

		go readOne() // there is nothing yet
		require.NoError(t, peer.Send(hello))
		require.NoError(t, <-read)
	}
}

// Close may come at any time, and what it closed is not used again, whatever
// else gets the number of its file descriptor.
func TestCloseWhileOthersUseIt(t *testing.T) {
	peer := listenOne(t)
	for range 100 {
		c := listenOne(t)
		var users sync.WaitGroup
		use := func(f func() error) {
			users.Go(func() {
				err := f()
				for err == nil {
					err = f()
				}
				if !errors.Is(err, net.ErrClosed) {
					t.Error(err)
				}
			})
		}
		use(func() error { _, err := c.Read(); return err })
		use(func() error { return c.Send(Packet{Data: []byte("a"), Peer: peer.LocalAddr()}) })
		use(func() error {
			_, err := c.Write([]Packet{{Data: []byte("b"), Peer: c.LocalAddr()}, {Data: []byte("c"), Peer: peer.LocalAddr()}})
			return err
		})
		_, err := peer.Read()
		require.NoError(t, err)
		require.NoError(t, c.Close())
		require.NoError(t, c.Close())
		users.Wait()
	}
}
