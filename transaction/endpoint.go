package transaction

import (
	"context"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/transport"
)

// An Endpoint joins transports to a Handler and starts client transactions.
type Endpoint struct{}

// New makes an Endpoint. It opens nothing and starts nothing.
func New(opts ...Option) *Endpoint { panic("stub") }

// Serve answers requests that come over the transports with h, and lets Start,
// Do and Send use them, until Close, Shutdown or the end of ctx, which is like
// Close. It takes the transports over and closes them. Its error then matches
// net.ErrClosed. h may be nil for a mere client: each request is then answered
// 405, as by an empty Mux. Serve may be called once.
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
// one call at a time, with each response in order: provisional ones, then every
// 2xx to an INVITE or one other final response; or, instead of a final
// response, once with an error (ErrTimeout, ErrNoTransport, an error of the
// transport, of the resolver or of ctx). An error that Start itself returns
// means that nothing was begun and that on is not called.
//
// Start makes its own copy of req and puts a Via on top. It waits for Serve if
// that has not begun.
//
// The end of ctx cancels an INVITE, with CANCEL once a provisional response
// came (RFC 3261 section 9.1); the final response is given to on all the same:
// 487, or a 2xx that crossed the CANCEL and must be acknowledged. Any other
// request is abandoned: on gets ctx's error and later responses are absorbed.
func (e *Endpoint) Start(ctx context.Context, req *sip.Request, to sip.Target, on func(Event), opts ...StartOption) (*ClientTx, error) {
	panic("stub")
}

// A StartOption sets something about one request that Start or Do sends.
type StartOption func(*startConfig)
type startConfig struct{}

// BeforeSend has f called with the copy of the request that is about to be
// sent and the flow that it will leave by, before the Via is put on top: the
// moment at which an address of ours (Contact, Record-Route) can be filled in,
// with Endpoint.SentBy. f may edit req. It is called once for each address that
// is tried, each time with a fresh copy. An error of f ends the transaction.
func BeforeSend(f func(req *sip.Request, flow sip.Flow) error) StartOption { panic("stub") }

// Do sends req and waits for the final response, which may be any from 200 to
// 699. It answers one challenge when WithCredentials is set; the response's
// CSeq then tells the number that was used.
//
// When ctx ends, a request other than INVITE is abandoned with ctx's error. An
// INVITE is cancelled, and Do goes on waiting for the response that ends it
// (487, or a 2xx that crossed the CANCEL) or for ErrTimeout. A 2xx to an INVITE
// has to be acknowledged by the caller; further 2xx go to WithStray. Package
// transaction/dialog does all this for a phone.
func (e *Endpoint) Do(ctx context.Context, req *sip.Request, to sip.Target, opts ...StartOption) (*sip.Response, error) {
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
