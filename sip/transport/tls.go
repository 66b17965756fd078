package transport

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"time"

	"github.com/patchbay-sip/patchbay/internal/tlsconfig"
)

// TLS is the TLS transport (RFC 3261 sections 18 and 26.2.1). What it dials is
// verified as RFC 5922 says; the names of peers that show a certificate are in
// Peer.Names.
type TLS struct{ streams }

var _ Transport = (*TLS)(nil)

// NewTLS makes a transport of an open listener of TCP connections, which Close
// closes. It starts nothing: Serve accepts. With a nil listener it only dials.
//
// config is copied. With a listener it must have a certificate: by SNI from its
// GetCertificate (see NewCertificate), or else a fixed one. One that permits less
// than TLS 1.2 is refused. ClientAuth and ClientCAs say whether clients have to
// show certificates, RootCAs which servers are believed (nil: those that the
// system believes).
//
// A server that is dialed must bear Hop.ServerName in its certificate: as a URI,
// sip:example.com, or, if there is no such URI, as a DNS name, without wildcards
// (RFC 5922 section 7). An address must be there as one. config's
// VerifyConnection is asked after that; InsecureSkipVerify does without either
// name or chain.
func NewTLS(l net.Listener, config *tls.Config, opts ...Option) (*TLS, error) {
	config, err := tlsconfig.Modern(config, l != nil)
	if err != nil {
		return nil, fmt.Errorf("transport: %w", err)
	}
	t := &TLS{}
	t.secure = &secure{config: config}
	t.init("tls", l, opts)
	return t, nil
}

// ListenTLS opens a listener and makes a transport of it. addr is as for
// ListenUDP, config as for NewTLS. The usual port is 5061.
func ListenTLS(addr string, config *tls.Config, opts ...Option) (*TLS, error) {
	l, err := listenStream(addr)
	if err != nil {
		return nil, err
	}
	t, err := NewTLS(l, config, opts...)
	if err != nil {
		_ = l.Close()
		return nil, err
	}
	return t, nil
}

// secure makes TLS connections of TCP ones.
type secure struct{ config *tls.Config }

// server is the accepting end of a connection, before the handshake.
func (s *secure) server(nc net.Conn) *tls.Conn { return tls.Server(nc, s.config) }

// client is the dialing end of a connection to a server that must bear a name,
// after the handshake.
func (s *secure) client(ctx context.Context, nc net.Conn, name string) (*tls.Conn, error) {
	config := s.config.Clone()
	config.ServerName = name
	if !config.InsecureSkipVerify {
		config.InsecureSkipVerify = true // VerifyConnection does it, by SIP's rules
		config.VerifyConnection = func(state tls.ConnectionState) error {
			if err := verifyServer(state, s.config, name); err != nil || s.config.VerifyConnection == nil {
				return err
			}
			return s.config.VerifyConnection(state)
		}
	}
	tc := tls.Client(nc, config)
	if err := tc.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	return tc, nil
}

// handshake makes the connection of a client ready for messages. A client that
// stops in the middle is given up in time.
func (c *conn) handshake(tc *tls.Conn) error {
	until := time.Now().Add(c.owner.cfg.timeouts.Handshake)
	c.mu.Lock()
	if c.stopping {
		c.mu.Unlock()
		return ErrClosed
	}
	c.shaking = true
	_ = c.net.SetDeadline(until) // a connection that cannot have one fails otherwise
	c.mu.Unlock()
	err := tc.HandshakeContext(context.Background()) // stop and the deadline end it
	c.mu.Lock()
	c.shaking = false
	c.mu.Unlock()
	if err != nil {
		return err
	}
	state := tc.ConnectionState()
	if state.Version < tls.VersionTLS12 { // by a GetConfigForClient
		return fmt.Errorf("transport: %w: %s", tlsconfig.ErrOldVersion, tls.VersionName(state.Version))
	}
	if len(state.VerifiedChains) > 0 {
		c.names = identities(state.PeerCertificates[0])
	}
	// A phone without a certificate is reached at its address by this alone.
	c.proven = append([]string{c.flow.Remote.Addr().String()}, c.names...)
	return nil
}

// tlsConn is a TLS connection whose Close does not wait for a peer that reads
// nothing. It has no CloseWrite, which would wait, too.
type tlsConn struct {
	net.Conn // a *tls.Conn
	tcp      net.Conn
}

func newTLSConn(tc *tls.Conn) tlsConn { return tlsConn{tc, tc.NetConn()} }

// Close implements net.Conn. It writes close_notify, if it can at once.
func (c tlsConn) Close() error {
	late := time.AfterFunc(flushTime, func() { _ = c.tcp.Close() })
	defer late.Stop()
	return c.Conn.Close()
}
