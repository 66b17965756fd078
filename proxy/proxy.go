// Package proxy is a stateful forking SIP proxy: a transaction.Handler that
// forwards requests where a Router says and brings the best response back.
//
// Covered of RFC 3261: section 16.3 (request validation), 16.4 (route
// preprocessing, strict routers, maddr), 16.5 (request targets), 16.6
// (forwarding, Record-Route, strict next hops, Timer C), 16.7 (response
// context, best response, gathered challenges), 16.8 to 16.10 (Timer C,
// transport errors, CANCEL) and, for OPTIONS to the proxy itself, 11.2. As
// amended by RFC 4320 (no 408 and no provisional responses outside of INVITE),
// RFC 5393 (loop detection, Max-Breadth) and RFC 6026 (every 2xx to an INVITE;
// responses that match no transaction are dropped). Of RFC 5626, sections 5.2 and
// 5.3 for what comes within dialogs: it goes over the flow of whoever cannot be
// reached otherwise (see transport.OnlyByFlow), browsers among them (RFC 7118
// appendix B.2), and is answered 430 when that is gone.
//
// Not covered: recursion on 3xx and 416 (16.7 item 4), the stateless mode (16.11;
// ACK to a 2xx alone is forwarded without state), a single Record-Route value
// that changes in the response (16.7 item 8; there are two, and their mark alone
// changes), CANCEL that matches nothing forwarded without state (16.10; package
// transaction answers it 481), 485 and targets that turn up during a call (16.5),
// keeping sip targets from a sips Request-URI (RFC 5630 section 5.3), and Path with
// a flow token (RFC 5626 section 5.1).
//
// # Trust
//
// The Record-Route value carries a mark, signed over Call-ID, a tag and the network,
// host and port that the requests of whoever gets it go to next. A request that
// brings it back is in a dialog that came through this proxy, and passes unasked to
// that port; each other one, whatever its To tag says, goes by the Gate. The two parties get
// different marks: the callee with the request, the caller with the response. So a
// stranger to whom one of our users has answered reaches that user by his mark,
// and nobody else.
//
// Where the hop can be reached by one flow alone, the mark carries that, encrypted.
// So nobody can send over the connection of another but by the mark of a dialog
// that they have with each other.
//
// A party that moves to another host or port during a dialog is no longer where the mark
// says: what is sent there goes by the Gate, and an ACK is dropped.
package proxy

import (
	"context"
	"hash/maphash"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/keyring"
	"github.com/patchbay-sip/patchbay/transaction"
)

// timerC is how long an INVITE may ring without a further provisional
// response. RFC 3261 section 16.6 item 11 wants more than three minutes.
const timerC = 3*time.Minute + 5*time.Second

// A Proxy is a transaction.Handler that forwards requests. It keeps state for
// a request while a branch of it is alive, and no goroutine.
type Proxy struct {
	ep          *transaction.Endpoint
	domains     *sip.Domains
	router      Router
	gate        Gate
	keys        *keyring.Ring
	log         *slog.Logger
	timerC      time.Duration
	edit        func(*Call, *sip.Request) error // may be nil
	done        func(*Call, *sip.Response)      // may be nil
	waitingACKs atomic.Int64                    // see maxWaitingACKs
	seed        maphash.Seed                    // of loopSuffix

	warnings warnings
}

var _ transaction.Handler = (*Proxy)(nil)

// New makes a proxy that sends through ep and is responsible for the domains:
// requests for them go where r says. ep must be the Endpoint that the proxy
// serves requests of.
func New(ep *transaction.Endpoint, d *sip.Domains, r Router, opts ...Option) *Proxy {
	cfg := config{gate: NoRelay(d), log: slog.New(slog.DiscardHandler), timerC: timerC}
	for _, o := range opts {
		o(&cfg)
	}
	if cfg.keys == nil {
		cfg.keys = keyring.New()
	}
	return &Proxy{
		ep: ep, domains: d, router: r,
		gate: cfg.gate, keys: cfg.keys, log: cfg.log, timerC: cfg.timerC,
		edit: cfg.edit, done: cfg.done, seed: maphash.MakeSeed(),
	}
}

// An Option sets something about a Proxy.
type Option func(*config)

