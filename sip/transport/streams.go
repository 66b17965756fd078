package transport

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/patchbay-sip/patchbay/sip"
)

// streams is what TCP and TLS have in common: connections that are accepted and
// dialed, and the messages on them.
type streams struct {
	network  string
	secure   *secure // nil for TCP
	framing  Framing // nil for messages that are framed by Content-Length
	cfg      config
	life     lifecycle
	count    counters
	listener net.Listener   // nil: only dials
	local    netip.AddrPort // the listener's, perhaps on all addresses
	gate     *gate
	conns    connTable
	dials    dials
	serving  chan struct{} // closed when sink is set
	sink     Sink
	buffers  sync.Pool // of *buffer
}

func (t *streams) init(network string, l net.Listener, opts []Option) {
	t.network = network
	t.cfg = newConfig(opts)
	t.life = newLifecycle()
	t.listener = l
	t.serving = make(chan struct{})
	t.dials.open = make(map[peerKey]*dialing)
	t.buffers.New = func() any { return new(buffer) }
	t.gate = newGate(t.cfg.sources)
	t.conns = newConnTable(t.gate)
	if l != nil {
		t.local = addrPort(l.Addr())
	}
	if t.cfg.dial == nil {
		t.cfg.dial = boundDialer(t.local.Addr())
	}
}

// Network implements Transport.
func (t *streams) Network() string { return t.network }

// Addrs implements Transport.
func (t *streams) Addrs() []netip.AddrPort {
	if t.listener == nil {
		return nil
	}
	return []netip.AddrPort{t.local}
}

// Stats returns the counters.
func (t *streams) Stats() Stats {
	s := t.count.stats()
	s.Conns.Open = t.conns.open()
	return s
}

// Serve implements Transport. It may be called once.
func (t *streams) Serve(sink Sink) error {
	if err := t.life.serve(); err != nil {
		return err
	}
	defer t.life.wg.Done()
	t.sink = sink
	close(t.serving)
	if t.listener == nil {
		<-t.life.done
		return ErrClosed
	}
	var p pause
	for {
		nc, err := t.listener.Accept()
		if err == nil {
			p.reset()
			t.accept(nc)
			continue
		}
		if t.life.isClosed() {
			return ErrClosed
		}
		if errors.Is(err, net.ErrClosed) {
			return err // by someone else
		}
		// A connection that was reset too early, or no file descriptor left: the
		// former is nothing, the latter passes.
		t.count.readErrors.Add(1)
		t.cfg.logger.Warn("accept", "network", t.network, "local", t.local, "err", err)
		if !p.wait(t.life.done) {
			return ErrClosed
		}
	}
}

// accept runs a connection that came in, unless WithSources is against it.
func (t *streams) accept(nc net.Conn) {
	remote := addrPort(nc.RemoteAddr())
	if err := t.refused(t.gate.connects(remote.Addr())); err != nil {
		t.cfg.logger.Debug("connection refused", "from", remote, "err", err)
		_ = nc.Close()
		return
	}
	c := t.newConn(nc, remote, true)
	run := func() { c.run(t.sink) }
	if t.secure != nil {
		tc := t.secure.server(nc)
		c.net = newTLSConn(tc)
		run = func() { c.runSecure(tc, t.sink) }
	}
	if err := t.refused(t.conns.add(c)); err != nil {
		t.cfg.logger.Debug("connection refused", "flow", c.flow, "err", err)
		_ = nc.Close()
		return
	}
	t.count.accepted.Add(1)
	if !t.life.start(run) {
		_ = c.end(ErrClosed)
	}
}

// refused counts why a connection may not be.
func (t *streams) refused(err error) error {
	switch {
	case errors.Is(err, ErrDenied):
		t.count.deniedConns.Add(1)
	case errors.Is(err, errOverRate):
		t.count.overRateConns.Add(1)
	case errors.Is(err, errOverSource):
		t.count.overSource.Add(1)
	case errors.Is(err, ErrTooManyConns):
		t.count.overTotal.Add(1)
	}
	return err
}

// pace holds up the reader of a connection whose peer sends more than
// WithSources lets it, and tells whether it did; ok is false after Close.
func (t *streams) pace(from netip.Addr, text []byte) (held, ok bool) {
	d := t.gate.delay(from, text)
	if d == 0 {
		return false, true
	}
	t.count.delayed.Add(1)
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true, true
	case <-t.life.done:
		return true, false
	}
}

// Connect implements Transport. A connection from or to that address that is
// there already is used (RFC 3261 section 18.1.1); else it dials, once for all
// who ask at the same time. The error may be ctx's, ErrTooManyConns, the
// dialer's, or that of TLS, a *tls.CertificateVerificationError for instance.
//
// A TLS connection is used for the name alone that it was verified for: it was
// dialed to that name, or accepted from a client whose certificate bears it (RFC
// 5923 section 9.1). An address for a name is proven by a connection from there.
// Without Hop.ServerName the name is the address.
func (t *streams) Connect(ctx context.Context, hop sip.Hop) (sip.Flow, error) {
	if hop.Network != t.network || !hop.Addr.IsValid() || hop.Addr.Port() == 0 {
		return sip.Flow{}, fmt.Errorf("transport: %s cannot reach %s %s", t.network, hop.Network, hop.Addr)
	}
	to := peerKey{addr: unmap(hop.Addr)}
	if t.secure != nil {
		to.name = canonicalName(cmp.Or(hop.ServerName, to.addr.Addr().String()))
	}
	c, err := t.connect(ctx, to)
	if err != nil {
		return sip.Flow{}, err
	}
	return c.flow, nil
}

// Send implements Transport. A message without Content-Length gets one, since
// streams need it (RFC 3261 section 20.14).
func (t *streams) Send(f sip.Flow, m sip.Message) error {
	c := t.conns.find(f)
	if c == nil {
		return t.gone()
	}
	return c.send(m)
}

// Ping implements Transport: the peer should answer with CRLF.
func (t *streams) Ping(f sip.Flow) error {
	c := t.conns.find(f)
	if c == nil {
		return t.gone()
	}
	return c.ping()
}

func (t *streams) gone() error {
	if t.life.isClosed() {
		return ErrClosed
	}
	t.count.flowGone.Add(1)
	return ErrFlowGone
}

// SentBy implements Transport. It names the port of the listener, where the
// other end can open a connection if this one is lost, and not the one that a
// connection was dialed from.
func (t *streams) SentBy(f sip.Flow) sip.HostPort {
	addr, port := f.Local.Addr(), t.local.Port()
	if !addr.IsValid() {
		addr = t.local.Addr()
	}
	if t.listener == nil { // nobody can open a connection to it
		return sip.HostPort{Host: addr.WithZone("").String(), Port: f.Local.Port()}
	}
	return t.cfg.sentBy(f, netip.AddrPortFrom(addr, port))
}

// Peer implements Transport.
func (t *streams) Peer(f sip.Flow) (Peer, bool) {
	c := t.conns.find(f)
	if c == nil {
		return Peer{}, false
	}
	return Peer{Flow: f, Names: slices.Clone(c.names)}, true
}

// Close implements Transport. What was sent before is still written to peers
// that read, for up to a tenth of a second.
func (t *streams) Close() error {
	if t.life.close() {
		if t.listener != nil {
			_ = t.listener.Close()
		}
		t.dials.cancel()
		for _, c := range t.conns.close() {
			c.stop()
		}
	}
	t.life.wg.Wait()
	return nil
}
