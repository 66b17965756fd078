package proxy

import (
	"context"

	"github.com/patchbay-sip/patchbay/sip"
)

// A Locator finds where an address-of-record is; *registrar.Registrar is one.
// No target is no error: the user is not there now. A *sip.StatusError becomes
// the response, a 404 for instance for a user who does not exist.
type Locator interface {
	Targets(ctx context.Context, aor sip.AOR) ([]sip.Target, error)
}

// Location routes what is for our domains to where the Locator says, to all
// targets at once. With no target it returns ErrNoRoute, so that a router
// behind it may have an idea. It sets neither Edit, Timeout nor Next.
func Location(d *sip.Domains, l Locator) Router { return location{d, l} }

type location struct {
	domains *sip.Domains
	locator Locator
}

func (l location) Route(ctx context.Context, c *Call) (Route, error) {
	if c.Domain == "" || c.Request.URI.User() == "" {
		return Route{}, ErrNoRoute
	}
	aor, ok := l.domains.AOR(c.Request.URI)
	if !ok {
		return Route{}, ErrNoRoute
	}
	targets, err := l.locator.Targets(ctx, aor)
	if err != nil {
		return Route{}, err
	}
	if len(targets) == 0 {
		return Route{}, ErrNoRoute
	}
	return To(targets...), nil
}