type config struct {
	gate   Gate
	keys   *keyring.Ring
	log    *slog.Logger
	timerC time.Duration
	edit   func(*Call, *sip.Request) error
	done   func(*Call, *sip.Response)
}

// WithGate sets who may pass; the default is NoRelay.
func WithGate(g Gate) Option { return func(c *config) { c.gate = g } }

// WithKeys signs the Record-Route marks with the keys of a farm, so that calls
// outlive a restart and any proxy of the farm knows the dialogs of the others.
// The default is a random key.
func WithKeys(k *keyring.Ring) Option { return func(c *config) { c.keys = k } }

// WithLogger sets the logger; the default discards. An error of the user's code
// that becomes a 500 is logged as an error. Why a target could not be reached, of
// which the caller learns no more than 500, is a warning, as is a 2xx that the
// caller could not be given: ten in a second, the rest at debug level.
func WithLogger(l *slog.Logger) Option { return func(c *config) { c.log = l } }

// WithTimerC sets how long a branch of an INVITE may go without a final and
// without a further provisional response; it is then cancelled (RFC 3261
// section 16.8). The default is 185 s; values of three minutes and less, which
// section 16.6 forbids, leave the default. Branch.Timeout is for shorter ones,
// and transaction.Timers.Ringing bounds longer ones.
func WithTimerC(d time.Duration) Option {
	return func(c *config) {
		if d > 3*time.Minute {
			c.timerC = d
		}
	}
}

// WithEdit has f change each request that is forwarded, to each target and
// before Branch.Edit does: requests of all methods, within dialogs too, and the
// ACK to a 2xx. req belongs to the one target, c must not be changed. f runs
// where Branch.Edit does, possibly for several targets of a call at once, and an
// error of it means the same.
func WithEdit(f func(c *Call, req *sip.Request) error) Option {
	return func(cfg *config) { cfg.edit = f }
}

// WithDone has f told how each request went that was routed, within dialogs too:
// once, when the final response was handed to the caller's transaction, whoever
// made it: a target, the Router by its error, or the proxy (408, 480, 487, 500).
// Of several 2xx to an INVITE it is the first. Where the proxy keeps nothing (see
// ServeSIP), f is told of each repetition. f runs on a worker, under no lock,
// and may take its time.
//
// Not told are requests that get no final response, as one that is no INVITE
// when nobody answers it in time (RFC 4320 section 4.2), and ACK; nor what was
// answered before the Router was asked: a malformed request, a looping one, one
// that the Gate or a middleware such as transaction.Authenticate refused, an
// OPTIONS to the proxy itself. Nor are answers that package transaction gives by
// itself: 503 under overload, 200 to CANCEL, 408 after Timers.Ringing and 500
// when the Router panics.
func WithDone(f func(c *Call, final *sip.Response)) Option {
	return func(cfg *config) { cfg.done = f }
}

// ServeSIP implements transaction.Handler. It returns as soon as the first
// branches are on their way. ctx must live on after that, as the one that an
// Endpoint gives does: no branch begins after its end. A request that goes
// nowhere, of a sender who was not authenticated, is turned away by a
// transaction.Refusal: nothing is kept, and a repetition is judged anew.
func (p *Proxy) ServeSIP(ctx context.Context, req *sip.Request, tx *transaction.ServerTx) error {
	if req.Method == sip.ACK {
		p.serveACK(ctx, req, tx)
		return nil
	}
	err := p.serve(ctx, req, tx)
	if tx.Identity().IsZero() {
		err = transaction.Refusal(err)
	}
	return err
}

func (p *Proxy) serve(ctx context.Context, req *sip.Request, tx *transaction.ServerTx) error {
	c, err := p.receive(req, tx)
	if err != nil {
		return err
	}
	if p.asksProxy(c) {
		return options(req, tx)
	}
	if err := validateHops(req); err != nil {
		return err
	}
	if !c.vouched() {
		if err := p.gate.Admit(ctx, c); err != nil {
			return err
		}
	}
	c.loop = c.loopSuffix(p.seed)
	if err := c.validateLoop(); err != nil {
		return err
	}
	width, err := breadth(req)
	if err != nil {
		return err
	}
	route, err := p.route(ctx, c)
	p.fork(ctx, tx, c, width, route, err)
	return nil
}
