// Package registrar is a SIP registrar (RFC 3261 section 10).
package registrar

import (
	"context"
	"iter"
	"time"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/transaction"
)

// A Binding ties a contact to an address-of-record until it expires.
type Binding struct {
	AOR     sip.AOR
	Contact sip.URI
	// Params are the contact's parameters other than q and expires.
	Params  sip.Params
	Q       sip.Q
	Expires time.Time
	CallID  string
	CSeq    uint32
	// Flow is the one that the REGISTER came on.
	Flow      sip.Flow
	UserAgent string
	Updated   time.Time
}

// A Store keeps bindings, atomically per address-of-record.
type Store interface {
	// Update replaces the bindings of aor by what fn makes of them, and returns
	// what was stored. fn may run again on a conflict, never after Update
	// returned; its error comes back as it is, and then nothing is stored. An
	// error that matches ctx's means: outcome unknown.
	Update(ctx context.Context, aor sip.AOR, fn func([]Binding) ([]Binding, error)) ([]Binding, error)
	// Lookup returns the bindings of aor that have not expired; none is no error.
	Lookup(ctx context.Context, aor sip.AOR) ([]Binding, error)
	// All yields each binding that does not change meanwhile once; no lock or
	// connection is held across a yield.
	All(ctx context.Context) iter.Seq2[Binding, error]
}

// Memory is a Store in memory.
type Memory struct{}

// NewMemory makes an empty Memory.
func NewMemory() *Memory { panic("stub") }

// A Registrar is a transaction.Handler for REGISTER.
type Registrar struct{}

// New makes a registrar for the domains.
func New(d *sip.Domains, s Store, opts ...Option) *Registrar { panic("stub") }

// An Option sets something about a Registrar.
type Option func(*config)
type config struct{}

// ServeSIP implements transaction.Handler.
func (r *Registrar) ServeSIP(ctx context.Context, req *sip.Request, tx *transaction.ServerTx) error {
	panic("stub")
}

// Targets returns where aor can be reached, the most wanted first; none is no
// error. It makes a Registrar a proxy.Locator.
func (r *Registrar) Targets(ctx context.Context, aor sip.AOR) ([]sip.Target, error) { panic("stub") }
