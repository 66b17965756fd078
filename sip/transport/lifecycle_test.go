package transport_test

import (
	"context"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/transport"
	"github.com/patchbay-sip/patchbay/sip/transport/memnet"
)

// lifecycles are the transports that each lifecycle test goes through.
var lifecycles = map[string]func(t *testing.T) transport.Transport{
	"udp": func(t *testing.T) transport.Transport {
		u, err := transport.ListenUDP("127.0.0.1:0")
		require.NoError(t, err)
		return u
	},
	"udp wildcard": func(t *testing.T) transport.Transport {
		u, err := transport.ListenUDP(":0")
		require.NoError(t, err)
		return u
	},
	"udp memnet": func(t *testing.T) transport.Transport {
		return udpOn(t, memnet.New(), "10.0.0.1:5060")
	},
	"tcp": func(t *testing.T) transport.Transport {
		u, err := transport.ListenTCP("127.0.0.1:0")
		require.NoError(t, err)
		return u
	},
	"tcp memnet": func(t *testing.T) transport.Transport {
		return tcpOn(t, memnet.New(), "10.0.0.1:5060")
	},
	"tls": func(t *testing.T) transport.Transport {
		u, err := transport.ListenTLS("127.0.0.1:0", newAuthority(t).config(t, "a.example"))
		require.NoError(t, err)
		return u
	},
	"tls memnet": func(t *testing.T) transport.Transport {
		return tlsOn(t, memnet.New(), "10.0.0.1:5061", newAuthority(t).config(t, "a.example"))
	},
	"tls client": func(t *testing.T) transport.Transport {
		u, err := transport.NewTLS(nil, nil)
		require.NoError(t, err)
		return u
	},
	"tcp client": func(*testing.T) transport.Transport { return transport.NewTCP(nil) },
}

func TestLifecycle(t *testing.T) {
	hop := func(tr transport.Transport) sip.Hop {
		return sip.Hop{Network: tr.Network(), Addr: netip.MustParseAddrPort("127.0.0.1:9")}
	}
	steps := map[string]func(t *testing.T, tr transport.Transport){
		"serve, close": func(t *testing.T, tr transport.Transport) {
			served := make(chan error)
			go func() { served <- tr.Serve(newRecorder()) }()
			require.NoError(t, tr.Close())
			require.ErrorIs(t, <-served, net.ErrClosed)
		},
		"close before serve": func(t *testing.T, tr transport.Transport) {
			require.NoError(t, tr.Close())
			require.ErrorIs(t, tr.Serve(newRecorder()), net.ErrClosed)
		},
		"close twice, and at once": func(t *testing.T, tr transport.Transport) {
			served := make(chan error)
			go func() { served <- tr.Serve(newRecorder()) }()
			closed := make(chan error)
			for range 4 {
				go func() { closed <- tr.Close() }()
			}
			for range 4 {
				require.NoError(t, <-closed)
			}
			require.ErrorIs(t, <-served, net.ErrClosed)
			require.NoError(t, tr.Close())
		},
		"serve twice": func(t *testing.T, tr transport.Transport) {
			served := make(chan error)
			for range 2 {
				go func() { served <- tr.Serve(newRecorder()) }()
			}
			require.NotErrorIs(t, <-served, net.ErrClosed)
			require.NoError(t, tr.Close())
			require.ErrorIs(t, <-served, net.ErrClosed)
		},
		"use after close": func(t *testing.T, tr transport.Transport) {
			require.NoError(t, tr.Close())
			_, err := tr.Connect(t.Context(), hop(tr))
			require.ErrorIs(t, err, net.ErrClosed)
			flow := sip.Flow{Network: tr.Network(), Remote: hop(tr).Addr}
			require.ErrorIs(t, tr.Send(flow, parse(t, options("a"))), net.ErrClosed)
			require.ErrorIs(t, tr.Ping(flow), net.ErrClosed)
			_, ok := tr.Peer(flow)
			require.False(t, ok)
		},
	}
	for name, open := range lifecycles {
		for step, run := range steps {
			t.Run(name+"/"+step, func(t *testing.T) {
				checkLeaks(t)
				run(t, open(t))
			})
		}
	}
}

