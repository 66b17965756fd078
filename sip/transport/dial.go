package transport

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync"
)

// dials holds the connections that are coming about, one for each peer; whoever wants the same one waits for it.
type dials struct {
	mu   sync.Mutex
	open map[peerKey]*dialing
}

// dialing is one attempt. Its outcome may be read once done is closed.
type dialing struct {
	done    chan struct{}
	cancel  context.CancelFunc
	waiting int // when nobody is left, it is given up; dials.mu guards it
	conn    *conn
	err     error
}

// wait returns the connection, or an error when ctx ends before it is there.
func (s *dials) wait(ctx context.Context, d *dialing) (*conn, error) {
	select {
	case <-d.done:
		return d.conn, d.err
	case <-ctx.Done():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if d.waiting--; d.waiting == 0 {
		d.cancel()
	}
	return nil, ctx.Err()
}

// connect returns a connection to a peer: the one that is there, or a new one.
func (t *streams) connect(ctx context.Context, to peerKey) (*conn, error) {
	t.dials.mu.Lock()
	// Under this lock: a connection goes into the table before its dialing
	// goes out of dials.
	if c := t.conns.to(to); c != nil {
		t.dials.mu.Unlock()
		return c, nil
	}
	d := t.dials.open[to]
	if d == nil || d.waiting == 0 {
		if err := t.refused(t.conns.dial()); err != nil {
			t.dials.mu.Unlock()
			return nil, err
		}
		d = &dialing{done: make(chan struct{})}
		var dialCtx context.Context
		dialCtx, d.cancel = context.WithTimeout(context.Background(), t.cfg.timeouts.Dial)
		if !t.life.start(func() { t.dial(dialCtx, d, to) }) {
			t.dials.mu.Unlock()
			d.cancel()
			_ = t.conns.dialed(nil)
			return nil, ErrClosed
		}
		t.dials.open[to] = d
	}
	d.waiting++
	t.dials.mu.Unlock()
	return t.dials.wait(ctx, d)
}

// dial makes a connection and runs it: the goroutine becomes its reader.
func (t *streams) dial(ctx context.Context, d *dialing, to peerKey) {
	c, err := t.dialConn(ctx, to)
	d.cancel()
	t.dials.mu.Lock()
	if t.dials.open[to] == d {
		delete(t.dials.open, to)
	}
	d.conn, d.err = c, err
	close(d.done)
	t.dials.mu.Unlock()
	if err != nil {
		return
	}
	select {
	case <-t.serving:
		c.run(t.sink)
	case <-t.life.done:
		_ = c.end(ErrClosed)
	}
}

func (t *streams) dialConn(ctx context.Context, to peerKey) (*conn, error) {
	c, err := t.open(ctx, to)
	if err != nil {
		_ = t.conns.dialed(nil)
		t.count.dialErrors.Add(1)
		if t.life.isClosed() {
			return nil, ErrClosed
		}
		return nil, err
	}
	if err := t.conns.dialed(c); err != nil {
		_ = c.net.Close()
		return nil, err
	}
	t.count.dialed.Add(1)
	return c, nil
}

// open makes a connection that is ready for messages.
func (t *streams) open(ctx context.Context, to peerKey) (*conn, error) {
	nc, err := t.cfg.dial(ctx, "tcp", to.addr.String())
	if err != nil {
		return nil, err
	}
	c := t.newConn(nc, to.addr, false)
	if t.secure == nil {
		return c, nil
	}
	tc, err := t.secure.client(ctx, nc, to.name)
	if err != nil {
		_ = nc.Close()
		return nil, fmt.Errorf("transport: tls to %s for %s: %w", to.addr, to.name, err)
	}
	c.net, c.proven = newTLSConn(tc), []string{to.name}
	if !t.secure.config.InsecureSkipVerify {
		c.names = identities(tc.ConnectionState().PeerCertificates[0])
	}
	return c, nil
}

// cancel gives up each attempt.
func (s *dials) cancel() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.open {
		d.cancel()
	}
}

// boundDialer dials from the address that the listener is bound to, so that a
// host with several shows one face. A listener on loopback must not keep from
// dialing out.
func boundDialer(local netip.Addr) func(ctx context.Context, network, addr string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		var d net.Dialer
		remote, err := netip.ParseAddrPort(addr)
		if err == nil && local.IsValid() && !local.IsUnspecified() &&
			local.Is4() == remote.Addr().Is4() && local.IsLoopback() == remote.Addr().IsLoopback() {
			d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(local, 0))
		}
		return d.DialContext(ctx, network, addr)
	}
}
