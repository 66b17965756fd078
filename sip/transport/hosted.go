package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/patchbay-sip/patchbay/sip"
)

// Hosted is a Transport over connections that another server accepts and hands
// over: an HTTP server that upgrades them to WebSockets, for package ws. It dials
// none. Programs that only use transports have no need of it.
type Hosted struct{ streams }

var _ Transport = (*Hosted)(nil)

// A Framing writes what Hosted sends. Its methods append to b, and are called
// under a lock of the connection.
type Framing interface {
	// AppendMessage appends m in its frames.
	AppendMessage(b []byte, m sip.Message) []byte
	// AppendPing appends what keeps a connection alive: Ping sends it, and so
	// does Timeouts.Ping.
	AppendPing(b []byte) []byte
}

// NewHosted makes a transport for connections that are framed so. network is
// their name in flows and, in upper case, in Via: "ws" or "wss". addr is what
// Addrs returns: where the other server listens, or the zero AddrPort if that is
// not known.
func NewHosted(network string, framing Framing, addr netip.AddrPort, opts ...Option) *Hosted {
	h := &Hosted{}
	h.init(network, nil, opts)
	h.framing, h.local = framing, addr
	return h
}

// Addrs implements Transport.
func (h *Hosted) Addrs() []netip.AddrPort {
	if !h.local.IsValid() {
		return nil
	}
	return []netip.AddrPort{h.local}
}

// SentBy implements Transport: the address that the connection came to.
func (h *Hosted) SentBy(f sip.Flow) sip.HostPort {
	local := f.Local
	if !local.IsValid() {
		local = h.local
	}
	return h.cfg.sentBy(f, local)
}

// ErrCannotDial tells that there is no connection to that address, and that one
// can only come from there (RFC 7118 section 5).
var ErrCannotDial = errors.New("transport: no connection from there, and none can be opened")

// Connect implements Transport. It finds a connection that is there; else the
// error matches ErrCannotDial.
func (h *Hosted) Connect(_ context.Context, hop sip.Hop) (sip.Flow, error) {
	if h.life.isClosed() {
		return sip.Flow{}, ErrClosed
	}
	if hop.Network == h.network {
		if c := h.conns.to(peerKey{addr: unmap(hop.Addr)}); c != nil {
			return c.flow, nil
		}
	}
	return sip.Flow{}, fmt.Errorf("%w: %s %s", ErrCannotDial, hop.Network, hop.Addr)
}

// A Slot is room for a connection under WithSources.
type Slot struct {
	hosted *Hosted
	remote netip.AddrPort
	done   sync.Once
}

