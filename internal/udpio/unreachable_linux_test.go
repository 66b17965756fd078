package udpio_test

import (
	"net"
	"net/netip"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/internal/udpio"
)

// closedPort is an address that nobody listens on.
func closedPort(t *testing.T, addr string) netip.AddrPort {
	t.Helper()
	c := listenUDP(t, addr)
	ap := c.LocalAddr().(*net.UDPAddr).AddrPort()
	require.NoError(t, c.Close())
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}

func TestUnreachableIsReported(t *testing.T) {
	tests := []struct{ network, listen, peer string }{
		{"udp", "127.0.0.1:0", "127.0.0.1:0"},
		{"udp", "[::1]:0", "[::1]:0"},
		{"udp", "0.0.0.0:0", "127.0.0.2:0"},
		{"udp", "[::]:0", "127.0.0.2:0"},
		{"udp", "[::]:0", "[::1]:0"},
	}
	for _, tt := range tests {
		t.Run(tt.listen+" to "+tt.peer, func(t *testing.T) {
			closed := closedPort(t, tt.peer)
			type report struct {
				peer netip.AddrPort
				err  error
			}
			var reports []report
			var c *udpio.Conn
			c = listen(t, tt.network, tt.listen, udpio.Options{Unreachable: func(peer netip.AddrPort, err error) {
				reports = append(reports, report{peer, err})
				c.Close() // allowed: there is no lock
			}})
			require.NoError(t, c.Send(udpio.Packet{Data: []byte("hello"), Peer: closed}))
			_, err := c.Read()
			require.ErrorIs(t, err, net.ErrClosed)
			require.Equal(t, []report{{closed, syscall.ECONNREFUSED}}, reports)
		})
	}
}

func TestUnreachableIsReportedWhileReadWaits(t *testing.T) {
	closed := closedPort(t, "127.0.0.1:0")
	reports := make(chan netip.AddrPort, 10)
	c := listen(t, "udp", "127.0.0.1:0", udpio.Options{Unreachable: func(peer netip.AddrPort, _ error) { reports <- peer }})
	ended := make(chan error)
	go func() {
		_, err := c.Read()
		ended <- err
	}()
	for range 3 {
		require.NoError(t, c.Send(udpio.Packet{Peer: closed}))
		require.Equal(t, closed, <-reports)
	}
	require.NoError(t, c.Close())
	require.ErrorIs(t, <-ended, net.ErrClosed)
}

// A send that was given the error has taken away what would have told Read.
func TestUnreachableIsReportedThoughAWriterHadTheError(t *testing.T) {
	closed := closedPort(t, "127.0.0.1:0")
	reports := make(chan netip.AddrPort, 10)
	c := listen(t, "udp", "127.0.0.1:0", udpio.Options{Batch: 1, Unreachable: func(peer netip.AddrPort, _ error) {
		reports <- peer
	}})
	peer := listen(t, "udp", "127.0.0.1:0", udpio.Options{})
	cause := func() {
		require.NoError(t, c.Send(udpio.Packet{Peer: closed}))
		require.NoError(t, c.Send(udpio.Packet{Peer: peer.LocalAddr()}))
	}
	t.Run("and nothing else comes", func(t *testing.T) {
		cause()
		ended := make(chan error)
		go func() {
			_, err := c.Read()
			ended <- err
		}()
		require.Equal(t, closed, <-reports)
		require.NoError(t, c.Send(udpio.Packet{Peer: c.LocalAddr()}))
		require.NoError(t, <-ended)
	})
	t.Run("and packets never cease to come", func(t *testing.T) {
		const packets = 200
		for range packets {
			require.NoError(t, peer.Send(udpio.Packet{Peer: c.LocalAddr()}))
		}
		cause()
		readN(t, c, packets-1)
		require.Equal(t, closed, <-reports)
	})
}

// Each packet to a closed port makes the next call on the socket fail. Nothing
// else may be lost by that, in neither direction.
func TestNothingIsLostAmongUnreachablePeers(t *testing.T) {
	const writers, rounds = 3, 500
	closed, peer := closedPort(t, "127.0.0.1:0"), newConn(t, listenUDP(t, "127.0.0.1:0"), udpio.Options{})
	reported := 0
	c := newConn(t, listenUDP(t, "127.0.0.1:0"), udpio.Options{
		Unreachable: func(to netip.AddrPort, err error) {
			if to != closed || err != syscall.ECONNREFUSED { //nolint:errorlint // it is the errno itself
				t.Error(to, err)
			}
			reported++
		},
	})
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for range rounds {
				ps := numbered(4, peer.LocalAddr())
				ps[0].Peer, ps[2].Peer = closed, closed
				if _, err := c.Write(ps); err != nil {
					t.Error(err)
				}
				for _, p := range ps {
					if p.Err != nil {
						t.Error(p.Err)
					}
				}
				if err := c.Send(ps[1]); err != nil {
					t.Error(err)
				}
			}
		})
	}
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		for n := 0; n < writers*rounds*3; {
			ps, err := peer.Read()
			if err == nil {
				_, err = peer.Write(ps)
			}
			if err != nil {
				t.Error(err)
				return
			}
			n += len(ps)
		}
	}()
	readN(t, c, writers*rounds*3)
	wg.Wait()
	<-answered
	require.Positive(t, reported)
	t.Logf("%d of %d errors reported", reported, writers*rounds*2)
}

// While Read works off a long queue of errors the kernel makes each of them
// pending in turn, and a writer meets one after the other.
func TestNothingIsLostWhileErrorsAreWorkedOff(t *testing.T) {
	const rounds, packets = 20, 3000
	closed, peer := closedPort(t, "127.0.0.1:0"), listen(t, "udp", "127.0.0.1:0", udpio.Options{})
	for range rounds {
		c := newConn(t, listenUDP(t, "127.0.0.1:0"), udpio.Options{Unreachable: func(netip.AddrPort, error) {}})
		for range packets {
			require.NoError(t, c.Send(udpio.Packet{Peer: closed}))
		}
		lost := make(chan int)
		go func() {
			n := 0
			for range packets {
				if err := c.Send(udpio.Packet{Peer: peer.LocalAddr()}); err != nil {
					n++
				}
			}
			c.Close()
			lost <- n
		}()
		var err error
		for err == nil {
			_, err = c.Read()
		}
		require.Zero(t, <-lost)
	}
}
