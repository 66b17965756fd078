package transaction

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/digest"
	"github.com/patchbay-sip/patchbay/sip/transport"
)

// An Endpoint joins transports to a Handler and starts client transactions.
type Endpoint struct{}

// New makes an Endpoint. It opens nothing and starts nothing.
func New(opts ...Option) *Endpoint { panic("stub") }

// Serve answers requests that come over the transports with h, and lets Start,
// Do and Send use them, until Close, Shutdown or the end of ctx, which is like
// Close. It takes the transports over and closes them. Its error then matches
// net.ErrClosed. h may be nil for a mere client; requests are then answered
// 405... It may be called once.
func (e *Endpoint) Serve(ctx context.Context, h Handler, ts ...transport.Transport) error {
	panic("stub")
}

// Shutdown refuses new requests outside of dialogs with 503 and waits until
// no transaction is left unanswered, then closes. When ctx ends first it
// returns ctx's error, and Close still has to be called.
func (e *Endpoint) Shutdown(ctx context.Context) error { panic("stub") }

// Close ends everything at once and waits for every goroutine. It may be
// called before Serve, twice, and after a Shutdown that ran out of time.
func (e *Endpoint) Close() error { panic("stub") }

// Start sends req to a target and returns at once. on is called on a worker,
// one call at a time, with each response in order: provisional ones, every 2xx
// to an INVITE, or one other final response; or once with an error
// (ErrTimeout, a transport's error). It waits for Serve if that has not begun.
//
// Start makes its own copy of req with a Via of its own on top. The end of ctx
// cancels an INVITE, with CANCEL once a provisional response came (RFC 3261
// section 9.1), and abandons any other request.
func (e *Endpoint) Start(ctx context.Context, req *sip.Request, to sip.Target, on func(Event)) (*ClientTx, error) {
	panic("stub")
}

// Do sends req and waits for the final response, which may be any from 200 to
// 699. It answers one challenge when WithCredentials is set.
func (e *Endpoint) Do(ctx context.Context, req *sip.Request, to sip.Target) (*sip.Response, error) {
	panic("stub")
}

// Send sends a message without a transaction: the ACK to a 2xx, or what a
// stateless proxy forwards. A request gets a Via on top; a response goes where
// its topmost Via says, unless to names a flow.
func (e *Endpoint) Send(ctx context.Context, m sip.Message, to sip.Target) error { panic("stub") }

// Owns tells whether u's host and port are ones this Endpoint listens on.
func (e *Endpoint) Owns(u sip.URI) bool { panic("stub") }

// SentBy is what a Record-Route or Contact should name for a flow.
func (e *Endpoint) SentBy(f sip.Flow) sip.HostPort { panic("stub") }

// Stats returns the counters.
func (e *Endpoint) Stats() Stats { panic("stub") }

// Stats are counters of an Endpoint.
type Stats struct {
	Server, Client int    // transactions that exist now
	Handlers       int    // handlers that run now
	Refused        uint64 // requests answered 503 for overload
	Malformed      uint64 // messages that could not be parsed
}

// A ClientTx is a client transaction (RFC 3261 section 17.1).
type ClientTx struct{}

// Cancel is the end of Start's ctx by another name.
func (tx *ClientTx) Cancel() { panic("stub") }

// Request is the request as it was sent, Via included. It must not be changed.
func (tx *ClientTx) Request() *sip.Request { panic("stub") }

// An Event is what a client transaction tells: a response or an error.
type Event struct {
	Response *sip.Response
	Err      error
	// Last tells that no other event follows, but for further 2xx to an INVITE.
	Last bool
}

// Errors.
var (
	ErrTimeout       = errors.New("transaction: no response in time")           // timer B or F
	ErrCanceled      = errors.New("transaction: canceled by the caller")        // context.Cause of a handler's ctx
	ErrAnswered      = errors.New("transaction: already has a final response")  // Respond
	ErrNoTransaction = errors.New("transaction: an ACK has no response")        // Respond
	ErrTerminated    = errors.New("transaction: has ended")                     // Respond
	ErrNoTransport   = errors.New("transaction: no transport for this network") // Start, Do, Send
)

// An Option sets something about an Endpoint.
type Option func(*config)
type config struct{}

// Timers are RFC 3261's, table 4. A field that is zero takes the default.
type Timers struct {
	T1 time.Duration // round trip estimate; default 500 ms
	T2 time.Duration // longest interval of retransmissions; default 4 s
	T4 time.Duration // how long a message stays in the network; default 5 s
	D  time.Duration // wait for retransmitted finals; default 32 s
}

// A Resolver finds addresses; *resolve.Resolver is one.
type Resolver interface {
	Resolve(ctx context.Context, u sip.URI) ([]sip.Hop, error)
}

// WithTimers sets the timers.
func WithTimers(t Timers) Option { panic("stub") }

// WithResolver sets how names are resolved; default resolve.New().
func WithResolver(r Resolver) Option { panic("stub") }

// WithLogger sets the logger; the default discards.
func WithLogger(l *slog.Logger) Option { panic("stub") }

// WithCredentials has Start and Do answer 401 and 407.
func WithCredentials(f func(realm string) (digest.Credentials, bool)) Option { panic("stub") }

// WithStray gives responses that match no transaction to f, on a worker.
func WithStray(f func(resp *sip.Response, flow sip.Flow)) Option { panic("stub") }

// WithMaxHandlers bounds the handlers that run at once; default 4,096. Past it
// requests outside of dialogs are answered 503 with Retry-After.
func WithMaxHandlers(n int) Option { panic("stub") }
