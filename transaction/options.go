package transaction

import (
	"context"
	"log/slog"
	"time"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/digest"
	"github.com/patchbay-sip/patchbay/sip/resolve"
)

// An Option sets something about an Endpoint.
type Option func(*config)

type config struct {
	timers          Timers
	resolver        Resolver
	failures        FailureResolver // resolver, if it is one
	closeResolver   func() error    // of one that New made
	log             *slog.Logger
	credentials     func(realm string) (digest.Credentials, bool)
	stray           func(*sip.Response, sip.Flow)
	maxHandlers     int
	maxTransactions int
	maxBytes        int
}

func newConfig(opts []Option) config {
	c := config{
		log:             slog.New(slog.DiscardHandler),
		maxHandlers:     4096,
		maxTransactions: 1_000_000,
		maxBytes:        512 << 20,
	}
	for _, o := range opts {
		o(&c)
	}
	if c.resolver == nil {
		r := resolve.New()
		c.resolver, c.closeResolver = r, r.Close
	}
	c.failures, _ = c.resolver.(FailureResolver)
	c.timers = c.timers.withDefaults()
	return c
}

// A Resolver finds addresses; *resolve.Resolver is one. It must be safe for use
// by several goroutines.
type Resolver interface {
	// Resolve returns the hops to try for u, in order (RFC 3263).
	Resolve(ctx context.Context, u sip.URI) ([]sip.Hop, error)
}

// A FailureResolver is a Resolver that wants to know which hops failed, so that
// it gives others for a while (RFC 3263 section 4.3); *resolve.Resolver is one.
type FailureResolver interface {
	Resolver
	// Failed says that nothing could be sent to hop, that no response at all came
	// from it in time, or that it answered 503 with Retry-After. retryAfter is how
	// long it is to be left alone, 0 where that is the resolver's choice.
	Failed(hop sip.Hop, retryAfter time.Duration)
}

// WithTimers sets the timers.
func WithTimers(t Timers) Option { return func(c *config) { c.timers = t } }

// WithResolver sets how names are resolved, and which transport is taken where a
// URI leaves that open. The default is resolve.New(), which tries UDP and TCP: a
// program that would rather send by TLS gives one made with resolve.WithNetworks.
// Close leaves a resolver that was given to its owner.
func WithResolver(r Resolver) Option { return func(c *config) { c.resolver = r } }

// WithLogger sets the logger; the default discards. An error of a handler that
// becomes a 500 is logged as an error, as is a panic with its stack; what peers
// do wrong is logged at debug level.
func WithLogger(l *slog.Logger) Option { return func(c *config) { c.log = l } }

// WithCredentials has Start and Do answer 401 and 407 with what f gives for the
// challenge's realm (RFC 3261 section 22.2), anew where the nonce was stale, and
// four times at most. f is called on a worker. A challenge that is answered is
// not delivered; one that cannot be is. For a server that takes auth-int alone the
// credentials cover the body, which BeforeSend must then leave as it is.
func WithCredentials(f func(realm string) (digest.Credentials, bool)) Option {
	return func(c *config) { c.credentials = f }
}

// WithStray gives responses that match no transaction to f, on a worker. The
// default drops them, as they are dropped when WithMaxHandlers is reached. A
// response whose topmost Via is not ours is never given (RFC 3261 section
// 18.1.2).
func WithStray(f func(resp *sip.Response, flow sip.Flow)) Option {
	return func(c *config) { c.stray = f }
}

// WithMaxHandlers bounds the handlers that run at once; default 4,096. Past it
// requests outside of dialogs are answered 503 with Retry-After; ACK, BYE and
// requests within dialogs have a quarter more, and are dropped or refused past
// that.
func WithMaxHandlers(n int) Option { return func(c *config) { c.maxHandlers = n } }

// WithMaxTransactions bounds the transactions that exist at once, those of both
// sides together; default 1,000,000. Past it requests outside of dialogs are
// answered 503 with Retry-After, and Start gives ErrOverloaded; those within
// dialogs have a quarter more. CANCEL and ACK need none.
func WithMaxTransactions(n int) Option { return func(c *config) { c.maxTransactions = n } }

// WithMaxBytes bounds the text of the requests that wait for their final response
// and of the responses that are kept for retransmissions; default 512 MiB. Past
// it requests outside of dialogs are answered 503 with Retry-After; those within
// dialogs have a quarter more. A request is 64 KiB at most, and usually 1 KiB.
func WithMaxBytes(n int) Option { return func(c *config) { c.maxBytes = n } }

// A StartOption sets something about one request that Start or Do sends.
type StartOption func(*startConfig)

type startConfig struct {
	before func(*sip.Request, sip.Flow) error
	fill   bool
	user   string
	suffix string
}

// BeforeSend has f called with the copy of the request that is about to be
// sent and the flow that it will leave by, before the Via is put on top: the
// moment at which an address of ours (Contact, Record-Route) can be filled in,
// with Endpoint.SentBy. f may edit req. It is called once for each address that
// is tried, each time with a fresh copy, on the goroutine that called Start or
// on a worker; for one that takes UDP and TCP perhaps once more for each, since
// how long the request is, is known behind f alone. An error of f ends the
// transaction.
func BeforeSend(f func(req *sip.Request, flow sip.Flow) error) StartOption {
	return func(c *startConfig) { c.before = f }
}

// FillContact gives the request a Contact, unless it has one: user, which may
// be empty, at the address that the request leaves by, where this Endpoint can
// be reached; a sips URI if the request goes to one (RFC 3261 section 8.1.1.8).
// It comes before BeforeSend.
func FillContact(user string) StartOption {
	return func(c *startConfig) { c.fill, c.user = true, user }
}

// BranchSuffix puts a suffix, characters of a token, behind the random part of
// the branch: what a proxy knows its own requests by when they come back to it
// (RFC 3261 section 16.6 item 8).
func BranchSuffix(suffix string) StartOption {
	return func(c *startConfig) { c.suffix = suffix }
}

// Timers are those of RFC 3261, table 4, and one of our own. A field that is
// zero takes the default. Timers B, F, H, J, L and M are 64 times T1.
type Timers struct {
	T1 time.Duration // round trip estimate; default 500 ms
	T2 time.Duration // longest interval of retransmissions; default 4 s
	T4 time.Duration // how long a message stays in the network; default 5 s
	D  time.Duration // wait for retransmitted finals; default 32 s
	// Ringing bounds how long an INVITE waits for its final response after the
	// last provisional one; default 10 minutes. A server transaction is then
	// answered 408, a client transaction cancelled.
	Ringing time.Duration
}

func (t Timers) withDefaults() Timers {
	set := func(d *time.Duration, def time.Duration) {
		if *d <= 0 {
			*d = def
		}
	}
	set(&t.T1, 500*time.Millisecond)
	set(&t.T2, 4*time.Second)
	set(&t.T4, 5*time.Second)
	set(&t.D, 32*time.Second)
	set(&t.Ringing, 10*time.Minute)
	return t
}

// timeout is the length of timers B, F, H, J, L and M.
func (t Timers) timeout() time.Duration { return 64 * t.T1 }

// unlessReliable is a timer that is zero over a network that delivers by
// itself: D, I, J and K.
func unlessReliable(f sip.Flow, d time.Duration) time.Duration {
	if f.Reliable() {
		return 0
	}
	return d
}
