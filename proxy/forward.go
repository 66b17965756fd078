package proxy

import (
	"errors"
	"strconv"

	"github.com/patchbay-sip/patchbay/sip"
)

// errNoTarget is a mistake of a Router.
var errNoTarget = errors.New("proxy: a branch without a target")

// forward builds the request of a branch (RFC 3261 section 16.6 items 1 to 3, 5
// and 6) and says over which flow it goes. The rest is done when it is sent: a
// strict next hop, the address, Record-Route, Via.
func (p *Proxy) forward(c *Call, b *Branch) (*sip.Request, sip.Target, error) {
	if b.URI.IsZero() && len(b.Route) == 0 && b.Flow.IsZero() {
		return nil, sip.Target{}, errNoTarget
	}
	r := c.Request.Clone()
	if !b.URI.IsZero() {
		r.URI = b.URI
	}
	r.URI = requestURI(r.URI)
	if err := decrementHops(r); err != nil {
		return nil, sip.Target{}, err
	}
	p.consumeCredentials(r, c)
	for i := len(b.Route) - 1; i >= 0; i-- {
		r.Prepend("Route", b.Route[i].String())
	}
	if p.edit != nil {
		if err := p.guard("WithEdit", func() error { return p.edit(c, r) }); err != nil {
			return nil, sip.Target{}, err
		}
	}
	if b.Edit != nil {
		if err := p.guard("Branch.Edit", func() error { return b.Edit(r) }); err != nil {
			return nil, sip.Target{}, err
		}
	}
	if !r.URI.IsSIP() && !r.Has("Route") {
		return nil, sip.Target{}, &sip.StatusError{Code: 416} // it leads nowhere
	}
	var to sip.Target
	if !c.Preset {
		to.Flow = b.Flow
	}
	return r, to, nil
}

// requestURI removes what may stand in a contact and not in a Request-URI (RFC
// 3261 section 16.6 item 2 and table 1 in 19.1.1).
func requestURI(u sip.URI) sip.URI {
	if !u.IsSIP() {
		return u
	}
	if u.Headers() != "" {
		u = u.WithoutHeaders()
	}
	if u.Params().Has("method") {
		u = u.WithoutParam("method")
	}
	return u
}

// decrementHops is RFC 3261 section 16.6 item 3.
func decrementHops(r *sip.Request) error {
	n, err := r.Uint("Max-Forwards")
	switch {
	case errors.Is(err, sip.ErrNoField):
		n = maxForwards
	case err != nil:
		return badField("Max-Forwards", err)
	case n == 0:
		return &sip.StatusError{Code: 483}
	default:
		n = min(n, 256) - 1
	}
	r.Set("Max-Forwards", strconv.FormatUint(uint64(n), 10))
	return nil
}
