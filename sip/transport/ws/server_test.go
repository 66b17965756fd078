package ws_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/transport"
	"github.com/patchbay-sip/patchbay/sip/transport/ws"
)

// TestTap: messages are shown without frames.
func TestTap(t *testing.T) {
	checkLeaks(t)
	tap := transport.NewTap(0)
	s := listen(t, limits(transport.WithTap(tap)))
	r := serve(t, s)
	c := connect(t, s)
	write(t, c, "\r\n\r\n")
	_, _ = read(t, c)
	write(t, c, options("a"))
	got := <-r.messages
	require.NoError(t, s.Send(got.flow, ok(t, got.m)))
	_, text := read(t, c)

	require.NoError(t, tap.Close())
	var shown []transport.Tapped
	require.ErrorIs(t, tap.Serve(func(m transport.Tapped) {
		m.Time = time.Time{}
		shown = append(shown, m)
	}), net.ErrClosed)
	require.Equal(t, []transport.Tapped{
		{Flow: got.flow, Text: options("a")},
		{Flow: got.flow, Sent: true, Text: text},
	}, shown)
}

func TestRequestAndResponse(t *testing.T) {
	for name, open := range map[string]func(testing.TB, ...ws.Option) *ws.Server{"ws": listen, "wss": listenTLS} {
		t.Run(name, func(t *testing.T) {
			checkLeaks(t)
			s := open(t)
			r := serve(t, s)
			c := connect(t, s)
			require.Equal(t, "sip", c.Subprotocol())
			write(t, c, options("a"))
			got := <-r.messages
			require.Equal(t, name, got.flow.Network)
			require.NotZero(t, got.flow.ID)
			require.Equal(t, s.Addrs()[0], got.flow.Local)
			via, err := got.m.Head().Via()
			require.NoError(t, err)
			received, _ := via.Params.Get("received")
			rport, _ := via.Params.Get("rport")
			require.Equal(t, "127.0.0.1", received)
			require.Equal(t, strconv.Itoa(int(got.flow.Remote.Port())), rport)
			require.Equal(t, sip.HostPort{Host: "127.0.0.1", Port: s.Addrs()[0].Port()}, s.SentBy(got.flow))
			peer, there := s.Peer(got.flow)
			require.True(t, there)
			require.Equal(t, got.flow, peer.Flow)

			for _, size := range []int{0, 200, 70_000} { // each form of a frame's length
				resp := ok(t, got.m)
				resp.SetBody("text/plain", strings.Repeat("ä", size/2))
				require.NoError(t, s.Send(got.flow, resp))
				kind, text := read(t, c)
				require.Equal(t, websocket.MessageText, kind)
				require.Equal(t, resp.String(), text)
			}
			resp := ok(t, got.m)
			resp.SetBody("application/octet-stream", "\xff\xfe")
			require.NoError(t, s.Send(got.flow, resp))
			kind, _ := read(t, c)
			require.Equal(t, websocket.MessageBinary, kind)

			require.NoError(t, c.Write(t.Context(), websocket.MessageBinary, []byte(options("b"))))
			require.Equal(t, got.flow, (<-r.messages).flow)

			flow, err := s.Connect(t.Context(), sip.Hop{Network: name, Addr: got.flow.Remote})
			require.NoError(t, err)
			require.Equal(t, got.flow, flow)
			_, err = s.Connect(t.Context(), sip.Hop{Network: name, Addr: netip.MustParseAddrPort("192.0.2.1:443")})
			require.ErrorIs(t, err, transport.ErrCannotDial)
			_, err = s.Connect(t.Context(), sip.Hop{Network: "tcp", Addr: got.flow.Remote})
			require.ErrorIs(t, err, transport.ErrCannotDial)

			require.NoError(t, c.Close(websocket.StatusNormalClosure, "bye"))
			require.Error(t, <-r.failed)
			require.ErrorIs(t, s.Send(got.flow, resp), transport.ErrFlowGone)
			require.ErrorIs(t, s.Ping(got.flow), transport.ErrFlowGone)
			stats := s.Stats()
			require.Zero(t, stats.Conns.Open)
			require.Zero(t, stats.Conns.Unframed)
			require.EqualValues(t, 1, stats.Conns.Accepted)
		})
	}
}

