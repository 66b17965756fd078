package transaction

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/digest"
	"github.com/patchbay-sip/patchbay/sip/transport"
)

// An Event is what a client transaction tells: a response or an error.
type Event struct {
	// Response belongs to who is told.
	Response *sip.Response
	Err      error
	// Flow is the one that the response came on.
	Flow sip.Flow
	// Last tells that no other event follows, but for further 2xx to an INVITE.
	Last bool
}

// A ClientTx is a request that Start sends: a client transaction (RFC 3261
// section 17.1), or one after another where an address failed or a challenge
// was answered. Its methods may be called from several goroutines.
type ClientTx struct {
	e      *Endpoint
	on     func(Event)
	cfg    startConfig
	next   sip.URI            // where it goes, if to no given flow
	ctx    context.Context    // of lookups and dialing
	cancel context.CancelFunc // ends ctx

	mu         sync.Mutex
	unwatch    func() bool  // forgets the ctx of Start; may be nil
	once       bool         // req may be used up, for there is one attempt
	req        *sip.Request // without our Via
	sent       *sip.Request // with it
	machine    *client      // nil before anything is sent
	hops       []sip.Hop    // not yet tried
	hop        sip.Hop      // the one being tried; zero where a flow was given
	road       road         // how it is tried
	events     []Event      // not yet told
	room       [2]Event     // for them, as a rule
	telling    bool         // a worker tells
	done       bool         // the last event was told
	lost       bool         // no worker took an event: the Endpoint has ended
	canceled   error        // why it is to end; nil while it is not
	challenged int          // how many challenges were answered
}

// maxEvents bounds the responses that wait for a slow on. A final response is
// kept all the same; of 2xx to an INVITE there may be many, and whoever sent
// them repeats them.
const maxEvents = 64

// maxChallenges bounds how often credentials are sent for one request: proxies
// and the server, with a stale nonce each.
const maxChallenges = 4

// Cancel is the end of Start's ctx by another name: the error that a request
// other than INVITE then ends with is context.Canceled.
func (tx *ClientTx) Cancel() { tx.giveUp(context.Canceled) }

// Request is the request as it was sent, Via included, or nil while an address
// is still looked for. It must not be changed.
func (tx *ClientTx) Request() *sip.Request {
	tx.mu.Lock()
	defer tx.mu.Unlock()
	return tx.sent
}

// giveUp cancels an INVITE and abandons any other request.
func (tx *ClientTx) giveUp(why error) {
	tx.mu.Lock()
	if tx.canceled != nil || tx.done {
		tx.mu.Unlock()
		return
	}
	tx.canceled = why
	m := tx.machine
	tx.mu.Unlock()
	if m != nil {
		m.giveUp(why)
	}
	tx.cancel() // an advance that waits for an address or a connection tells
}

// launch begins a transaction over a flow. An error is that of the transport, or
// errTooLong.
func (tx *ClientTx) launch(t transport.Transport, f sip.Flow) error {
	tx.mu.Lock()
	why := tx.canceled
	r := tx.req
	byHop := tx.hop.Network == "udp" && tx.road == direct
	if !tx.once {
		r = r.Clone() // there may be another attempt
	}
	tx.mu.Unlock()
	if tx.cfg.fill && !r.Has("Contact") {
		r.Set("Contact", contact(tx.cfg.user, t, f, asksSecure(r)))
	}
	if why == nil && tx.cfg.before != nil {
		why = tx.cfg.before(r, f)
	}
	if why != nil {
		tx.post(Event{Err: why, Last: true})
		return nil
	}
	branch := sip.NewBranch() + tx.cfg.suffix
	via := newVia(t, f, branch)
	r.PushVia(via)
	if byHop && tx.e.isTooLong(t, f, r) {
		return errTooLong
	}
	c := &client{
		e: tx.e, transport: t, flow: f, tx: tx, req: r,
		key:    tx.e.keys.client(via, r.Method),
		invite: r.Method == sip.INVITE,
	}
	if err := c.start(); err != nil {
		return err
	}
	tx.mu.Lock()
	why = tx.canceled // perhaps since we looked
	tx.mu.Unlock()
	if why != nil {
		c.giveUp(why)
	}
	return nil
}

// attach makes c the machine that Cancel means.
func (tx *ClientTx) attach(c *client) {
	tx.mu.Lock()
	defer tx.mu.Unlock()
	tx.machine, tx.sent = c, c.req
}

// post has an event told after those before it. Machines call it with their
// lock held, so that the order of responses is that of events.
func (tx *ClientTx) post(ev Event) {
	tx.mu.Lock()
	defer tx.mu.Unlock()
	if len(tx.events) >= maxEvents && (!ev.Last || tx.done) {
		tx.e.count.dropped.events.Add(1)
		return
	}
	tx.events = append(tx.events, ev)
	if !tx.telling {
		tx.e.begin(&tx.e.other)
		tx.telling = tx.e.workers.Go((*telling)(tx))
		tx.lost = !tx.telling
	}
}

// telling is the task that tells events, one at a time and in order.
type telling ClientTx

// Run implements workers.Task.
func (t *telling) Run() {
	tx := (*ClientTx)(t)
	ended := false
	defer func() {
		if !ended { // on panicked, or ended its goroutine
			_ = tx.e.caught(recover(), "event of a client transaction")
			tx.e.workers.Go(t)
		}
	}()
	for {
		tx.mu.Lock()
		if len(tx.events) == 0 {
			tx.telling = false
			tx.mu.Unlock()
			ended = true
			tx.e.finish(&tx.e.other)
			return
		}
		ev := tx.events[0]
		tx.events = slices.Delete(tx.events, 0, 1)
		tx.mu.Unlock()
		if tx.answered(ev) || tx.refused(ev) {
			continue
		}
		if ev.Last {
			tx.finish()
		}
		tx.on(ev)
	}
}

// finish lets go of what a request that has ended has no more use for.
func (tx *ClientTx) finish() {
	tx.mu.Lock()
	done, unwatch := tx.done, tx.unwatch
	tx.done = true
	tx.req, tx.hops = nil, nil
	tx.mu.Unlock()
	if done {
		return
	}
	if unwatch != nil {
		unwatch()
	}
	tx.cancel()
	tx.e.finish(&tx.e.asking)
}

// answered tells whether an event was a challenge that has been answered, with
// the request sent anew.
func (tx *ClientTx) answered(ev Event) bool {
	creds := tx.e.cfg.credentials
	if creds == nil || ev.Response == nil || ev.Response.StatusCode != 401 && ev.Response.StatusCode != 407 {
		return false
	}
	tx.mu.Lock()
	if tx.done || tx.canceled != nil || tx.challenged == maxChallenges {
		tx.mu.Unlock()
		return false
	}
	tx.challenged++
	r, m := tx.req.Clone(), tx.machine
	tx.mu.Unlock()
	if err := digest.Answer(r, ev.Response, creds); err != nil {
		tx.e.cfg.log.Debug("challenge not answered", "method", r.Method, "err", err)
		return false
	}
	tx.mu.Lock()
	tx.req = r
	tx.mu.Unlock()
	switch err := tx.launch(m.transport, m.flow); {
	case errors.Is(err, errTooLong): // with the credentials
		tx.advance(err)
	case err != nil:
		tx.post(Event{Err: err, Last: true})
	}
	return true
}
