package memnet_test

import (
	"context"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip/transport/memnet"
)

// stream connects 10.0.0.2 to a listener at 10.0.0.1:5060.
func stream(t testing.TB, n *memnet.Network) (client, server net.Conn) {
	t.Helper()
	l, err := n.Listen("10.0.0.1:5060")
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	client, err = n.Dialer(netip.MustParseAddr("10.0.0.2"))(t.Context(), "tcp", "10.0.0.1:5060")
	require.NoError(t, err)
	server, err = l.Accept()
	require.NoError(t, err)
	t.Cleanup(func() { client.Close(); server.Close() })
	return client, server
}

func TestStream(t *testing.T) {
	client, server := stream(t, memnet.New())
	require.Equal(t, &net.TCPAddr{IP: net.IP{10, 0, 0, 1}, Port: 5060}, server.LocalAddr())
	require.Equal(t, client.LocalAddr(), server.RemoteAddr())
	require.Equal(t, "10.0.0.2", addrPort(t, client.LocalAddr()).Addr().String())

	_, err := io.WriteString(client, "hello")
	require.NoError(t, err)
	b := make([]byte, 3)
	count, err := server.Read(b)
	require.NoError(t, err)
	require.Equal(t, "hel", string(b[:count]))

	// What was written before Close arrives; then comes EOF.
	_, err = io.WriteString(client, " world")
	require.NoError(t, err)
	require.NoError(t, client.Close())
	rest, err := io.ReadAll(server)
	require.NoError(t, err)
	require.Equal(t, "lo world", string(rest))
	_, err = io.WriteString(server, "x")
	require.ErrorIs(t, err, syscall.EPIPE)
	_, err = client.Read(b)
	require.ErrorIs(t, err, net.ErrClosed)
	require.ErrorIs(t, client.Close(), net.ErrClosed)
}

func TestStreamCloseWrite(t *testing.T) {
	client, server := stream(t, memnet.New())
	require.NoError(t, client.(interface{ CloseWrite() error }).CloseWrite())
	_, err := server.Read(make([]byte, 1))
	require.Equal(t, io.EOF, err)
	_, err = io.WriteString(server, "still open")
	require.NoError(t, err)
	_, err = io.WriteString(client, "x")
	require.ErrorIs(t, err, net.ErrClosed)
}

func TestStreamWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := stream(t, memnet.New())
		require.NoError(t, client.SetWriteDeadline(time.Now().Add(time.Second)))
		count, err := client.Write(make([]byte, 100<<10))
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		require.Equal(t, 64<<10, count)

		// A reader makes room.
		require.NoError(t, client.SetWriteDeadline(time.Time{}))
		go func() {
			client.Write(make([]byte, 100<<10))
			client.Close()
		}()
		all, err := io.ReadAll(server)
		require.NoError(t, err)
		require.Len(t, all, 164<<10)
	})
}

func TestStreamDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.WithDelay(100*time.Millisecond), memnet.WithJitter(100*time.Millisecond))
		start := time.Now()
		client, server := stream(t, n)
		require.Equal(t, 200*time.Millisecond, time.Since(start), "a handshake takes a round trip")

		var sent strings.Builder
		go func() {
			defer client.Close()
			for i := range 200 {
				text := strings.Repeat(string(rune('a'+i%26)), i)
				sent.WriteString(text)
				io.WriteString(client, text)
				time.Sleep(time.Millisecond)
			}
		}()
		start = time.Now()
		all, err := io.ReadAll(server)
		require.NoError(t, err)
		require.Equal(t, sent.String(), string(all), "streams stay in order")
		require.GreaterOrEqual(t, time.Since(start), 300*time.Millisecond)
		require.Less(t, time.Since(start), 400*time.Millisecond+time.Millisecond)
	})
}

func TestStreamReadDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, _ := stream(t, memnet.New())
		start := time.Now()
		require.NoError(t, client.SetDeadline(start.Add(time.Second)))
		_, err := client.Read(make([]byte, 1))
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		require.Equal(t, time.Second, time.Since(start))
	})
}

func TestDialFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		_, err := n.Dial(t.Context(), "tcp", "10.0.0.1:5060")
		require.ErrorIs(t, err, syscall.ECONNREFUSED)
		_, err = n.Dial(t.Context(), "sctp", "10.0.0.1:5060")
		require.ErrorAs(t, err, new(net.UnknownNetworkError))

		l, err := n.Listen("[2001:db8::1]:5060")
		require.NoError(t, err)
		_, err = n.Listen("[2001:db8::1]:5060")
		require.ErrorIs(t, err, syscall.EADDRINUSE)

		// Nobody accepts: the backlog fills, then Dial waits.
		for range 128 {
			c, err := n.Dial(t.Context(), "tcp", l.Addr().String())
			require.NoError(t, err)
			require.Equal(t, "::1", addrPort(t, c.LocalAddr()).Addr().String())
			defer c.Close()
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = n.Dial(ctx, "tcp", l.Addr().String())
		require.ErrorIs(t, err, context.DeadlineExceeded)

		// Close of the listener reaches those who wait, and those in the backlog.
		errs := make(chan error)
		go func() {
			_, err := n.Dial(t.Context(), "tcp", l.Addr().String())
			errs <- err
		}()
		synctest.Wait()
		require.NoError(t, l.Close())
		require.ErrorIs(t, <-errs, syscall.ECONNREFUSED)
		require.ErrorIs(t, l.Close(), net.ErrClosed)
		_, err = l.Accept()
		require.ErrorIs(t, err, net.ErrClosed)
	})
}

func BenchmarkStreamEcho(b *testing.B) {
	client, server := stream(b, memnet.New())
	data, buf := make([]byte, 500), make([]byte, 1500)
	b.ReportAllocs()
	for b.Loop() {
		client.Write(data)
		server.Read(buf)
		server.Write(data)
		client.Read(buf)
	}
}