// TestCloseReachesConnections: Close ends connections in each state they can
// be in, waits for them, and tells nobody that they failed.
func TestCloseReachesConnections(t *testing.T) {
	text := options("a")
	states := map[string]string{
		"nothing sent": "",
		"in a header":  text[:40],
		"in a body":    strings.TrimSuffix(request("MESSAGE", "b", "192.0.2.1", "hello"), "lo"),
		"idle":         text,
		"in a ping":    "\r\n\r",
	}
	for name, sent := range states {
		t.Run(name, func(t *testing.T) {
			checkLeaks(t)
			tr, err := transport.ListenTCP("127.0.0.1:0")
			require.NoError(t, err)
			r := newRecorder()
			served := make(chan error)
			go func() { served <- tr.Serve(r) }()

			c, err := net.Dial("tcp", tr.Addrs()[0].String())
			require.NoError(t, err)
			defer c.Close()
			_, err = io.WriteString(c, sent)
			require.NoError(t, err)
			if sent == text {
				<-r.messages
			}
			require.NoError(t, tr.Close())
			require.ErrorIs(t, <-served, net.ErrClosed)
			_, err = c.Read(make([]byte, 1))
			require.Error(t, err, "the connection is closed")
			require.Empty(t, r.failed)
			require.Zero(t, tr.Stats().Conns.Open)
		})
	}
}

// TestCloseWhileDialing: a dial that is under way ends with Close.
func TestCloseWhileDialing(t *testing.T) {
	checkLeaks(t)
	dialing := make(chan struct{})
	tr := transport.NewTCP(nil, transport.WithDialer(func(ctx context.Context, _, _ string) (net.Conn, error) {
		close(dialing)
		<-ctx.Done()
		return nil, ctx.Err()
	}))
	connected := make(chan error)
	go func() {
		_, err := tr.Connect(t.Context(), hop("tcp", "10.0.0.1:5060"))
		connected <- err
	}()
	<-dialing
	require.NoError(t, tr.Close())
	require.ErrorIs(t, <-connected, net.ErrClosed)
}

// TestCloseFlushes: what was sent just before Close still arrives.
func TestCloseFlushes(t *testing.T) {
	checkLeaks(t)
	tr, err := transport.ListenTCP("127.0.0.1:0")
	require.NoError(t, err)
	r := newRecorder()
	served := make(chan error)
	go func() { served <- tr.Serve(r) }()
	c, err := net.Dial("tcp", tr.Addrs()[0].String())
	require.NoError(t, err)
	defer c.Close()
	_, err = io.WriteString(c, options("a"))
	require.NoError(t, err)
	got := <-r.messages
	for range 100 {
		require.NoError(t, tr.Send(got.flow, ok(t, got.m)))
	}
	require.NoError(t, tr.Close())
	require.ErrorIs(t, <-served, net.ErrClosed)
	for range 100 {
		require.Contains(t, readMessage(t, c), "SIP/2.0 200 ")
	}
	require.ErrorIs(t, tr.Send(got.flow, ok(t, got.m)), net.ErrClosed)
}

// TestCloseWithStalledPeer: a peer that reads nothing holds Close up for a
// moment at most.
func TestCloseWithStalledPeer(t *testing.T) {
	checkLeaks(t)
	n := memnet.New()
	tr := tcpOn(t, n, "10.0.0.1:5060")
	r := newRecorder()
	served := make(chan error)
	go func() { served <- tr.Serve(r) }()
	c := dial(t, n, "10.0.0.2", "10.0.0.1:5060")
	_, err := io.WriteString(c, options("a"))
	require.NoError(t, err)
	got := <-r.messages
	for tr.Send(got.flow, ok(t, got.m)) == nil {
	}
	start := time.Now()
	require.NoError(t, tr.Close())
	require.ErrorIs(t, <-served, net.ErrClosed)
	require.Less(t, time.Since(start), 2*time.Second)
}