// TestHandler: the transport as a handler of a web server that has others.
func TestHandler(t *testing.T) {
	checkLeaks(t)
	s := ws.New()
	r := serve(t, s)
	mux := http.NewServeMux()
	mux.Handle("/sip", s)
	web := httptest.NewServer(mux)
	defer web.Close()
	c, _, err := dial(t, "ws"+strings.TrimPrefix(web.URL, "http")+"/sip", nil)
	require.NoError(t, err)
	write(t, c, options("a"))
	got := <-r.messages
	require.NoError(t, s.Send(got.flow, ok(t, got.m)))
	_, text := read(t, c)
	require.Contains(t, text, "SIP/2.0 200 ")
	require.Empty(t, s.Addrs())
	require.Equal(t, web.Listener.Addr().String(), s.SentBy(got.flow).String())
	require.NoError(t, s.Ping(got.flow))
}

func TestKeepAlive(t *testing.T) {
	checkLeaks(t)
	s := listen(t)
	r := serve(t, s)
	c := connect(t, s)
	write(t, c, options("a"))
	<-r.messages
	write(t, c, "\r\n\r\n")
	_, text := read(t, c)
	require.Equal(t, "\r\n", text)
	write(t, c, "\r\n") // the answer to a ping of ours
	go c.Read(t.Context())
	require.NoError(t, c.Ping(t.Context()))
	require.EqualValues(t, 3, s.Stats().KeepAlives)
	require.Empty(t, r.malformed)
}

// Pings want an answer, and so they are held up like messages.
func TestPingsHaveTheirRate(t *testing.T) {
	checkLeaks(t)
	s := listen(t, limits(transport.WithSources(transport.Sources{Rate: 10, Burst: 1})))
	serve(t, s)
	c := connect(t, s)
	go c.Read(t.Context())
	start := time.Now()
	for range 20 {
		require.NoError(t, c.Ping(t.Context()))
	}
	require.Greater(t, time.Since(start), (20-8)*time.Second/80)
	require.Positive(t, s.Stats().Conns.Delayed)
}

func TestRefusals(t *testing.T) {
	checkLeaks(t)
	plain, secure, front := ws.New(), ws.NewSecure(), ws.NewSecure(ws.WithTLSInFront())
	listed := ws.New(ws.WithOrigins("https://phone.example.com"))
	anyone := ws.New(ws.WithOrigins("*"))
	full := ws.New(limits(transport.WithSources(transport.Sources{AllConns: 1})))
	loopback := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	closed := ws.New(limits(transport.WithSources(transport.Sources{Deny: loopback})))
	for _, s := range []*ws.Server{plain, secure, front, listed, anyone, full, closed} {
		serve(t, s)
	}
	web := httptest.NewServer(full)
	defer web.Close()
	_, _, err := dial(t, "ws"+strings.TrimPrefix(web.URL, "http"), nil)
	require.NoError(t, err)
	upgrade := make(http.Header)
	for name, value := range map[string]string{
		"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
		"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol": "chat, sip",
	} {
		upgrade.Set(name, value)
	}
	with := func(name, value string) http.Header {
		h := upgrade.Clone()
		h.Del(name)
		if value != "" {
			h.Set(name, value)
		}
		return h
	}
	for name, c := range map[string]struct {
		handler *ws.Server
		header  http.Header
		tls     bool
		status  int
	}{
		"as it should be":         {plain, upgrade, false, 101},
		"no WebSocket":            {plain, http.Header{}, false, 426},
		"an old version":          {plain, with("Sec-WebSocket-Version", "8"), false, 400},
		"no subprotocol":          {plain, with("Sec-WebSocket-Protocol", ""), false, 400},
		"another subprotocol":     {plain, with("Sec-WebSocket-Protocol", "chat, msrp"), false, 400},
		"the host's own origin":   {plain, with("Origin", "http://{host}"), false, 101},
		"another origin":          {plain, with("Origin", "https://evil.example"), false, 403},
		"the null origin":         {plain, with("Origin", "null"), false, 403},
		"a listed origin":         {listed, with("Origin", "https://phone.example.com"), false, 101},
		"an origin not listed":    {listed, with("Origin", "http://phone.example.com"), false, 403},
		"own origin, not listed":  {listed, with("Origin", "http://{host}"), false, 403},
		"any origin":              {anyone, with("Origin", "https://evil.example"), false, 101},
		"WSS without TLS":         {secure, upgrade, false, 403},
		"WSS":                     {secure, upgrade, true, 101},
		"WSS with TLS in front":   {front, upgrade, false, 101},
		"WS over TLS":             {plain, upgrade, true, 403},
		"too many":                {full, upgrade, false, 503},
		"a source that is denied": {closed, upgrade, false, 403},
	} {
		t.Run(name, func(t *testing.T) {
			web := httptest.NewUnstartedServer(c.handler)
			if c.tls {
				web.StartTLS()
			} else {
				web.Start()
			}
			defer web.Close()
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, web.URL, nil)
			require.NoError(t, err)
			req.Header = c.header.Clone()
			if o := req.Header.Get("Origin"); o != "" {
				req.Header.Set("Origin", strings.Replace(o, "{host}", req.Host, 1))
			}
			resp, err := web.Client().Do(req)
			require.NoError(t, err)
			resp.Body.Close()
			require.Equal(t, c.status, resp.StatusCode)
			if c.status == 101 {
				require.Equal(t, "sip", resp.Header.Get("Sec-WebSocket-Protocol"))
				require.Empty(t, resp.Header.Get("Sec-WebSocket-Extensions"))
			}
		})
	}
}

