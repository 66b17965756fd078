package udpio_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/internal/udpio"
)

// plainUDP and plainPacket hide what a *net.UDPConn is, so that New moves one
// packet at a time, by addresses as values or as a net.Addr.
type (
	plainUDP    struct{ *net.UDPConn }
	plainPacket struct{ net.PacketConn }
)

type openFunc func(t *testing.T, addr string, o udpio.Options) *udpio.Conn

var paths = []struct {
	name string
	open openFunc
}{
	{"Listen", listenBuffered},
	{"UDPConn", wrapped(func(c *net.UDPConn) net.PacketConn { return c })},
	{"AddrPort", wrapped(func(c *net.UDPConn) net.PacketConn { return plainUDP{c} })},
	{"PacketConn", wrapped(func(c *net.UDPConn) net.PacketConn { return plainPacket{c} })},
}

func listenBuffered(t *testing.T, addr string, o udpio.Options) *udpio.Conn {
	t.Helper()
	o.ReadBuffer = 4 << 20
	return listen(t, "udp", addr, o)
}

func wrapped(wrap func(*net.UDPConn) net.PacketConn) openFunc {
	return func(t *testing.T, addr string, o udpio.Options) *udpio.Conn {
		t.Helper()
		return newConn(t, wrap(listenUDP(t, addr)), o)
	}
}

// onEachPath runs the test on every way to move packets.
func onEachPath(t *testing.T, test func(t *testing.T, open func(addr string, o udpio.Options) *udpio.Conn)) {
	t.Helper()
	for _, p := range paths {
		t.Run(p.name, func(t *testing.T) {
			test(t, func(addr string, o udpio.Options) *udpio.Conn {
				t.Helper()
				return p.open(t, addr, o)
			})
		})
	}
}

func listenUDP(tb testing.TB, addr string) *net.UDPConn {
	tb.Helper()
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort(addr)))
	require.NoError(tb, err)
	tb.Cleanup(func() { conn.Close() })
	require.NoError(tb, conn.SetReadBuffer(4<<20)) // nothing is lost in tests
	return conn
}

func newConn(tb testing.TB, pc net.PacketConn, o udpio.Options) *udpio.Conn {
	tb.Helper()
	c, err := udpio.New(pc, o)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, c.Close()) })
	return c
}

// listen opens one socket by Listen.
func listen(tb testing.TB, network, addr string, o udpio.Options) *udpio.Conn {
	tb.Helper()
	conns, err := udpio.Listen(context.Background(), network, addr, o)
	require.NoError(tb, err)
	require.Len(tb, conns, 1)
	tb.Cleanup(func() { require.NoError(tb, conns[0].Close()) })
	return conns[0]
}

// readN reads n packets and keeps what they hold.
func readN(tb testing.TB, c *udpio.Conn, n int) []udpio.Packet {
	tb.Helper()
	var all []udpio.Packet
	for len(all) < n {
		ps, err := c.Read()
		require.NoError(tb, err)
		for _, p := range ps {
			p.Data = bytes.Clone(p.Data)
			all = append(all, p)
		}
	}
	require.Len(tb, all, n)
	return all
}

// numbered makes n packets of different texts to one peer.
func numbered(n int, to netip.AddrPort) []udpio.Packet {
	ps := make([]udpio.Packet, n)
	for i := range ps {
		ps[i] = udpio.Packet{Data: fmt.Appendf(nil, "packet %d", i), Peer: to}
	}
	return ps
}

func texts(ps []udpio.Packet) []string {
	s := make([]string, len(ps))
	for i, p := range ps {
		s[i] = string(p.Data)
	}
	return s
}

func TestPacketsArriveInOrderAndGoBack(t *testing.T) {
	for _, addr := range []string{"127.0.0.1:0", "[::1]:0"} {
		t.Run(addr, func(t *testing.T) {
			onEachPath(t, func(t *testing.T, open func(string, udpio.Options) *udpio.Conn) {
				server, client := open(addr, udpio.Options{}), open(addr, udpio.Options{})
				sent := numbered(100, server.LocalAddr()) // more than a batch
				n, err := client.Write(sent)
				require.NoError(t, err)
				require.Equal(t, len(sent), n)

				got := readN(t, server, len(sent))
				require.Equal(t, texts(sent), texts(got))
				for _, p := range got {
					require.Equal(t, client.LocalAddr(), p.Peer)
					require.Equal(t, server.LocalAddr(), p.Local)
				}
				n, err = server.TryWrite(got)
				require.NoError(t, err)
				require.Equal(t, len(got), n)
				require.Equal(t, texts(sent), texts(readN(t, client, len(sent))))
			})
		})
	}
}

func TestSizesAtTheLimits(t *testing.T) {
	onEachPath(t, func(t *testing.T, open func(string, udpio.Options) *udpio.Conn) {
		server, client := open("127.0.0.1:0", udpio.Options{}), open("127.0.0.1:0", udpio.Options{})
		for _, size := range []int{0, 1, 65507} {
			data := bytes.Repeat([]byte{'x'}, size)
			require.NoError(t, client.Send(udpio.Packet{Data: data, Peer: server.LocalAddr()}))
			require.Len(t, readN(t, server, 1)[0].Data, size)
		}
	})
}

