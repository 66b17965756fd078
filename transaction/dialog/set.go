package dialog

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/transaction"
)

// A Set holds the dialogs of a user agent. It is a transaction.Handler: what
// belongs to a dialog goes to that dialog, and everything else to the next
// Handler. Its methods may be called from several goroutines.
type Set struct {
	ep   *transaction.Endpoint
	next transaction.Handler
	cfg  config

	known    []string // what a request may Require
	draining atomic.Bool

	mu      sync.Mutex
	dialogs map[id]*Dialog
}

var _ transaction.Handler = (*Set)(nil)

// id names a dialog (RFC 3261 section 12).
type id struct{ callID, localTag, remoteTag string }

// An Option sets something about a Set.
type Option func(*config)

type config struct {
	log        *slog.Logger
	extensions []string
	maxDialogs int
	timer      SessionTimer
	request    func(context.Context, *Dialog, *sip.Request, *transaction.ServerTx) error
	end        func(*Dialog)
}

// WithLogger sets the logger; the default discards.
func WithLogger(l *slog.Logger) Option { return func(c *config) { c.log = l } }

// WithExtensions names the option tags that the handlers know, besides timer,
// which needs nothing of them. 100rel among them means that they send provisional
// responses by Progress. A request that Requires any other is answered 420 (RFC
// 3261 section 8.2.2.3). The default is none.
func WithExtensions(tags ...string) Option { return func(c *config) { c.extensions = tags } }

// WithMaxDialogs bounds the dialogs of a Set; default 100,000. Past it an INVITE
// that would begin another one is answered 503 with Retry-After. What we begin
// ourselves is not bounded.
func WithMaxDialogs(n int) Option { return func(c *config) { c.maxDialogs = n } }

// WithSessionTimer sets how long calls may live without a refresh. The default
// asks for nothing and goes along with what the other end asks for, down to 90
// seconds.
func WithSessionTimer(t SessionTimer) Option { return func(c *config) { c.timer = t } }

// OnRequest has f answer requests within a dialog: INFO, a re-INVITE (by
// Dialog.Accept) and so on, in the way of a transaction.Handler. Without it
// OPTIONS is answered 200, INVITE and UPDATE with an offer 488, so that the
// session stays as it is (RFC 3261 section 14.2), and anything else 405.
//
// ACK and BYE do not come to f, nor what changes nothing about the session and
// is answered 200 by itself: a PRACK or an UPDATE without a description, and an
// INVITE or UPDATE with the same description as before. A PRACK with one does:
// Dialog.Early and the body tell what is wanted (RFC 3262 section 5).
func OnRequest(f func(ctx context.Context, d *Dialog, req *sip.Request, tx *transaction.ServerTx) error) Option {
	return func(c *config) { c.request = f }
}

// OnEnd has f called, on a worker, each time that a dialog has ended, early ones
// among them: Done by another name, for a program that has no goroutine to spare
// for each call. When an Endpoint is closed its dialogs do not end; Shutdown ends
// them.
func OnEnd(f func(d *Dialog)) Option { return func(c *config) { c.end = f } }

// NewSet makes an empty Set that sends through ep. It is to be given to
// ep.Serve, alone or behind middleware; next gets requests outside of dialogs,
// and may be nil for a phone that is never rung: they are then answered 405.
func NewSet(ep *transaction.Endpoint, next transaction.Handler, opts ...Option) *Set {
	if next == nil {
		next = transaction.NewMux()
	}
	s := &Set{
		ep:      ep,
		next:    next,
		cfg:     config{log: slog.New(slog.DiscardHandler), maxDialogs: 100_000, request: refuse},
		dialogs: make(map[id]*Dialog),
	}
	for _, o := range opts {
		o(&s.cfg)
	}
	s.cfg.timer = s.cfg.timer.withDefaults()
	s.known = append([]string{"timer"}, s.cfg.extensions...)
	return s
}

// refuse answers what nobody handles.
func refuse(_ context.Context, d *Dialog, req *sip.Request, tx *transaction.ServerTx) error {
	switch req.Method {
	case sip.OPTIONS:
		return tx.Respond(sip.NewResponse(req, 200))
	case sip.PRACK:
		if description(d.Request()) == "" { // it has the answer to our offer
			return tx.Respond(sip.NewResponse(req, 200))
		}
		return &sip.StatusError{Code: 488}
	case sip.INVITE, sip.UPDATE:
		return &sip.StatusError{Code: 488}
	}
	notAllowed := &sip.StatusError{Code: 405}
	notAllowed.Header.Set("Allow", allow)
	return notAllowed
}

