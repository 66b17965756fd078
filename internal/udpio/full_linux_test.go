package udpio

import (
	"bytes"
	"io"
	"net"
	"net/netip"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// onFullConn runs the test with a Conn whose system calls reach a TCP connection
// instead: UDP's send buffer never fills on a loopback interface, and TCP ignores
// addresses.
func onFullConn(t *testing.T, test func(t *testing.T, c *Conn, peer net.Conn)) {
	for name, take := range map[string]func(*net.TCPConn) (socket, error){
		"given": func(local *net.TCPConn) (socket, error) {
			raw, err := local.SyscallConn()
			return struct {
				syscall.RawConn
				io.Closer
			}{raw, local}, err
		},
		"own": func(local *net.TCPConn) (socket, error) { return newRawConn(local) },
	} {
		t.Run(name, func(t *testing.T) {
			local, peer := connected(t)
			s, err := take(local)
			require.NoError(t, err)
			udp, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
			require.NoError(t, err)
			defer udp.Close()
			c := newConn(t, udp, Options{})
			c.path.(*batchPath).raw, c.socket = s, s
			defer c.Close()
			test(t, c, peer)
		})
	}
}

// socket is what the writer of a batchPath needs.
type socket interface {
	syscall.RawConn
	io.Closer
}

// connected makes two ends of a connection with small buffers.
func connected(t *testing.T) (local *net.TCPConn, peer net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	dialed, err := net.Dial("tcp4", l.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { dialed.Close() })
	local = dialed.(*net.TCPConn)
	peer, err = l.Accept()
	require.NoError(t, err)
	t.Cleanup(func() { peer.Close() })
	require.NoError(t, local.SetWriteBuffer(8<<10))
	require.NoError(t, peer.(*net.TCPConn).SetReadBuffer(8<<10))
	return local, peer
}

// manyPackets makes n packets of two bytes, of which each seventh cannot be
// sent.
func manyPackets(n int) []Packet {
	ps := make([]Packet, n)
	for i := range ps {
		ps[i] = Packet{Data: []byte{byte(i), byte(i >> 8)}, Peer: netip.MustParseAddrPort("127.0.0.1:5060")}
		if i%7 == 0 {
			ps[i].Peer = netip.MustParseAddrPort("[::1]:5060")
		}
	}
	return ps
}

func TestFullBuffer(t *testing.T) { onFullConn(t, testFullBuffer) }

func testFullBuffer(t *testing.T, c *Conn, peer net.Conn) {
	const total = 1 << 16
	ps := manyPackets(total)
	var want []byte
	for i, p := range ps {
		if i%7 != 0 {
			want = append(want, p.Data...)
		}
	}
	sent, err := c.TryWrite(ps)
	require.ErrorIs(t, err, ErrFull)
	require.Less(t, sent, total)
	require.Positive(t, sent)
	n, err := c.TryWrite(ps[sent:])
	require.ErrorIs(t, err, ErrFull)
	require.Zero(t, n)
	last := ps[1]
	require.ErrorIs(t, c.Send(last), ErrFull)

	written := make(chan error)
	go func() {
		n, err := c.Write(ps[sent:])
		if err == nil && n != total-sent {
			err = io.ErrShortWrite
		}
		written <- err
	}()
	// However long Write waits, Send does not wait behind it.
	for range 100 {
		require.ErrorIs(t, c.Send(last), ErrFull)
	}
	got := make([]byte, len(want))
	_, err = io.ReadFull(peer, got)
	require.NoError(t, err)
	require.NoError(t, <-written)
	require.True(t, bytes.Equal(want, got), "each packet once and in order")
	for i, p := range ps {
		require.Equal(t, i%7 == 0, p.Err != nil)
	}
}

func TestCloseEndsAWriteThatWaits(t *testing.T) { onFullConn(t, testCloseEndsAWriteThatWaits) }

func testCloseEndsAWriteThatWaits(t *testing.T, c *Conn, _ net.Conn) {
	ps := manyPackets(1 << 16)
	_, err := c.TryWrite(ps)
	require.ErrorIs(t, err, ErrFull)
	written := make(chan error)
	go func() {
		_, err := c.Write(ps)
		written <- err
	}()
	require.NoError(t, c.Close())
	require.ErrorIs(t, <-written, net.ErrClosed)
}