func TestOversizeIsDroppedAndCounted(t *testing.T) {
	onEachPath(t, func(t *testing.T, open func(string, udpio.Options) *udpio.Conn) {
		server := open("127.0.0.1:0", udpio.Options{MaxSize: 100})
		client := open("127.0.0.1:0", udpio.Options{})
		for _, size := range []int{101, 2000, 100} {
			require.NoError(t, client.Send(udpio.Packet{Data: make([]byte, size), Peer: server.LocalAddr()}))
		}
		require.Len(t, readN(t, server, 1)[0].Data, 100)
		require.Equal(t, udpio.Stats{Oversize: 2}, server.Stats())
	})
}

func TestOneBadPacketDoesNotHoldUpTheOthers(t *testing.T) {
	onEachPath(t, func(t *testing.T, open func(string, udpio.Options) *udpio.Conn) {
		server, client := open("127.0.0.1:0", udpio.Options{}), open("127.0.0.1:0", udpio.Options{})
		ps := numbered(8, server.LocalAddr())
		ps[0].Peer = netip.AddrPort{}
		ps[1].Peer = netip.MustParseAddrPort("[2001:db8::1]:5060") // another family
		ps[4].Data = make([]byte, 65508)                           // longer than any datagram
		ps[6].Err = net.ErrClosed                                  // of another time
		ps[7].Data = make([]byte, 70000)
		n, err := client.Write(ps)
		require.NoError(t, err)
		require.Equal(t, len(ps), n)
		require.Equal(t, []string{"packet 2", "packet 3", "packet 5", "packet 6"}, texts(readN(t, server, 4)))
		for i, p := range ps {
			if i == 0 || i == 1 || i == 4 || i == 7 {
				require.Error(t, p.Err, "packet %d", i)
			} else {
				require.NoError(t, p.Err, "packet %d", i)
			}
		}
		require.Error(t, client.Send(ps[1]))
		require.NoError(t, client.Send(ps[2]))
	})
}

func TestCloseEndsReading(t *testing.T) {
	onEachPath(t, func(t *testing.T, open func(string, udpio.Options) *udpio.Conn) {
		c := open("127.0.0.1:0", udpio.Options{Unreachable: func(netip.AddrPort, error) {}})
		ended := make(chan error)
		go func() {
			_, err := c.Read()
			ended <- err
		}()
		require.NoError(t, c.Close())
		require.ErrorIs(t, <-ended, net.ErrClosed)
		require.NoError(t, c.Close())

		_, err := c.Read()
		require.ErrorIs(t, err, net.ErrClosed)
		to := netip.MustParseAddrPort("127.0.0.1:5060")
		for _, write := range []func([]udpio.Packet) (int, error){c.Write, c.TryWrite} {
			n, err := write(numbered(3, to))
			require.ErrorIs(t, err, net.ErrClosed)
			require.Zero(t, n)
		}
		require.ErrorIs(t, c.Send(udpio.Packet{Peer: to}), net.ErrClosed)
		c.Stats()
	})
}

func TestManyWritersAndOneReader(t *testing.T) {
	onEachPath(t, func(t *testing.T, open func(string, udpio.Options) *udpio.Conn) {
		const writers, rounds, batch = 4, 20, 40
		server := open("127.0.0.1:0", udpio.Options{})
		client := open("127.0.0.1:0", udpio.Options{Segment: true, Unreachable: func(netip.AddrPort, error) {}})
		var wg sync.WaitGroup
		for range writers {
			wg.Go(func() {
				ps := numbered(batch, server.LocalAddr())
				for range rounds {
					_, err := client.Write(ps)
					if err == nil {
						err = client.Send(ps[0])
					}
					if err != nil {
						t.Error(err)
					}
					client.Stats()
				}
			})
		}
		readN(t, server, writers*rounds*(batch+1))
		wg.Wait()
	})
}

func TestNewRefuses(t *testing.T) {
	connected, err := net.Dial("udp", "127.0.0.1:9")
	require.NoError(t, err)
	defer connected.Close()
	_, err = udpio.New(connected.(*net.UDPConn), udpio.Options{})
	require.ErrorContains(t, err, "connected")

	socket := listenUDP(t, "127.0.0.1:0")
	for _, o := range []udpio.Options{
		{Batch: -1}, {Batch: 1025}, {MaxSize: -1}, {MaxSize: 65536}, {Sockets: -1},
	} {
		_, err = udpio.New(socket, o)
		require.ErrorContains(t, err, "out of range", "%+v", o)
	}
}

// pathConn has addresses that are not of the form ip:port.
type pathConn struct{ net.PacketConn }

func (pathConn) LocalAddr() net.Addr { return &net.UnixAddr{Name: "/tmp/socket", Net: "unixgram"} }

func TestNewRefusesOtherAddresses(t *testing.T) {
	_, err := udpio.New(pathConn{}, udpio.Options{})
	require.ErrorContains(t, err, "ip:port")
}
