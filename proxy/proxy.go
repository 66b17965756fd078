// Package proxy is a stateful SIP proxy (RFC 3261 section 16).
package proxy

import (
	"context"
	"errors"
	"time"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/digest"
	"github.com/patchbay-sip/patchbay/transaction"
)

// ErrNoRoute is what a Router returns that has nothing to say of a call: the
// next one is tried. When none has, the call is answered 480.
var ErrNoRoute = errors.New("proxy: no route")

// A Call is a request outside of a dialog that wants a way.
type Call struct {
	// Request is the caller's; it must not be changed. Branch.Edit changes
	// what is sent.
	Request *sip.Request
	// Domain is the one of ours that the Request-URI belongs to, "" if none.
	Domain string
	// Flow is the one that the request came on.
	Flow sip.Flow
	// Caller is who the sender was proven to be, or zero.
	Caller digest.Identity
}

// A Router decides where a call goes.
type Router interface {
	Route(ctx context.Context, c *Call) (Route, error)
}

// A Route is where a call goes: groups of branches, one group after another,
// the branches of a group at once.
type Route struct {
	Groups [][]Branch
	// MaxDuration ...
	// Next is asked when all groups are done and none answered.
	Next func(ctx context.Context, o Outcome) (Route, error)
}

// A Branch is one target of a call.
type Branch struct {
	sip.Target
	// Timeout ends the branch when no final response came; 0 is the proxy's default.
	Timeout time.Duration
	// Edit changes the request of this branch before it is sent.
	Edit func(*sip.Request) error
}

// An Outcome is the best response that the groups of a Route came to.
type Outcome struct{ Response *sip.Response }

// A Locator finds where an address-of-record is; *registrar.Registrar is one.
type Locator interface {
	Targets(ctx context.Context, aor sip.AOR) ([]sip.Target, error)
}

// First tries routers in turn until one does not return ErrNoRoute.
func First(rs ...Router) Router { panic("stub") }

// Location routes what is for our domains to where the Locator says.
func Location(d *sip.Domains, l Locator) Router { panic("stub") }

// A Proxy is a transaction.Handler that forwards requests.
type Proxy struct{}

// New makes a proxy that sends through ep and serves the domains.
func New(ep *transaction.Endpoint, d *sip.Domains, r Router, opts ...Option) *Proxy { panic("stub") }

// An Option sets something about a Proxy.
type Option func(*config)
type config struct{}

// ServeSIP implements transaction.Handler.
func (p *Proxy) ServeSIP(ctx context.Context, req *sip.Request, tx *transaction.ServerTx) error {
	panic("stub")
}