// TestHTTP2: a web server that speaks HTTP/2 as well gives browsers HTTP/1.1 for
// WebSockets. Whoever opens the address by HTTP/2 all the same is told.
func TestHTTP2(t *testing.T) {
	web := httptest.NewUnstartedServer(ws.NewSecure())
	web.EnableHTTP2 = true
	web.StartTLS()
	defer web.Close()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, web.URL, nil)
	require.NoError(t, err)
	resp, err := web.Client().Do(req)
	require.NoError(t, err)
	resp.Body.Close()
	require.Equal(t, 2, resp.ProtoMajor)
	require.Equal(t, 505, resp.StatusCode)
}

// TestConnLimits: a connection too many is closed before anything is spent on
// it, and what has ended counts no longer, upgraded or not.
func TestConnLimits(t *testing.T) {
	checkLeaks(t)
	s := listen(t, limits(transport.WithSources(transport.Sources{AllConns: 10, Conns: 2})))
	r := serve(t, s)
	c := connect(t, s)
	write(t, c, options("a"))
	<-r.messages
	silent, err := net.Dial("tcp", s.Addrs()[0].String())
	require.NoError(t, err)
	defer silent.Close()
	_, _, err = dial(t, url(s), nil)
	require.Error(t, err)
	require.EqualValues(t, 1, s.Stats().Conns.OverSource)

	require.NoError(t, c.CloseNow())
	<-r.failed
	c = connect(t, s)
	write(t, c, options("b"))
	<-r.messages
	require.NoError(t, silent.Close())
	for err = net.ErrClosed; err != nil; {
		_, _, err = dial(t, url(s), nil) // once the server has seen it
	}
}

// TestSources: who may send, and how much, is known before anything is spent.
func TestSources(t *testing.T) {
	checkLeaks(t)
	loopback := netip.MustParsePrefix("127.0.0.0/8")
	closed := listen(t, limits(transport.WithSources(transport.Sources{Deny: []netip.Prefix{loopback}})))
	serve(t, closed)
	_, _, err := dial(t, url(closed), nil)
	require.Error(t, err)
	require.EqualValues(t, 1, closed.Stats().Conns.Denied)

	s := listen(t, limits(transport.WithSources(transport.Sources{Rate: 10, Burst: 5})))
	r := serve(t, s)
	c, start := connect(t, s), time.Now()
	for i := range 10 {
		write(t, c, options(strconv.Itoa(i)))
	}
	for i := range 10 {
		require.Equal(t, strconv.Itoa(i), (<-r.messages).m.Head().CallID())
	}
	require.Greater(t, time.Since(start), 300*time.Millisecond)
	require.Positive(t, s.Stats().Conns.Delayed)
	for range 20 {
		_, _, _ = dial(t, url(s), nil)
	}
	require.Positive(t, s.Stats().Conns.OverRate)
}
