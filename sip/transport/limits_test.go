package transport_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/transport"
	"github.com/patchbay-sip/patchbay/sip/transport/memnet"
)

// closedAfter waits until the transport closes c and tells how long it took.
func closedAfter(t testing.TB, c net.Conn, since time.Time) time.Duration {
	t.Helper()
	_, err := io.Copy(io.Discard, c)
	require.NoError(t, err)
	return time.Since(since)
}

func TestIdleTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRecorder()
		tr, c := stream(t, r, transport.WithTimeouts(transport.Timeouts{Idle: time.Minute}))
		_, err := io.WriteString(c, options("a"))
		require.NoError(t, err)
		got := <-r.messages

		// A message in either direction, or a keep-alive, is life.
		for _, life := range []func() error{
			func() error { _, err := io.WriteString(c, options("b")); return err },
			func() error { _, err := io.WriteString(c, "\r\n\r\n"); return err },
			func() error { return tr.Send(got.flow, ok(t, got.m)) },
		} {
			time.Sleep(50 * time.Second)
			require.NoError(t, life())
		}
		time.Sleep(50 * time.Second)
		require.Equal(t, 1, tr.Stats().Conns.Open)

		start := time.Now()
		after := closedAfter(t, c, start)
		require.Greater(t, after, 5*time.Second)
		require.LessOrEqual(t, after, time.Minute)
		require.ErrorContains(t, (<-r.failed).err, "idle")
		require.EqualValues(t, 1, tr.Stats().Conns.Idle)
	})
}

// TestIdleDefault: a phone that registers for an hour stays connected.
func TestIdleDefault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRecorder()
		_, c := stream(t, r)
		_, err := io.WriteString(c, options("a"))
		require.NoError(t, err)
		after := closedAfter(t, c, time.Now())
		require.Equal(t, 65*time.Minute, after)
	})
}

func TestMessageTimeout(t *testing.T) {
	for name, before := range map[string]string{
		"nothing":              "",
		"keep-alives only":     "\r\n\r\n",
		"a header":             options("a")[:50],
		"a body":               request("MESSAGE", "a", "h", strings.Repeat("x", 99))[:250],
		"a header of a second": options("a") + options("b")[:50],
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRecorder()
				tr, c := stream(t, r, transport.WithTimeouts(transport.Timeouts{Message: 20 * time.Second}))
				start := time.Now()
				_, err := io.WriteString(c, before)
				require.NoError(t, err)
				go func() { // octet by octet is no way around it
					for err := error(nil); before != "" && err == nil; time.Sleep(time.Second) {
						_, err = io.WriteString(c, "x")
					}
				}()
				require.Equal(t, 20*time.Second, closedAfter(t, c, start))
				require.ErrorContains(t, (<-r.failed).err, "no whole message in time")
				require.EqualValues(t, 1, tr.Stats().Conns.Slow)
				c.Close()
				time.Sleep(time.Minute)
			})
		})
	}
}

// TestClientWaitsForResponses: a connection that was dialed need not hear
// anything soon.
func TestClientWaitsForResponses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		serve(t, tcpOn(t, n, "10.0.0.1:5060", transport.WithTimeouts(transport.Timeouts{Message: time.Hour})))
		client := tcpOn(t, n, "10.0.0.2:5060", transport.WithTimeouts(transport.Timeouts{Message: time.Second}))
		r := serve(t, client)
		_, err := client.Connect(t.Context(), hop("tcp", "10.0.0.1:5060"))
		require.NoError(t, err)
		time.Sleep(time.Minute)
		require.Empty(t, r.failed)
	})
}

func TestConnLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		tr := tcpOn(t, n, "10.0.0.1:5060", transport.WithSources(transport.Sources{AllConns: 5, Conns: 2}))
		r := serve(t, tr)
		// accepted tells whether a connection from an address is taken.
		accepted := func(from string) bool {
			io.WriteString(dial(t, n, from, "10.0.0.1:5060"), options("a"))
			synctest.Wait()
			select {
			case <-r.messages:
				return true
			default:
				return false
			}
		}
		require.True(t, accepted("10.0.0.2"))
		require.True(t, accepted("10.0.0.2"))
		require.False(t, accepted("10.0.0.2"))
		require.True(t, accepted("2001:db8::1"))
		require.True(t, accepted("2001:db8::2"))
		require.False(t, accepted("2001:db8::3"), "a /64 is one source")
		require.EqualValues(t, 2, tr.Stats().Conns.OverSource)
		require.True(t, accepted("10.0.0.4"))
		require.False(t, accepted("10.0.0.5"))
		require.EqualValues(t, 1, tr.Stats().Conns.OverTotal)
		require.Equal(t, 5, tr.Stats().Conns.Open)

		// What is dialed counts as well.
		serve(t, tcpOn(t, n, "10.0.0.9:5060"))
		_, err := tr.Connect(t.Context(), hop("tcp", "10.0.0.9:5060"))
		require.ErrorIs(t, err, transport.ErrTooManyConns)
	})
}

