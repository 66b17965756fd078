package ws

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/patchbay-sip/patchbay/internal/tlsconfig"
)

const (
	// headerTime is how long a client may take for its HTTP request.
	headerTime = 10 * time.Second
	// maxHeaderBytes bounds the request's header; browsers send about 1 KiB.
	maxHeaderBytes = 16 << 10
)

// Listen opens a listener for WS and makes a transport of it, with an HTTP server
// that answers on every path. addr is as for net.Listen.
func Listen(addr string, opts ...Option) (*Server, error) {
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", addr)
	if err != nil {
		return nil, err
	}
	return newListening("ws", l, opts), nil
}

// ListenTLS is Listen for WSS. config is copied; it must have a certificate and
// permit nothing before TLS 1.2.
func ListenTLS(addr string, config *tls.Config, opts ...Option) (*Server, error) {
	config, err := tlsconfig.Modern(config, true)
	if err != nil {
		return nil, fmt.Errorf("ws: %w", err)
	}
	config.NextProtos = []string{"http/1.1"}
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", addr)
	if err != nil {
		return nil, err
	}
	return newListening("wss", tls.NewListener(l, config), opts), nil
}

func newListening(network string, l net.Listener, opts []Option) *Server {
	var addr netip.AddrPort
	if tcp, ok := l.Addr().(*net.TCPAddr); ok {
		addr = tcp.AddrPort()
	}
	s := newServer(network, netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port()), opts)
	s.listener = l
	s.http = &http.Server{
		Handler:           s,
		ReadHeaderTimeout: headerTime,
		ReadTimeout:       headerTime,
		WriteTimeout:      headerTime,
		IdleTimeout:       headerTime,
		MaxHeaderBytes:    maxHeaderBytes,
		ConnContext:       s.admit,
		ConnState:         s.follow,
		ErrorLog:          slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug),
	}
	return s
}

// serveHTTP runs the HTTP server, once.
func (s *Server) serveHTTP() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.served {
		return
	}
	s.served = true
	s.wg.Go(func() {
		err := s.http.Serve(s.listener)
		if errors.Is(err, http.ErrServerClosed) {
			return
		}
		s.mu.Lock()
		if !s.closed {
			s.failed = err // someone else has closed the listener
		}
		s.mu.Unlock()
		_ = s.hosted.Close()
	})
}

// admit reserves room for a connection that was accepted, before the TLS
// handshake, or closes it.
func (s *Server) admit(ctx context.Context, nc net.Conn) context.Context {
	s.wg.Add(1) // until follow sees its end
	remote, err := netip.ParseAddrPort(nc.RemoteAddr().String())
	if err != nil {
		_ = nc.Close()
		return ctx
	}
	slot, err := s.hosted.Reserve(ctx, remote)
	if err != nil {
		_ = nc.Close()
		return ctx
	}
	s.mu.Lock()
	s.slots[nc] = slot
	s.mu.Unlock()
	return context.WithValue(ctx, slotKey{}, slot)
}

// follow gives the room back when a connection ends without an upgrade. There is
// one request on each, so that Sources.Rate, which counts connections, holds for
// requests, too.
func (s *Server) follow(nc net.Conn, state http.ConnState) {
	if state == http.StateIdle {
		_ = nc.Close()
	}
	if state != http.StateClosed && state != http.StateHijacked {
		return
	}
	s.mu.Lock()
	slot := s.slots[nc]
	delete(s.slots, nc)
	s.mu.Unlock()
	if slot != nil && state == http.StateClosed {
		slot.Release()
	}
	s.wg.Done()
}
