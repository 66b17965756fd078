package ws_test

import (
	"context"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip/transport"
	"github.com/patchbay-sip/patchbay/sip/transport/memnet"
	"github.com/patchbay-sip/patchbay/sip/transport/ws"
)

// inMemory runs a test in virtual time, on a network in memory. connect opens a
// WebSocket.
func inMemory(t *testing.T, timeouts transport.Timeouts, f func(t *testing.T, s *ws.Server, r *recorder, connect func() *websocket.Conn)) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		l, err := n.Listen("10.0.0.1:80")
		require.NoError(t, err)
		s := ws.New(limits(transport.WithTimeouts(timeouts)))
		web := &http.Server{Handler: s}
		go web.Serve(l)
		defer web.Close()
		r := serve(t, s)
		f(t, s, r, func() *websocket.Conn {
			tr := &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
				return n.Dial(ctx, "tcp", "10.0.0.1:80")
			}}
			c, _, err := websocket.Dial(t.Context(), "ws://10.0.0.1/", &websocket.DialOptions{
				HTTPClient: &http.Client{Transport: tr}, Subprotocols: []string{"sip"},
			})
			require.NoError(t, err)
			t.Cleanup(func() { c.CloseNow(); tr.CloseIdleConnections() })
			return c
		})
	})
}

// TestFirstMessage: whoever says nothing is dropped, pings or not.
func TestFirstMessage(t *testing.T) {
	inMemory(t, transport.Timeouts{Message: 20 * time.Second}, func(t *testing.T, s *ws.Server, r *recorder, connect func() *websocket.Conn) {
		start := time.Now()
		c := connect()
		go func() {
			for c.Ping(t.Context()) == nil {
				time.Sleep(time.Second)
			}
		}()
		_, _, err := c.Read(t.Context())
		require.Equal(t, websocket.StatusGoingAway, websocket.CloseStatus(err), "%v", err)
		require.Equal(t, 20*time.Second, time.Since(start))
		require.ErrorContains(t, <-r.failed, "no whole message in time")
		require.EqualValues(t, 1, s.Stats().Conns.Slow)
	})
}

// TestSlowMessage: a message that does not come to its end.
func TestSlowMessage(t *testing.T) {
	inMemory(t, transport.Timeouts{Message: 20 * time.Second}, func(t *testing.T, s *ws.Server, r *recorder, connect func() *websocket.Conn) {
		c := connect()
		write(t, c, options("a"))
		<-r.messages
		time.Sleep(5 * time.Second)
		start := time.Now()
		w, err := c.Writer(t.Context(), websocket.MessageText)
		require.NoError(t, err)
		_, err = w.Write(make([]byte, 5000)) // more than the client keeps
		require.NoError(t, err)
		require.ErrorContains(t, <-r.failed, "no whole message in time")
		require.LessOrEqual(t, time.Since(start), 22*time.Second)
	})
}

// TestPing: a silent connection is asked whether it is alive, and closed when
// there is no answer.
func TestPing(t *testing.T) {
	inMemory(t, transport.Timeouts{Ping: 10 * time.Second, Idle: time.Hour}, func(t *testing.T, s *ws.Server, r *recorder, connect func() *websocket.Conn) {
		alive, dead := connect(), connect()
		for _, c := range []*websocket.Conn{alive, dead} {
			write(t, c, options("a"))
			<-r.messages
		}
		reading, stop := context.WithCancel(t.Context())
		defer stop()
		go alive.Read(reading) // which answers pings
		start := time.Now()
		require.ErrorContains(t, <-r.failed, "idle")
		require.InDelta(t, 20*time.Second, time.Since(start), float64(2*time.Second))
		time.Sleep(30 * time.Minute)
		require.Equal(t, 1, s.Stats().Conns.Open)
		require.ErrorContains(t, <-r.failed, "idle", "but pongs are no use of it")
		require.InDelta(t, time.Hour, time.Since(start), float64(time.Minute))
	})
}
