package transport_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/transport"
	"github.com/patchbay-sip/patchbay/sip/transport/memnet"
)

func TestTCPRequestAndResponse(t *testing.T) {
	checkLeaks(t)
	n := memnet.New()
	alice, bob := tcpOn(t, n, "10.0.0.1:5060"), tcpOn(t, n, "10.0.0.2:5080")
	atAlice, atBob := serve(t, alice), serve(t, bob)

	flow, err := alice.Connect(t.Context(), hop("tcp", "10.0.0.2:5080"))
	require.NoError(t, err)
	require.Equal(t, "10.0.0.2:5080", flow.Remote.String())
	require.NotZero(t, flow.ID)
	require.NotEqual(t, uint16(5060), flow.Local.Port())
	require.Equal(t, sip.HostPort{Host: "10.0.0.1", Port: 5060}, alice.SentBy(flow), "the listener's port")

	require.NoError(t, alice.Send(flow, parse(t, options("a"))))
	got := <-atBob.messages
	require.Equal(t, flow.Local, got.flow.Remote)
	require.Contains(t, got.m.Head().Get("Via"), ";received=10.0.0.1")
	require.Equal(t, sip.HostPort{Host: "10.0.0.2", Port: 5080}, bob.SentBy(got.flow))

	// The response goes back over the connection of the request.
	require.NoError(t, bob.Send(got.flow, ok(t, got.m)))
	require.Equal(t, flow, (<-atAlice.messages).flow)

	// A request to the address that the connection came from uses it, too.
	back, err := bob.Connect(t.Context(), sip.Hop{Network: "tcp", Addr: got.flow.Remote})
	require.NoError(t, err)
	require.Equal(t, got.flow, back)
	again, err := alice.Connect(t.Context(), hop("tcp", "[::ffff:10.0.0.2]:5080"))
	require.NoError(t, err)
	require.Equal(t, flow, again)
	require.EqualValues(t, 1, alice.Stats().Conns.Dialed)
	require.EqualValues(t, 1, bob.Stats().Conns.Accepted)
	require.Equal(t, 1, bob.Stats().Conns.Open)
	peer, there := bob.Peer(got.flow)
	require.True(t, there)
	require.Equal(t, got.flow, peer.Flow)
}

func TestTCPSockets(t *testing.T) {
	for _, c := range []struct{ listen, dial string }{
		{"127.0.0.1:0", "127.0.0.1"},
		{"[::1]:0", "::1"},
		{"0.0.0.0:0", "127.0.0.1"},
		{":0", "127.0.0.1"},
		{":0", "::1"},
	} {
		t.Run(c.listen+" "+c.dial, func(t *testing.T) {
			checkLeaks(t)
			server, err := transport.ListenTCP(c.listen)
			require.NoError(t, err)
			client := transport.NewTCP(nil)
			require.Empty(t, client.Addrs())
			atServer, atClient := serve(t, server), serve(t, client)
			to := netip.AddrPortFrom(netip.MustParseAddr(c.dial), server.Addrs()[0].Port())
			flow, err := client.Connect(t.Context(), sip.Hop{Network: "tcp", Addr: to})
			require.NoError(t, err)
			require.Equal(t, sip.HostPort{Host: c.dial, Port: flow.Local.Port()}, client.SentBy(flow))
			require.NoError(t, client.Send(flow, parse(t, options("a"))))
			got := <-atServer.messages
			require.Equal(t, to, got.flow.Local)
			require.Equal(t, sip.HostPort{Host: c.dial, Port: to.Port()}, server.SentBy(got.flow))
			require.NoError(t, server.Send(got.flow, ok(t, got.m)))
			<-atClient.messages
		})
	}
}