// TestDialsAreBounded: addresses that do not answer take up a quarter of the
// connections, and no socket beyond; others connect all the while.
func TestDialsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		dialed := 0
		tr := tcpOn(t, n, "10.0.0.1:5060",
			transport.WithSources(transport.Sources{AllConns: 40}),
			transport.WithTimeouts(transport.Timeouts{Dial: 3 * time.Second}),
			transport.WithDialer(func(ctx context.Context, _, _ string) (net.Conn, error) {
				dialed++
				<-ctx.Done()
				return nil, ctx.Err()
			}))
		r := serve(t, tr)
		ended := make(chan error, 100)
		connect := func(port int) {
			go func() {
				_, err := tr.Connect(t.Context(), hop("tcp", fmt.Sprintf("10.0.0.2:%d", port)))
				ended <- err
			}()
			synctest.Wait() // so that no two dials are counted at once
		}
		for port := range 100 {
			connect(1 + port)
		}
		for range 90 {
			require.ErrorIs(t, <-ended, transport.ErrTooManyConns)
		}
		require.Equal(t, 10, dialed)
		require.EqualValues(t, 90, tr.Stats().Conns.OverTotal)
		for range 30 {
			io.WriteString(dial(t, n, "10.0.0.3", "10.0.0.1:5060"), options("a"))
			<-r.messages
		}
		io.WriteString(dial(t, n, "10.0.0.3", "10.0.0.1:5060"), options("a"))
		synctest.Wait()
		require.Empty(t, r.messages, "dials count as connections")
		for range 10 {
			require.ErrorIs(t, <-ended, context.DeadlineExceeded)
		}
		connect(1)
		require.ErrorIs(t, <-ended, context.DeadlineExceeded)
		io.WriteString(dial(t, n, "10.0.0.3", "10.0.0.1:5060"), options("a"))
		<-r.messages
	})
}

// TestConnLimitIsGivenBack: what is closed counts no longer.
func TestConnLimitIsGivenBack(t *testing.T) {
	n := memnet.New()
	tr := tcpOn(t, n, "10.0.0.1:5060", transport.WithSources(transport.Sources{Conns: 1}))
	r := serve(t, tr)
	for range 10 {
		c := dial(t, n, "10.0.0.2", "10.0.0.1:5060")
		_, err := io.WriteString(c, options("a"))
		require.NoError(t, err)
		<-r.messages
		require.NoError(t, c.Close())
		<-r.failed
	}
	require.Zero(t, tr.Stats().Conns.OverSource)
}

// TestStalledPeer: a peer that does not read gets its queue filled and is
// dropped; another one does not notice.
func TestStalledPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		tr := tcpOn(t, n, "10.0.0.1:5060",
			transport.WithSendQueue(50_000),
			transport.WithTimeouts(transport.Timeouts{Write: 10 * time.Second}))
		r := serve(t, tr)
		connect := func(from string) (net.Conn, delivery) {
			c := dial(t, n, from, "10.0.0.1:5060")
			_, err := io.WriteString(c, options("a"))
			require.NoError(t, err)
			return c, <-r.messages
		}
		_, stalled := connect("10.0.0.2")
		good, alive := connect("10.0.0.3")

		resp := ok(t, stalled.m)
		size, queued := len(resp.String()), 0
		var err error
		for err == nil {
			if err = tr.Send(stalled.flow, resp); err == nil {
				queued += size
			}
			synctest.Wait()
		}
		require.ErrorIs(t, err, transport.ErrQueueFull)
		// The queue, and what went into the window of the stream.
		require.InDelta(t, 50_000+64<<10, queued, float64(2*size))
		require.EqualValues(t, 1, tr.Stats().Dropped.QueueFull)

		start := time.Now()
		for range 100 {
			require.NoError(t, tr.Send(alive.flow, ok(t, alive.m)))
			require.Contains(t, readMessage(t, good), "200")
		}
		require.Zero(t, time.Since(start))

		failed := <-r.failed
		require.Equal(t, stalled.flow, failed.flow)
		require.ErrorContains(t, failed.err, "does not read")
		require.LessOrEqual(t, time.Since(start), 10*time.Second+time.Second)
		require.EqualValues(t, 1, tr.Stats().Conns.Stalled)
		require.ErrorIs(t, tr.Send(stalled.flow, resp), transport.ErrFlowGone)
		require.NoError(t, tr.Send(alive.flow, ok(t, alive.m)))
	})
}

// TestLargeMessageAlone: a message longer than the queue goes when nothing else
// waits.
func TestLargeMessageAlone(t *testing.T) {
	r := newRecorder()
	tr, c := stream(t, r, transport.WithSendQueue(1000))
	_, err := io.WriteString(c, options("a"))
	require.NoError(t, err)
	got := <-r.messages
	resp := ok(t, got.m)
	resp.SetBody("text/plain", strings.Repeat("x", 60_000))
	require.NoError(t, tr.Send(got.flow, resp))
	readMessage(t, c)
	n, err := io.ReadFull(c, make([]byte, 60_000))
	require.NoError(t, err)
	require.Equal(t, 60_000, n)
}

// TestManyConnections: a thousand connections that come and go.
func TestManyConnections(t *testing.T) {
	checkLeaks(t)
	n := memnet.New()
	tr := tcpOn(t, n, "10.0.0.1:5060")
	r := newRecorder()
	r.on = func(f sip.Flow, m sip.Message, _ *sip.ParseError) {
		if err := tr.Send(f, sip.NewResponse(m.(*sip.Request), 200)); err != nil {
			t.Error(err)
		}
	}
	serveSink(t, tr, r)
	done := make(chan error)
	for i := range 20 {
		go func() {
			var err error
			defer func() { done <- err }()
			for j := range 50 {
				var c net.Conn
				from := netip.AddrFrom4([4]byte{10, 1, byte(i), byte(j)})
				if c, err = n.Dialer(from)(t.Context(), "tcp", "10.0.0.1:5060"); err != nil {
					return
				}
				if _, err = io.WriteString(c, options(fmt.Sprint(i, "-", j))); err != nil {
					return
				}
				if _, err = c.Read(make([]byte, 1)); err != nil {
					return
				}
				c.Close()
			}
		}()
	}
	for range 20 {
		require.NoError(t, <-done)
	}
	for range 1000 {
		<-r.failed
	}
	require.Zero(t, tr.Stats().Conns.Open)
	require.EqualValues(t, 1000, tr.Stats().Received)
}
