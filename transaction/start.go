package transaction

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/resolve"
	"github.com/patchbay-sip/patchbay/sip/transport"
)

// Start sends req to a target and returns at once. on is called on a worker,
// one call at a time, with each response in order: provisional ones, then every
// 2xx to an INVITE or one other final response; or, instead of a final
// response, once with an error (ErrTimeout, ErrNoTransport, ErrClosed, an error
// of the transport, of the resolver or of ctx). An error that Start itself
// returns means that nothing was begun and that on is not called.
//
// Start makes its own copy of req, so the caller may use req again, and puts a
// Via on top. to.URI becomes the Request-URI unless it is zero, and to.Route is
// pushed onto Route. The request then goes over to.Flow, or else to where the
// topmost Route, or without one the Request-URI, leads. A topmost Route without
// lr is a strict router's: it changes places with the Request-URI (RFC 3261
// section 16.6 item 6), and callers leave that to Start. A request for a sips URI
// goes by TLS, or WebSocket over TLS, even where a sip URI in Route leads (section
// 8.1.2); ErrNotSecure is for a to.Flow that is neither.
//
// Of several addresses the next one is tried when a connection cannot be opened,
// when the request cannot be sent, when the connection fails or timer B or F
// fires before any response, and when the answer is a 503; each attempt is a
// transaction with a branch and a 64*T1 of its own (RFC 3263 section 4.3). A ctx
// that ends bounds them together. on is not told of a 503 that leads on.
//
// A request that is longer than transport.UDP's RequestLimit is not sent by UDP
// at once, transport=udp or not, but by TCP to the same address and port, if
// this Endpoint listens on TCP (RFC 3261 section 18.1.1). It goes by UDP after
// all when no connection is there within 4*T1, which is remembered for ten
// minutes, and when it fails or brings no response. What is sent over to.Flow
// stays on that flow, since a phone behind a NAT is reached by nothing else.
//
// Start waits for Serve if that has not begun. Otherwise it does not block:
// names are looked up and connections opened on a worker.
//
// The end of ctx cancels an INVITE, with CANCEL once a provisional response
// came (RFC 3261 section 9.1); the final response is given to on all the same:
// 487, or a 2xx that crossed the CANCEL and must be acknowledged. Any other
// request is abandoned: on gets ctx's error and later responses are absorbed.
// So is an INVITE that has not been sent yet.
func (e *Endpoint) Start(ctx context.Context, req *sip.Request, to sip.Target, on func(Event), opts ...StartOption) (*ClientTx, error) {
	if req.Method == sip.ACK || req.Method == sip.CANCEL {
		return nil, ErrMethod
	}
	if err := e.await(ctx); err != nil {
		return nil, err
	}
	if inside := inDialog(req); e.isFull(inside) || e.isHeavy(inside) {
		return nil, ErrOverloaded
	}
	r := req.Clone()
	next, err := route(r, to)
	if err != nil {
		return nil, err
	}
	tx := &ClientTx{e: e, on: on, req: r, next: next, ctx: e.life, cancel: func() {}}
	for _, o := range opts {
		o(&tx.cfg)
	}
	tx.events = tx.room[:0]
	hop, numeric := resolve.Numeric(next)
	tx.once = e.cfg.credentials == nil && (numeric || !to.Flow.IsZero())
	e.begin(&e.asking)
	var find func() // on a worker, since it may block
	switch {
	case !to.Flow.IsZero():
		t, err := e.carrier(to.Flow)
		_ = tx.first(t, to.Flow, err) // there is no other way
	case numeric && hop.Network == "udp":
		tx.hop = hop
		t, f, err := e.connect(e.life, hop)
		if !tx.first(t, f, err) {
			tx.req, tx.once = req.Clone(), false
			_, _ = route(tx.req, to) // as it was before
			find = func() { tx.advance(errTooLong) }
		}
	case numeric:
		tx.hops = []sip.Hop{hop}
		find = func() { tx.advance(nil) }
	default:
		find = tx.lookup
	}
	if find != nil {
		tx.ctx, tx.cancel = context.WithCancel(e.life)
	}
	tx.watch(ctx)
	if find != nil && !e.work(find) {
		tx.finish()
		return nil, ErrClosed
	}
	tx.mu.Lock()
	defer tx.mu.Unlock()
	if tx.lost {
		return nil, ErrClosed
	}
	return tx, nil
}

