package transport_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/transport"
	"github.com/patchbay-sip/patchbay/sip/transport/memnet"
)

// TestTLSCloseReachesHandshakes: Close does not wait for those who accept a
// connection, or open one, and stay silent.
func TestTLSCloseReachesHandshakes(t *testing.T) {
	for name, addr := range map[string]string{"memnet": "10.0.0.1:5061", "socket": ""} {
		t.Run(name, func(t *testing.T) {
			checkLeaks(t)
			n, config := memnet.New(), newAuthority(t).config(t, "a.example")
			var tr *transport.TLS
			connect := n.Dial
			if addr != "" {
				tr = tlsOn(t, n, addr, config)
			} else {
				var err error
				tr, err = transport.ListenTLS("127.0.0.1:0", config)
				require.NoError(t, err)
				connect = new(net.Dialer).DialContext
			}
			served := make(chan error)
			go func() { served <- tr.Serve(newRecorder()) }()
			for _, sent := range [][]byte{nil, clientHello(t)[:20], clientHello(t)} {
				c, err := connect(t.Context(), "tcp", tr.Addrs()[0].String())
				require.NoError(t, err)
				defer c.Close()
				_, err = c.Write(sent)
				require.NoError(t, err)
			}
			for tr.Stats().Conns.Accepted < 3 {
				_, ok := tr.Peer(sip.Flow{})
				require.False(t, ok)
			}
			start := time.Now()
			require.NoError(t, tr.Close())
			require.ErrorIs(t, <-served, net.ErrClosed)
			require.Less(t, time.Since(start), 2*time.Second)
			require.Zero(t, tr.Stats().Conns.Open)
			require.Zero(t, tr.Stats().Conns.Handshake, "Close is no failure of theirs")
		})
	}
}

// TestTLSCloseWhileShaking: a dial that waits for the server's hello ends with
// Close, and when nobody waits for it any longer.
func TestTLSCloseWhileShaking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		silent, err := n.Listen("10.0.0.1:5061")
		require.NoError(t, err)
		defer silent.Close()
		client, err := transport.NewTLS(nil, nil, transport.WithDialer(n.Dial),
			transport.WithTimeouts(transport.Timeouts{Dial: 9 * time.Second}))
		require.NoError(t, err)

		impatient, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = client.Connect(impatient, tlsHop("10.0.0.1:5061", "a.example"))
		require.ErrorIs(t, err, context.DeadlineExceeded)

		start := time.Now()
		_, err = client.Connect(t.Context(), tlsHop("10.0.0.1:5061", "a.example"))
		require.Error(t, err)
		require.Equal(t, 9*time.Second, time.Since(start))

		connected := make(chan error)
		go func() {
			_, err := client.Connect(t.Context(), tlsHop("10.0.0.1:5061", "a.example"))
			connected <- err
		}()
		synctest.Wait()
		require.NoError(t, client.Close())
		require.ErrorIs(t, <-connected, net.ErrClosed)
	})
}

// TestTLSCloseWithStalledPeer: a peer that reads nothing holds up neither Send
// nor Close, and is dropped.
func TestTLSCloseWithStalledPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, ca := memnet.New(), newAuthority(t)
		tr := tlsOn(t, n, "10.0.0.1:5061", ca.config(t, "a.example"),
			transport.WithTimeouts(transport.Timeouts{Write: 10 * time.Second}))
		r := newRecorder()
		served := make(chan error)
		go func() { served <- tr.Serve(r) }()
		stall := func(from string) delivery {
			c := tlsClient(t, dial(t, n, from, "10.0.0.1:5061"), ca.config(t), "a.example")
			_, err := io.WriteString(c, options("a"))
			require.NoError(t, err)
			got := <-r.messages
			for err == nil {
				err = tr.Send(got.flow, ok(t, got.m))
			}
			require.ErrorIs(t, err, transport.ErrQueueFull)
			return got
		}
		start := time.Now()
		first := stall("10.0.0.2")
		require.Zero(t, time.Since(start))
		failed := <-r.failed
		require.Equal(t, first.flow, failed.flow)
		require.ErrorContains(t, failed.err, "does not read")
		require.LessOrEqual(t, time.Since(start), 11*time.Second)

		stall("10.0.0.3")
		start = time.Now()
		require.NoError(t, tr.Close())
		require.ErrorIs(t, <-served, net.ErrClosed)
		require.Less(t, time.Since(start), time.Second)
	})
}

// TestTLSCloseFlushes: what was sent just before Close arrives, with the
// close_notify that tells it from a cut.
func TestTLSCloseFlushes(t *testing.T) {
	checkLeaks(t)
	n, ca := memnet.New(), newAuthority(t)
	tr := tlsOn(t, n, "10.0.0.1:5061", ca.config(t, "a.example"))
	r := newRecorder()
	served := make(chan error)
	go func() { served <- tr.Serve(r) }()
	c := tls.Client(dial(t, n, "10.0.0.2", "10.0.0.1:5061"), &tls.Config{RootCAs: ca.pool, ServerName: "a.example"})
	_, err := io.WriteString(c, options("a"))
	require.NoError(t, err)
	got := <-r.messages
	for range 20 {
		require.NoError(t, tr.Send(got.flow, ok(t, got.m)))
	}
	require.NoError(t, tr.Close())
	require.ErrorIs(t, <-served, net.ErrClosed)
	for range 20 {
		require.Contains(t, readMessage(t, c), "SIP/2.0 200 ")
	}
	_, err = c.Read(make([]byte, 1))
	require.Equal(t, io.EOF, err)
}