// TestTCPFlowGone: a flow whose connection has ended is told once, and cannot
// be sent on; Connect makes another one.
func TestTCPFlowGone(t *testing.T) {
	checkLeaks(t)
	n := memnet.New()
	tr := tcpOn(t, n, "10.0.0.1:5060")
	r := serve(t, tr)
	c := dial(t, n, "10.0.0.2", "10.0.0.1:5060")
	_, err := io.WriteString(c, options("a"))
	require.NoError(t, err)
	got := <-r.messages
	require.NoError(t, c.Close())

	failed := <-r.failed
	require.Equal(t, got.flow, failed.flow)
	require.ErrorIs(t, failed.err, io.EOF)
	err = tr.Send(got.flow, ok(t, got.m))
	require.ErrorIs(t, err, transport.ErrFlowGone)
	require.ErrorIs(t, err, net.ErrClosed)
	require.ErrorIs(t, tr.Ping(got.flow), transport.ErrFlowGone)
	_, there := tr.Peer(got.flow)
	require.False(t, there)
	require.EqualValues(t, 2, tr.Stats().Dropped.FlowGone)

	_, err = tr.Connect(t.Context(), sip.Hop{Network: "tcp", Addr: got.flow.Remote})
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	require.EqualValues(t, 1, tr.Stats().Conns.DialErrors)
	for _, h := range []sip.Hop{{}, hop("udp", "10.0.0.2:5060"), hop("tcp", "10.0.0.2:0")} {
		_, err := tr.Connect(t.Context(), h)
		require.Error(t, err)
	}
}

// TestTCPFlowIDs: no flow of one transport is one of another or of an earlier
// process.
func TestTCPFlowIDs(t *testing.T) {
	n := memnet.New()
	a, b := tcpOn(t, n, "10.0.0.1:5060"), tcpOn(t, n, "10.0.0.2:5060")
	serve(t, a)
	serve(t, b)
	toB, err := a.Connect(t.Context(), hop("tcp", "10.0.0.2:5060"))
	require.NoError(t, err)
	toA, err := b.Connect(t.Context(), hop("tcp", "10.0.0.1:5060"))
	require.NoError(t, err)
	require.NotEqual(t, toA.ID, toB.ID)
	other := toB
	other.ID++
	require.ErrorIs(t, a.Ping(other), transport.ErrFlowGone)
	other = toB
	other.Remote = netip.MustParseAddrPort("10.0.0.9:5060")
	require.ErrorIs(t, a.Ping(other), transport.ErrFlowGone)
}

// TestTCPDialsOnce: whoever wants a connection that is coming about waits for
// it; when nobody is left, the attempt is given up.
func TestTCPDialsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		serve(t, tcpOn(t, n, "10.0.0.1:5060"))
		var dials atomic.Int32
		allow := make(chan struct{})
		client := transport.NewTCP(nil, transport.WithDialer(func(ctx context.Context, network, addr string) (net.Conn, error) {
			dials.Add(1)
			select {
			case <-allow:
				return n.Dial(ctx, network, addr)
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}))
		serve(t, client)
		connect := func(ctx context.Context) <-chan any {
			c := make(chan any, 1)
			go func() {
				flow, err := client.Connect(ctx, hop("tcp", "10.0.0.1:5060"))
				if err != nil {
					c <- err
					return
				}
				c <- flow
			}()
			return c
		}

		// Two who lose patience; the attempt ends with the second.
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		shorter, cancel := context.WithTimeout(t.Context(), time.Second/2)
		defer cancel()
		a, b := connect(short), connect(shorter)
		require.Equal(t, context.DeadlineExceeded, <-b)
		require.EqualValues(t, 1, dials.Load())
		require.Equal(t, context.DeadlineExceeded, <-a)
		synctest.Wait()
		require.EqualValues(t, 1, client.Stats().Conns.DialErrors)

		// Ten at once, and one who loses patience without harm to the others.
		impatient, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var all []<-chan any
		for range 10 {
			all = append(all, connect(t.Context()))
		}
		require.Equal(t, context.DeadlineExceeded, <-connect(impatient))
		close(allow)
		flow := <-all[0]
		require.IsType(t, sip.Flow{}, flow)
		for _, c := range all[1:] {
			require.Equal(t, flow, <-c)
		}
		require.EqualValues(t, 2, dials.Load())
	})
}

// TestTCPDialTimeout: an address that does not answer is given up in time.
func TestTCPDialTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := transport.NewTCP(nil,
			transport.WithTimeouts(transport.Timeouts{Dial: 3 * time.Second}),
			transport.WithDialer(func(ctx context.Context, _, _ string) (net.Conn, error) {
				<-ctx.Done()
				return nil, ctx.Err()
			}))
		serve(t, client)
		start := time.Now()
		_, err := client.Connect(t.Context(), hop("tcp", "10.0.0.1:5060"))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, 3*time.Second, time.Since(start))
	})
}

