package registrar

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/digest"
	"github.com/patchbay-sip/patchbay/transaction"
)

// retryAfter is how many seconds a client should wait when the store has failed.
const retryAfter = "30"

// A Registrar is a transaction.Handler for REGISTER. It may be used by several
// goroutines.
type Registrar struct {
	domains *sip.Domains
	store   Store
	counter Counter // the store, if it counts
	config
	outage outage
}

var _ transaction.Handler = (*Registrar)(nil)

// New makes a registrar for the domains, which keeps its bindings in s.
func New(d *sip.Domains, s Store, opts ...Option) *Registrar {
	c := config{maxContacts: DefaultMaxContacts, maxAOR: DefaultMaxAddresses, logger: slog.New(slog.DiscardHandler)}
	for _, o := range opts {
		o(&c)
	}
	c.expires = c.expires.withDefaults()
	counter, _ := s.(Counter)
	return &Registrar{domains: d, store: s, counter: counter, config: c}
}

// ServeSIP implements transaction.Handler. It answers 200 with all bindings; or
// returns a *sip.StatusError:
//
//   - 400 for what cannot be read, and for a To that is neither sip nor sips
//   - 403 for another address-of-record than that of the sender (its identity,
//     if it was authenticated, and its From), and for too many contacts
//   - 404 for a domain that is not ours, in the Request-URI or in To, and for an
//     address-of-record without a user
//   - 405 for another method, 416 for a Request-URI that is neither sip nor sips,
//     420 for an extension that is required
//   - 423 with Min-Expires for too brief an interval
//   - 503 with Retry-After for an address-of-record beyond WithMaxAddresses
//   - 500 for a CSeq that is not higher than the last one of its Call-ID, and,
//     with Retry-After, when the store fails
func (r *Registrar) ServeSIP(ctx context.Context, req *sip.Request, tx *transaction.ServerTx) error {
	who := tx.Identity()
	resp, err := r.register(ctx, req, tx.Flow(), who)
	switch {
	case err != nil && who.IsZero():
		return transaction.Refusal(err)
	case err != nil:
		return err
	}
	return tx.Respond(resp)
}

// register answers a request that came on a flow from someone (RFC 3261 section
// 10.3).
func (r *Registrar) register(ctx context.Context, req *sip.Request, flow sip.Flow, who digest.Identity) (*sip.Response, error) {
	aor, err := r.admit(req, who)
	if err != nil {
		return nil, err
	}
	u, err := r.read(req, aor, flow)
	if err != nil {
		return nil, err
	}
	bindings, err := r.commit(ctx, u)
	if err != nil {
		return nil, err
	}
	return r.answer(req, bindings, u.at), nil
}

// read finds out what the request wants done.
func (r *Registrar) read(req *sip.Request, aor sip.AOR, flow sip.Flow) (*update, error) {
	cseq, err := req.CSeq()
	if err != nil {
		return nil, badRequest("Bad CSeq", err)
	}
	callID := req.CallID()
	if callID == "" || len(callID) > maxCallID || !isText(callID) {
		return nil, badRequest("Bad Call-ID", nil)
	}
	contacts, removeAll, err := r.readContacts(req)
	if err != nil {
		return nil, err
	}
	return &update{
		aor: aor, callID: callID, cseq: cseq.Seq, flow: flow, userAgent: cutUserAgent(req.Get("User-Agent")),
		at: time.Now(), contacts: contacts, removeAll: removeAll,
	}, nil
}

// commit does it, all or nothing, and returns the bindings that there are then.
func (r *Registrar) commit(ctx context.Context, u *update) (bindings []Binding, err error) {
	if u.isQuery() {
		bindings, err = r.store.Lookup(ctx, u.aor)
	} else {
		full := r.counter != nil && r.counter.Len() >= r.maxAOR
		bindings, err = r.store.Update(ctx, u.aor, func(old []Binding) ([]Binding, error) {
			known := len(old) > 0
			next, err := u.apply(old, r.maxContacts)
			if err == nil && full && !known && len(next) > 0 {
				return nil, tooManyAddresses()
			}
			return next, err
		})
	}
	var refused *sip.StatusError
	switch {
	case err == nil:
		return bindings, nil
	case errors.As(err, &refused):
		return nil, err
	}
	r.outage.report(ctx, r.logger, err)
	e := &sip.StatusError{Code: 500, Reason: "Location Store Failed", Err: fmt.Errorf("registrar: %w", err)}
	e.Header.Set("Retry-After", retryAfter)
	return nil, e
}

// answer is the 200 (section 10.3 step 8).
func (r *Registrar) answer(req *sip.Request, bindings []Binding, at time.Time) *sip.Response {
	resp := sip.NewResponse(req, 200)
	var buf [256]byte
	for _, b := range bindings {
		if !b.Expired(at) {
			resp.Add("Contact", string(b.appendContact(buf[:0], at, r.expires.Max)))
		}
	}
	resp.Set("Date", at.UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT"))
	return resp
}

// An outage keeps a store that is down from filling the log: it is told of the
// first failure and then once a minute.
type outage struct {
	failures atomic.Uint64 // since the last line
	last     atomic.Int64  // when that was, in Unix seconds
}

// report counts a failure. It is none of the store's that a caller did not wait for
// the answer, which anybody can do by CANCEL.
func (o *outage) report(ctx context.Context, l *slog.Logger, err error) {
	if cause := context.Cause(ctx); errors.Is(err, context.Canceled) &&
		(errors.Is(cause, transaction.ErrCanceled) || errors.Is(cause, context.Canceled)) {
		return
	}
	o.failures.Add(1)
	now, last := time.Now().Unix(), o.last.Load()
	if now-last >= 60 && o.last.CompareAndSwap(last, now) {
		l.Error("the store of bindings fails", "err", err, "failures", o.failures.Swap(0))
	}
}