// Len returns how many dialogs there are.
func (s *Set) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.dialogs)
}

// ServeSIP implements transaction.Handler. A request with a To tag that belongs
// to no dialog is answered 481 (RFC 3261 section 12.2.2), one that Requires what
// WithExtensions does not name 420, and one whose session interval is less than
// SessionTimer.Min 422. A provisional response to an INVITE gets Contact, Allow
// and Supported if it has none, as Accept's 2xx does (section 12.1.1).
func (s *Set) ServeSIP(ctx context.Context, req *sip.Request, tx *transaction.ServerTx) error {
	to, err := req.To()
	if err != nil {
		return err
	}
	if req.Method != sip.ACK { // an ACK cannot be refused
		if err := req.Unsupported("Require", s.known...); err != nil {
			return err
		}
	}
	if req.Method == sip.INVITE {
		tx.OnRespond(func(resp *sip.Response) { s.responds(tx, resp) })
	}
	if to.Tag() == "" {
		if err := s.admit(req); err != nil {
			return err
		}
		return s.next.ServeSIP(ctx, req, tx)
	}
	from, err := req.From()
	if err != nil {
		return err
	}
	s.mu.Lock()
	d := s.dialogs[id{req.CallID(), to.Tag(), from.Tag()}]
	s.mu.Unlock()
	switch {
	case d != nil:
		return d.receive(ctx, req, tx)
	case req.Method == sip.ACK:
		return nil
	}
	return &sip.StatusError{Code: 481}
}

// retryAfter is what a caller is asked to wait when there are too many dialogs,
// in seconds.
const retryAfter = "5"

// admit refuses a call that cannot be taken.
func (s *Set) admit(req *sip.Request) error {
	if req.Method != sip.INVITE {
		return nil
	}
	if s.draining.Load() || s.Len() >= s.cfg.maxDialogs {
		full := &sip.StatusError{Code: 503}
		full.Header.Set("Retry-After", retryAfter)
		return transaction.Refusal(full)
	}
	return s.admitTimer(req)
}

// responds sees the responses to an INVITE: one that refuses it ends its early
// dialog.
func (s *Set) responds(tx *transaction.ServerTx, resp *sip.Response) {
	switch {
	case isProgress(resp):
		// A To that cannot be read has been refused before.
		_ = s.complete(tx, resp)
	case resp.StatusCode >= 300:
		to, err := resp.To()
		if err != nil {
			return
		}
		from, err := resp.From()
		if err != nil {
			return
		}
		s.mu.Lock()
		d := s.dialogs[id{resp.CallID(), to.Tag(), from.Tag()}]
		s.mu.Unlock()
		if d != nil && d.invite == tx.Request() && d.Early() {
			d.end(&RejectedError{resp.Clone()})
		}
	}
}

// allow is what a Set answers, or has answered.
const allow = "INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, UPDATE"

// complete gives a response to INVITE or UPDATE what the other end has to know
// of us (RFC 3261 sections 12.1.1 and 13.3.1, RFC 3311 section 4).
func (s *Set) complete(tx *transaction.ServerTx, resp *sip.Response) error {
	if !resp.Has("Contact") {
		to, err := resp.To()
		if err != nil {
			return err
		}
		resp.Set("Contact", tx.Contact(to.URI.User()))
	}
	if !resp.Has("Allow") {
		resp.Set("Allow", allow)
	}
	s.support(&resp.Header, "timer")
	return nil
}

// introduce gives a request what the other end has to know of us.
func (s *Set) introduce(req *sip.Request) {
	if !req.Has("Allow") {
		req.Set("Allow", allow)
	}
	s.support(&req.Header, "100rel", "timer")
}

func (s *Set) support(h *sip.Header, tags ...string) {
	for _, tag := range append(tags, s.cfg.extensions...) {
		if !h.HasToken("Supported", tag) {
			h.Add("Supported", tag)
		}
	}
}

// supports tells whether the sender of a request knows an extension.
func supports(req *sip.Request, tag string) bool {
	return req.HasToken("Supported", tag) || req.HasToken("Require", tag)
}

// add puts a dialog into the set, unless there is one with these tags already,
// which it returns.
func (s *Set) add(d *Dialog) (there *Dialog) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if there = s.dialogs[d.id]; there == nil {
		s.dialogs[d.id] = d
	}
	return there
}

func (s *Set) remove(d *Dialog) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dialogs[d.id] == d {
		delete(s.dialogs, d.id)
	}
}