// first sends the request where that does not block. It is false where the
// request is too long for UDP.
func (tx *ClientTx) first(t transport.Transport, f sip.Flow, err error) bool {
	if err == nil {
		err = tx.launch(t, f)
	}
	if errors.Is(err, errTooLong) {
		return false
	}
	if err != nil {
		tx.post(Event{Err: err, Last: true})
	}
	return true
}

// watch has the end of the caller's ctx end the transaction.
func (tx *ClientTx) watch(ctx context.Context) {
	if ctx.Done() == nil {
		return
	}
	unwatch := context.AfterFunc(ctx, func() { tx.giveUp(context.Cause(ctx)) })
	tx.mu.Lock()
	tx.unwatch = unwatch
	done := tx.done
	tx.mu.Unlock()
	if done {
		unwatch()
	}
}

// route makes of a request and a target the request that is sent, and the URI
// whose address it is sent to. A sips request goes as a sips URI would have it,
// whatever Route or flow leads there (RFC 3261 sections 8.1.2 and 16.6 items 6 and
// 7).
func route(r *sip.Request, to sip.Target) (next sip.URI, err error) {
	if !to.URI.IsZero() {
		r.URI = to.URI
	}
	secure := isSecure(r.URI)
	if secure && !to.Flow.IsZero() && !to.Flow.IsSecure() {
		return sip.URI{}, fmt.Errorf("%w: %s", ErrNotSecure, to.Flow)
	}
	for i := len(to.Route) - 1; i >= 0; i-- {
		r.Prepend("Route", to.Route[i].String())
	}
	next, err = firstHop(r)
	if secure {
		next = next.Secured()
	}
	return next, err
}

// firstHop is the topmost Route, or else the Request-URI, which a strict router
// takes the place of.
func firstHop(r *sip.Request) (sip.URI, error) {
	if !r.Has("Route") {
		return r.URI, nil
	}
	top, err := r.Address("Route")
	if errors.Is(err, sip.ErrNoField) {
		return r.URI, nil // Route is there, and empty
	}
	if err != nil {
		return sip.URI{}, err
	}
	if top.URI.Params().Has("lr") {
		return top.URI, nil
	}
	// A strict router (RFC 3261 sections 12.2.1.1 and 16.6 item 6) takes what
	// follows it from Route, and the target from the end.
	r.PopFirst("Route")
	r.Add("Route", sip.Address{URI: r.URI}.String())
	r.URI = top.URI.WithoutParam("method").WithoutHeaders()
	return r.URI, nil
}

// newVia is the Via of a request that leaves over a flow.
func newVia(t transport.Transport, f sip.Flow, branch string) sip.Via {
	// The branch is one of ours: it cannot fail to parse.
	params, _ := sip.ParseParams(";branch=" + branch + ";rport")
	return sip.Via{Transport: strings.ToUpper(f.Network), SentBy: t.SentBy(f), Params: params}
}

// Do sends req as Start does and waits for the final response, which may be any
// from 200 to 699. It answers challenges when WithCredentials is set; the
// response's CSeq then tells the number that was used.
//
// When ctx ends, a request other than INVITE is abandoned with ctx's error. An
// INVITE is cancelled, and Do goes on waiting for the response that ends it
// (487, or a 2xx that crossed the CANCEL) or for ErrTimeout. A 2xx to an INVITE
// has to be acknowledged by the caller; further 2xx go to WithStray. Package
// transaction/dialog does all this for a phone.
func (e *Endpoint) Do(ctx context.Context, req *sip.Request, to sip.Target, opts ...StartOption) (*sip.Response, error) {
	final := make(chan Event, 1)
	told := false // on is called one call at a time
	_, err := e.Start(ctx, req, to, func(ev Event) {
		switch {
		case !ev.Last:
		case !told:
			told = true
			final <- ev
		default:
			e.count.stray.Add(1)
			if e.cfg.stray != nil {
				e.cfg.stray(ev.Response, ev.Flow)
			}
		}
	}, opts...)
	if err != nil {
		return nil, err
	}
	select {
	case ev := <-final:
		return ev.Response, ev.Err
	case <-e.ended: // no event can come any more
	}
	select {
	case ev := <-final:
		return ev.Response, ev.Err
	default:
		return nil, ErrClosed
	}
}
