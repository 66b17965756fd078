package proxy

import (
	"context"

	"github.com/patchbay-sip/patchbay/sip"
)

// A Gate decides who may pass. It is asked for each request but those that
// belong to a dialog through this proxy (see Proxy.InDialog), ACK and CANCEL.
//
// A nil error lets the request pass. A *sip.StatusError becomes the response;
// any other error is answered 500. Whom to ask for credentials is not its
// matter: see transaction.Authenticate, which runs before the proxy.
type Gate interface {
	Admit(ctx context.Context, c *Call) error
}

// Open is a Gate that lets everything pass. It makes an open relay, fit for a
// laboratory.
type Open struct{}

// Admit implements Gate.
func (Open) Admit(context.Context, *Call) error { return nil }

// NoRelay is the default Gate. A stranger reaches the domains and nothing
// else: a foreign Request-URI, or a Route that leads elsewhere, is answered 403
// unless the caller is authenticated. One who is authenticated must not claim
// to be another user of the domains in From: that is 403, too.
func NoRelay(d *sip.Domains) Gate { return noRelay{d} }

type noRelay struct{ domains *sip.Domains }

func (g noRelay) Admit(_ context.Context, c *Call) error {
	if c.Caller.IsZero() {
		if c.Domain == "" || c.Preset {
			return &sip.StatusError{Code: 403, Reason: "Relaying Denied"}
		}
		return nil
	}
	from, err := c.Request.From()
	if err != nil {
		return badField("From", err)
	}
	domain, local := g.domains.Lookup(from.URI)
	if !local {
		return nil // a name elsewhere, or an anonymous one (RFC 3323)
	}
	if sip.Unescape(from.URI.User()) != c.Caller.User {
		return &sip.StatusError{Code: 403, Reason: "From Is Not the Caller"}
	}
	// A realm that is a domain of ours speaks for that domain alone.
	realm, ok := g.domains.Lookup(sip.NewURI("", c.Caller.Realm, 0))
	if ok && realm != domain {
		return &sip.StatusError{Code: 403, Reason: "From Is Not the Caller"}
	}
	return nil
}
