package ws_test

import (
	"net"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/transport"
	"github.com/patchbay-sip/patchbay/sip/transport/ws"
)

func TestLifecycle(t *testing.T) {
	opens := map[string]func(t *testing.T) *ws.Server{
		"listen":     func(t *testing.T) *ws.Server { return listen(t) },
		"listen TLS": func(t *testing.T) *ws.Server { return listenTLS(t) },
		"handler":    func(*testing.T) *ws.Server { return ws.New() },
	}
	steps := map[string]func(t *testing.T, s *ws.Server){
		"serve, close": func(t *testing.T, s *ws.Server) {
			served := make(chan error)
			go func() { served <- s.Serve(newRecorder()) }()
			require.NoError(t, s.Close())
			require.ErrorIs(t, <-served, net.ErrClosed)
		},
		"close before serve": func(t *testing.T, s *ws.Server) {
			require.NoError(t, s.Close())
			require.ErrorIs(t, s.Serve(newRecorder()), net.ErrClosed)
		},
		"close twice, and at once": func(t *testing.T, s *ws.Server) {
			served := make(chan error)
			go func() { served <- s.Serve(newRecorder()) }()
			closed := make(chan error)
			for range 4 {
				go func() { closed <- s.Close() }()
			}
			for range 4 {
				require.NoError(t, <-closed)
			}
			require.ErrorIs(t, <-served, net.ErrClosed)
			require.NoError(t, s.Close())
		},
		"serve twice": func(t *testing.T, s *ws.Server) {
			served := make(chan error)
			for range 2 {
				go func() { served <- s.Serve(newRecorder()) }()
			}
			require.NotErrorIs(t, <-served, net.ErrClosed)
			require.NoError(t, s.Close())
			require.ErrorIs(t, <-served, net.ErrClosed)
		},
		"use after close": func(t *testing.T, s *ws.Server) {
			require.NoError(t, s.Close())
			_, err := s.Connect(t.Context(), sip.Hop{Network: s.Network()})
			require.ErrorIs(t, err, net.ErrClosed)
			flow := sip.Flow{Network: s.Network()}
			require.ErrorIs(t, s.Send(flow, sip.NewRequest(sip.OPTIONS, sip.MustParseURI("sip:a@b"), sip.Address{}, sip.Address{})), net.ErrClosed)
			require.ErrorIs(t, s.Ping(flow), net.ErrClosed)
			_, ok := s.Peer(flow)
			require.False(t, ok)
		},
	}
	for name, open := range opens {
		for step, run := range steps {
			t.Run(name+"/"+step, func(t *testing.T) {
				checkLeaks(t)
				run(t, open(t))
			})
		}
	}
}

// TestCloseReachesConnections: Close ends connections before and behind the
// upgrade; what was sent still arrives, with a goodbye.
func TestCloseReachesConnections(t *testing.T) {
	checkLeaks(t)
	s := listenTLS(t)
	r := newRecorder()
	served := make(chan error)
	go func() { served <- s.Serve(r) }()
	for _, sent := range []string{"", "\x16\x03\x01", "GET / HTTP/1.1\r\n"} {
		raw, err := net.Dial("tcp", s.Addrs()[0].String())
		require.NoError(t, err)
		defer raw.Close()
		_, err = raw.Write([]byte(sent))
		require.NoError(t, err)
	}
	silent, c := connect(t, s), connect(t, s)
	write(t, c, options("a"))
	got := <-r.messages
	for range 20 {
		require.NoError(t, s.Send(got.flow, ok(t, got.m)))
	}
	start := time.Now()
	require.NoError(t, s.Close())
	require.Less(t, time.Since(start), 2*time.Second)
	require.ErrorIs(t, <-served, net.ErrClosed)
	for range 20 {
		_, text := read(t, c)
		require.Contains(t, text, "SIP/2.0 200 ")
	}
	for _, c := range []*websocket.Conn{silent, c} {
		_, _, err := c.Read(t.Context())
		require.Equal(t, websocket.StatusGoingAway, websocket.CloseStatus(err), "%v", err)
	}
	require.Empty(t, r.failed)
	require.Zero(t, s.Stats().Conns.Open)
}

// TestStalledPeer: a browser that reads nothing holds up neither Send nor Close.
func TestStalledPeer(t *testing.T) {
	checkLeaks(t)
	s := listen(t)
	r := newRecorder()
	served := make(chan error)
	go func() { served <- s.Serve(r) }()
	c := connect(t, s)
	write(t, c, options("a"))
	got := <-r.messages
	resp := ok(t, got.m)
	resp.SetBody("application/octet-stream", string(make([]byte, 60_000)))
	var err error
	for err == nil {
		err = s.Send(got.flow, resp)
	}
	require.ErrorIs(t, err, transport.ErrQueueFull)
	start := time.Now()
	require.NoError(t, s.Close())
	require.ErrorIs(t, <-served, net.ErrClosed)
	require.Less(t, time.Since(start), 2*time.Second)
}
