package transport

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"runtime"
	"time"

	"github.com/patchbay-sip/patchbay/sip"
)

// An Option sets something about a transport. One that does not concern a
// transport, such as WithSTUN for TCP, does nothing there.
type Option func(*config)

type config struct {
	logger    *slog.Logger
	limits    sip.Limits
	stun      func(packet []byte, from netip.AddrPort) []byte
	sockets   int
	recvBytes int
	sendBytes int
	dial      func(ctx context.Context, network, addr string) (net.Conn, error)
	timeouts  Timeouts
	sources   Sources
	queue     int
	tap       *Tap // nil without WithTap

	advertised  *advertised // nil without WithAdvertise
	requestNear int         // bytes, for UDP
	requestFar  int
}

const (
	defaultMessage   = 65535 // sip.Limits' own default
	defaultRecvBytes = 4 << 20
	defaultSendBytes = 1 << 20
	defaultQueue     = 256 << 10
)

func newConfig(opts []Option) config {
	c := config{
		logger:    slog.New(slog.DiscardHandler),
		sockets:   runtime.GOMAXPROCS(0),
		recvBytes: defaultRecvBytes,
		sendBytes: defaultSendBytes,
		queue:     defaultQueue,

		requestNear: defaultRequest,
		requestFar:  defaultRequest,
	}
	for _, o := range opts {
		o(&c)
	}
	if c.limits.Message == 0 {
		c.limits.Message = defaultMessage
	}
	c.timeouts = c.timeouts.withDefaults()
	return c
}

// Timeouts of stream connections. A field that is zero takes the default.
type Timeouts struct {
	// Idle closes a connection on which nothing was sent or received for so
	// long. The default is 65 minutes: a phone that registers for an hour
	// without keep-alives stays connected. (The operating system's keep-alive
	// finds out earlier about peers that vanished.)
	Idle time.Duration
	// Message is how long a message may take from its first octet to its last,
	// and how long an accepted connection may take to send its first one.
	// Default 30 s.
	Message time.Duration
	// Write is how long a peer may take to make room for what is written to
	// it, before the connection is closed. Default 10 s.
	Write time.Duration
	// Dial is how long a connection may take to come about, TLS handshake
	// included. Default 10 s.
	Dial time.Duration
	// Ping is after how long a silence a WebSocket is sent a ping. When nothing
	// comes for as long again it is closed. Default 30 s.
	Ping time.Duration
	// Handshake is how long an accepted connection may take for the TLS
	// handshake. Default 10 s.
	Handshake time.Duration
}

func (t Timeouts) withDefaults() Timeouts {
	for _, f := range []struct {
		field *time.Duration
		value time.Duration
	}{
		{&t.Idle, 65 * time.Minute},
		{&t.Message, 30 * time.Second},
		{&t.Write, 10 * time.Second},
		{&t.Dial, 10 * time.Second},
		{&t.Ping, 30 * time.Second},
		{&t.Handshake, 10 * time.Second},
	} {
		if *f.field <= 0 {
			*f.field = f.value
		}
	}
	return t
}

// WithLogger sets the logger; the default discards. What a peer can cause is
// logged at debug level.
func WithLogger(l *slog.Logger) Option { return func(c *config) { c.logger = l } }

// WithLimits sets the limits of what is parsed.
func WithLimits(l sip.Limits) Option { return func(c *config) { c.limits = l } }

// WithSTUN has the answers of f sent to STUN packets that come to the SIP port
// (RFC 5626 section 8); nil is no answer. Without it they are dropped. f runs
// on the reader's goroutine: it must return at once and not keep packet.
func WithSTUN(f func(packet []byte, from netip.AddrPort) []byte) Option {
	return func(c *config) { c.stun = f }
}

// WithSockets sets how many sockets ListenUDP opens on its address, so that
// they are read on as many cores; the default is GOMAXPROCS. The kernel spreads
// peers over them, and what comes from one peer keeps its order (SO_REUSEPORT).
// On systems other than Linux there is always one.
func WithSockets(n int) Option { return func(c *config) { c.sockets = max(n, 1) } }

// WithSocketBuffers sets the buffers of each UDP socket in the kernel, in bytes;
// the defaults are 4 MiB and 1 MiB. The kernel may give less
// (net.core.rmem_max on Linux).
func WithSocketBuffers(receive, send int) Option {
	return func(c *config) { c.recvBytes, c.sendBytes = receive, send }
}

// WithDialer sets how TCP connections are opened, over memnet for instance.
// network is "tcp" and addr an IP address with a port. f must return when ctx
// ends. The default is net.Dialer's DialContext, bound to the address that
// the listener is bound to, if any.
func WithDialer(f func(ctx context.Context, network, addr string) (net.Conn, error)) Option {
	return func(c *config) { c.dial = f }
}

// WithTimeouts sets the timeouts of TCP connections.
func WithTimeouts(t Timeouts) Option { return func(c *config) { c.timeouts = t } }

// WithSendQueue bounds the bytes that wait to be written to one TCP connection;
// the default is 256 KiB. Beyond it Send returns ErrQueueFull.
func WithSendQueue(bytes int) Option { return func(c *config) { c.queue = bytes } }
