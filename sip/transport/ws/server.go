package ws

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"sync"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/transport"
)

// Server is the WebSocket transport: WS or, over TLS, WSS.
type Server struct {
	hosted  *transport.Hosted
	cfg     config
	secure  bool
	buffers sync.Pool // of *[]byte

	listener net.Listener // nil for New and NewSecure
	http     *http.Server

	mu     sync.Mutex
	served bool
	closed bool
	failed error          // why the HTTP server ended by itself
	wg     sync.WaitGroup // the HTTP server and its connections
	slots  map[net.Conn]*transport.Slot
}

var (
	_ transport.Transport = (*Server)(nil)
	_ http.Handler        = (*Server)(nil)
)

// New makes a transport for WS, an http.Handler for requests without TLS.
func New(opts ...Option) *Server { return newServer("ws", netip.AddrPort{}, opts) }

// NewSecure makes a transport for WSS, an http.Handler for requests that came
// over TLS (see WithTLSInFront).
func NewSecure(opts ...Option) *Server { return newServer("wss", netip.AddrPort{}, opts) }

func newServer(network string, addr netip.AddrPort, opts []Option) *Server {
	s := &Server{secure: network == "wss", slots: make(map[net.Conn]*transport.Slot)}
	for _, o := range opts {
		o(&s.cfg)
	}
	s.buffers.New = func() any { return new([]byte) }
	s.hosted = transport.NewHosted(network, framing{}, addr, s.cfg.transport...)
	return s
}

// Network implements transport.Transport: "ws" or "wss".
func (s *Server) Network() string { return s.hosted.Network() }

// Serve implements transport.Transport. Requests that come before it wait.
func (s *Server) Serve(sink transport.Sink) error {
	if s.listener != nil {
		s.serveHTTP()
	}
	err := s.hosted.Serve(sink)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed != nil {
		return s.failed
	}
	return err
}

// Connect implements transport.Transport: it finds a connection that is there.
// Else the error matches transport.ErrCannotDial.
func (s *Server) Connect(ctx context.Context, hop sip.Hop) (sip.Flow, error) {
	return s.hosted.Connect(ctx, hop)
}

// Send implements transport.Transport. A message goes in a text frame, or a
// binary one if it is no UTF-8.
func (s *Server) Send(f sip.Flow, m sip.Message) error { return s.hosted.Send(f, m) }

// SentBy implements transport.Transport.
func (s *Server) SentBy(f sip.Flow) sip.HostPort { return s.hosted.SentBy(f) }

// Addrs implements transport.Transport. New and NewSecure know of none.
func (s *Server) Addrs() []netip.AddrPort { return s.hosted.Addrs() }

// Peer implements transport.Transport.
func (s *Server) Peer(f sip.Flow) (transport.Peer, bool) { return s.hosted.Peer(f) }

// Ping implements transport.Transport, by a ping frame.
func (s *Server) Ping(f sip.Flow) error { return s.hosted.Ping(f) }

// Stats returns the counters. Conns.Unframed are connections whose peer broke
// the rules of WebSocket.
func (s *Server) Stats() transport.Stats { return s.hosted.Stats() }

// Close implements transport.Transport.
func (s *Server) Close() error {
	s.mu.Lock()
	first := !s.closed
	s.closed = true
	s.mu.Unlock()
	if first && s.http != nil {
		_ = s.http.Close()
		_ = s.listener.Close() // http.Server knows it only once it serves
	}
	err := s.hosted.Close()
	s.wg.Wait()
	return err
}