// Reserve makes room for a connection, before anything is spent on it. It waits
// for Serve, until ctx ends. The error may be ctx's, ErrClosed, or match
// ErrDenied or ErrTooManyConns.
func (h *Hosted) Reserve(ctx context.Context, remote netip.AddrPort) (*Slot, error) {
	select {
	case <-h.serving:
	case <-h.life.done:
		return nil, ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	s := &Slot{hosted: h, remote: unmap(remote)}
	err := h.gate.connects(s.remote.Addr())
	if err == nil {
		err = h.conns.reserve(s.remote.Addr())
	}
	if err := h.refused(err); err != nil {
		return nil, err
	}
	return s, nil
}

// Release gives the room back, unless Carry has used it, and counts a connection
// that came to nothing.
func (s *Slot) Release() {
	s.done.Do(func() {
		s.hosted.count.handshake.Add(1)
		s.hosted.conns.release(s.remote.Addr())
	})
}

// Carry runs a connection on a goroutine of its own and returns at once. rest was
// read of it already. read takes messages from the Stream until that ends; the
// connection is closed behind it. Carry fails after Close; it has closed nc then.
func (s *Slot) Carry(nc net.Conn, rest []byte, read func(*Stream) error) error {
	h := s.hosted
	c := h.newConn(nc, s.remote, true)
	if tc, ok := nc.(*tls.Conn); ok {
		c.net = newTLSConn(tc)
		if state := tc.ConnectionState(); len(state.VerifiedChains) > 0 {
			c.names = identities(state.PeerCertificates[0])
		}
	}
	err := ErrClosed
	s.done.Do(func() { err = h.conns.claim(c) })
	if err != nil {
		_ = c.net.Close()
		return err
	}
	h.count.accepted.Add(1)
	stream := newStream(c, h.sink, rest)
	if !h.life.start(func() { stream.run(read) }) {
		_ = c.end(ErrClosed)
		return ErrClosed
	}
	return nil
}

// A Stream is a connection of a Hosted as the reader of its frames sees it. It
// ends itself when the Timeouts have passed. Its methods are for the function
// that Carry was given, and for what that calls.
type Stream struct {
	conn    *conn
	sink    Sink
	rest    []byte    // of what was read before
	opened  time.Time // when the connection was handed over
	active  time.Time // when a message came last
	heard   time.Time // when anything came last
	partial time.Time // when a message began that is not complete; zero if none
	pinged  bool      // since then
	spoke   bool      // a whole message has come
	armed   time.Time // the deadline that is set
}

func newStream(c *conn, sink Sink, rest []byte) *Stream {
	now := time.Now()
	return &Stream{conn: c, sink: sink, rest: rest, opened: now, active: now, heard: now}
}

func (s *Stream) run(read func(*Stream) error) {
	c := s.conn
	err := read(s)
	c.owner.conns.retire(c)
	if !c.owner.life.isClosed() {
		c.finish()
		c.linger(make([]byte, smallBuffer))
	}
	c.ended(s.sink, c.end(err))
}

// Read implements io.Reader.
func (s *Stream) Read(p []byte) (int, error) {
	if len(s.rest) > 0 {
		n := copy(p, s.rest)
		s.rest = s.rest[n:]
		return n, nil
	}
	for {
		if d := s.deadline(); s.armed.IsZero() || d.Before(s.armed) {
			s.armed = d
			if !s.conn.readUntil(d) {
				return 0, ErrClosed
			}
		}
		n, err := s.conn.net.Read(p)
		switch {
		case n > 0:
			s.heard, s.pinged = time.Now(), false
			return n, nil // an error comes again
		case errors.Is(err, os.ErrDeadlineExceeded):
			if err := s.late(); err != nil {
				return 0, err
			}
		case err != nil:
			return 0, err
		}
	}
}

// Write queues whole frames: answers to frames of the peer, for instance. It
// never waits; a peer that does not read goes without them.
func (s *Stream) Write(p []byte) (int, error) {
	_ = s.conn.enqueue(func(b []byte) []byte { return append(b, p...) })
	return len(p), nil
}

// WriteLast is Write for the frame that ends the connection: behind it nothing is
// queued any more, and Send fails with ErrFlowGone.
func (s *Stream) WriteLast(p []byte) (int, error) {
	s.conn.enqueueLast(func(b []byte) []byte { return append(b, p...) })
	return len(p), nil
}

// Stop has Read return ErrClosed.
func (s *Stream) Stop() { s.conn.stop() }

// Limit is how long a message may be.
func (s *Stream) Limit() int { return s.conn.owner.cfg.limits.Message }

// Begin tells that a message has begun.
func (s *Stream) Begin() { s.partial = time.Now() }

// Message takes a whole message, and copies it. It waits while the peer has sent
// more than WithSources lets it.
func (s *Stream) Message(text []byte) {
	held, ok := s.conn.owner.pace(s.conn.flow.Remote.Addr(), text)
	if !ok {
		return
	}
	s.spoke, s.partial, s.active = true, time.Time{}, time.Now()
	if held { // by us: the peer was not silent
		s.heard = s.active
	}
	deliver(s.sink, &s.conn.owner.cfg, &s.conn.owner.count, s.conn.flow, text, nil)
}

// KeepAlive counts a message that only keeps the connection alive. It waits as
// Message does.
func (s *Stream) KeepAlive() {
	s.conn.owner.count.keepAlives.Add(1)
	text := []byte("\r\n") // whatever it is in the framing
	if held, _ := s.conn.owner.pace(s.conn.flow.Remote.Addr(), text); held {
		s.heard = time.Now()
	}
	s.partial = time.Time{}
}

// Broken counts that the peer broke the rules of the framing.
func (s *Stream) Broken() { s.conn.owner.count.unframed.Add(1) }

// deadline is when something must have come.
func (s *Stream) deadline() time.Time {
	timeouts := &s.conn.owner.cfg.timeouts
	switch {
	case !s.partial.IsZero():
		return s.partial.Add(timeouts.Message)
	case !s.spoke:
		return s.opened.Add(timeouts.Message)
	}
	idle, ping := s.active.Add(timeouts.Idle), s.heard.Add(timeouts.Ping)
	if s.pinged {
		ping = ping.Add(timeouts.Ping)
	}
	if idle.Before(ping) {
		return idle
	}
	return ping
}

// late does what has to be done when a deadline has passed.
func (s *Stream) late() error {
	s.armed = time.Time{}
	now := time.Now()
	c := s.conn
	if c.wasUsed() {
		s.active = now
	}
	switch {
	case now.Before(s.deadline()):
		return nil
	case !s.partial.IsZero() || !s.spoke:
		c.owner.count.slow.Add(1)
		return errSlow
	case !s.pinged && now.Before(s.active.Add(c.owner.cfg.timeouts.Idle)):
		_ = c.ping() // who cannot be asked does not answer
		_ = c.wasUsed()
		s.pinged = true
		return nil
	}
	c.owner.count.idle.Add(1)
	return errIdle
}
