package proxy

import (
	"errors"
	"strconv"

	"github.com/patchbay-sip/patchbay/sip"
)

// forward builds the request of a branch (RFC 3261 section 16.6 items 1 to 7)
// and says where it goes. Record-Route and Via are added when it is sent: only
// then is it known which of our sockets it leaves by.
func (p *Proxy) forward(c *Call, b *Branch) (*sip.Request, sip.Target, error) {
	r := c.Request.Clone()
	if !b.URI.IsZero() {
		r.URI = requestURI(b.URI)
	}
	if err := decrementHops(r); err != nil {
		return nil, sip.Target{}, err
	}
	for i := len(b.Route) - 1; i >= 0; i-- {
		r.Prepend("Route", b.Route[i].String())
	}
	if b.Edit != nil {
		if err := b.Edit(r); err != nil {
			return nil, sip.Target{}, err
		}
	}
	to, err := nextHop(r)
	if err != nil {
		return nil, sip.Target{}, err
	}
	if !c.Preset {
		to.Flow = b.Flow
	}
	return r, to, nil
}

// requestURI removes what may stand in a contact and not in a Request-URI (RFC
// 3261 section 19.1.1, table 1).
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

// nextHop finds the URI that the request goes to: the topmost Route, else the
// Request-URI. For a strict router, a Route without lr, the two change places
// first (RFC 3261 section 16.6 items 6 and 7).
func nextHop(r *sip.Request) (sip.Target, error) {
	if !r.Has("Route") {
		return target(r.URI)
	}
	top, err := r.Address("Route")
	if err != nil {
		return sip.Target{}, badField("Route", err)
	}
	if top.URI.Params().Has("lr") {
		return target(top.URI)
	}
	r.Add("Route", "<"+r.URI.String()+">")
	r.PopFirst("Route")
	r.URI = requestURI(top.URI)
	return target(r.URI)
}

func target(u sip.URI) (sip.Target, error) {
	if !u.IsSIP() {
		return sip.Target{}, &sip.StatusError{Code: 416}
	}
	return sip.Target{URI: u}, nil
}