// TestTCPConnectBeforeServe: what comes back waits for Serve.
func TestTCPConnectBeforeServe(t *testing.T) {
	checkLeaks(t)
	n := memnet.New()
	server, client := tcpOn(t, n, "10.0.0.1:5060"), tcpOn(t, n, "10.0.0.2:5060")
	r := serve(t, server)
	flow, err := client.Connect(t.Context(), hop("tcp", "10.0.0.1:5060"))
	require.NoError(t, err)
	require.NoError(t, client.Send(flow, parse(t, options("a"))))
	got := <-r.messages
	require.NoError(t, server.Send(got.flow, ok(t, got.m)))
	require.Equal(t, flow, (<-serve(t, client).messages).flow)

	// Without Serve, Close ends such a connection as well.
	unserved := tcpOn(t, n, "10.0.0.3:5060")
	_, err = unserved.Connect(t.Context(), hop("tcp", "10.0.0.1:5060"))
	require.NoError(t, err)
	require.NoError(t, unserved.Close())
	require.ErrorIs(t, (<-r.failed).err, io.EOF)
}

// TestTCPAddsContentLength: a message that came in a datagram may lack it; on a
// stream it may not.
func TestTCPAddsContentLength(t *testing.T) {
	n := memnet.New()
	a, b := tcpOn(t, n, "10.0.0.1:5060"), tcpOn(t, n, "10.0.0.2:5060")
	serve(t, a)
	r := serve(t, b)
	flow, err := a.Connect(t.Context(), hop("tcp", "10.0.0.2:5060"))
	require.NoError(t, err)
	const head = "MESSAGE sip:b@h SIP/2.0\r\nVia: SIP/2.0/TCP 10.0.0.1\r\nCall-ID: 1\r\n"
	for _, body := range []string{"", "hello\r\n\r\n"} {
		m := parse(t, head+"\r\n"+body)
		require.NoError(t, a.Send(flow, m))
		got := (<-r.messages).m
		require.Equal(t, body, got.Body())
		require.False(t, m.Head().Has("Content-Length"), "the message is not changed")
		require.True(t, got.Head().Has("Content-Length"))
	}
	require.NoError(t, a.Send(flow, parse(t, head+"l: 5\r\n\r\nhello")))
	require.Equal(t, "5", (<-r.messages).m.Head().Get("Content-Length"))
}

// brokenListener fails to accept as often as it is told.
type brokenListener struct {
	net.Listener
	failures atomic.Int32
}

func (l *brokenListener) Accept() (net.Conn, error) {
	if l.failures.Add(-1) >= 0 {
		return nil, &net.OpError{Op: "accept", Net: "tcp", Err: syscall.EMFILE}
	}
	return l.Listener.Accept()
}

// TestTCPAcceptErrors: a process out of file descriptors waits for better
// times.
func TestTCPAcceptErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		l, err := n.Listen("10.0.0.1:5060")
		require.NoError(t, err)
		broken := &brokenListener{Listener: l}
		broken.failures.Store(20)
		tr := transport.NewTCP(broken)
		r := serve(t, tr)
		start := time.Now()
		_, err = io.WriteString(dial(t, n, "10.0.0.2", "10.0.0.1:5060"), options("a"))
		require.NoError(t, err)
		<-r.messages
		require.Greater(t, time.Since(start), 9*time.Second)
		require.EqualValues(t, 20, tr.Stats().Dropped.ReadErrors)
	})
}

// TestTCPListenerClosedByOther: a listener that someone else closed ends Serve;
// connections live on until Close.
func TestTCPListenerClosedByOther(t *testing.T) {
	l, err := memnet.New().Listen("10.0.0.1:5060")
	require.NoError(t, err)
	tr := transport.NewTCP(l)
	require.NoError(t, l.Close())
	err = tr.Serve(newRecorder())
	require.ErrorIs(t, err, net.ErrClosed)
	require.False(t, errors.Is(err, transport.ErrFlowGone))
	require.NoError(t, tr.Close())
}
