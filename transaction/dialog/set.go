package dialog

import (
	"context"
	"log/slog"
	"sync"

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
	request    func(context.Context, *Dialog, *sip.Request, *transaction.ServerTx) error
}

// WithLogger sets the logger; the default discards.
func WithLogger(l *slog.Logger) Option { return func(c *config) { c.log = l } }

// WithExtensions names the option tags, 100rel for instance, that the handlers
// know. A request that Requires any other is answered 420 (RFC 3261 section
// 8.2.2.3). The default is none.
func WithExtensions(tags ...string) Option { return func(c *config) { c.extensions = tags } }

// OnRequest has f answer requests within a dialog other than ACK and BYE: INFO,
// a re-INVITE (by Dialog.Accept) and so on, in the way of a
// transaction.Handler. Without it OPTIONS is answered 200, INVITE and UPDATE
// 488, so that the session stays as it is (RFC 3261 section 14.2), and anything
// else 405.
func OnRequest(f func(ctx context.Context, d *Dialog, req *sip.Request, tx *transaction.ServerTx) error) Option {
	return func(c *config) { c.request = f }
}

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
		cfg:     config{log: slog.New(slog.DiscardHandler), request: refuse},
		dialogs: make(map[id]*Dialog),
	}
	for _, o := range opts {
		o(&s.cfg)
	}
	return s
}

// refuse answers what nobody handles.
func refuse(_ context.Context, _ *Dialog, req *sip.Request, tx *transaction.ServerTx) error {
	switch req.Method {
	case sip.OPTIONS:
		return tx.Respond(sip.NewResponse(req, 200))
	case sip.INVITE, sip.UPDATE:
		return &sip.StatusError{Code: 488}
	}
	notAllowed := &sip.StatusError{Code: 405}
	notAllowed.Header.Set("Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS")
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
// WithExtensions does not name 420. A provisional response to an INVITE gets a
// Contact if it has none, as Accept's 2xx does (section 12.1.1).
func (s *Set) ServeSIP(ctx context.Context, req *sip.Request, tx *transaction.ServerTx) error {
	to, err := req.To()
	if err != nil {
		return err
	}
	if req.Method != sip.ACK { // an ACK cannot be refused
		if err := req.Unsupported("Require", s.cfg.extensions...); err != nil {
			return err
		}
	}
	if req.Method == sip.INVITE {
		tx.OnRespond(func(resp *sip.Response) {
			if resp.StatusCode > 100 && resp.StatusCode < 200 {
				// A To that cannot be read has been refused above.
				_ = fillContact(tx, resp)
			}
		})
	}
	if to.Tag() == "" {
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

// add puts a dialog into the set; it is false if it is there already.
func (s *Set) add(d *Dialog) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dialogs[d.id] != nil {
		return false
	}
	s.dialogs[d.id] = d
	return true
}

func (s *Set) remove(d *Dialog) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dialogs[d.id] == d {
		delete(s.dialogs, d.id)
	}
}
