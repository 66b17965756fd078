package proxy

import (
	"errors"
	"strings"

	"github.com/patchbay-sip/patchbay/sip"
)

// preprocess does to req what RFC 3261 section 16.4 asks for.
func (p *Proxy) preprocess(req *sip.Request, flow sip.Flow) error {
	if p.ownMark(req.URI, req) {
		if err := undoStrict(req); err != nil {
			return err
		}
	}
	if u, ok := p.stripMaddr(req.URI, flow); ok {
		req.URI = u
	}
	// A double Record-Route comes back as two values in a row.
	for req.Has("Route") {
		top, err := req.Address("Route")
		if errors.Is(err, sip.ErrNoField) {
			req.Del("Route") // an empty list
			break
		}
		if err != nil {
			return badField("Route", err)
		}
		if !p.ours(top.URI) && !p.ownMark(top.URI, req) {
			break
		}
		req.PopFirst("Route")
	}
	return nil
}

// undoStrict puts the last Route value back into the Request-URI, from where a
// strict router took it.
func undoStrict(req *sip.Request) error {
	var routes []sip.Address
	for a, err := range req.Addresses("Route") {
		if err != nil {
			return badField("Route", err)
		}
		routes = append(routes, a)
	}
	if len(routes) == 0 {
		return nil
	}
	last := len(routes) - 1
	req.URI = routes[last].URI
	req.Del("Route")
	for _, a := range routes[:last] {
		req.Add("Route", a.String())
	}
	return nil
}

// ours tells whether a URI names this proxy: by an address that it listens on,
// or by one of its domains.
func (p *Proxy) ours(u sip.URI) bool {
	if !u.IsSIP() {
		return false
	}
	if p.ep.Owns(u) {
		return true
	}
	_, ok := p.domains.Lookup(u)
	return ok
}

// stripMaddr removes a maddr that is ours, with port and transport, if the
// request came in on just these.
func (p *Proxy) stripMaddr(u sip.URI, flow sip.Flow) (sip.URI, bool) {
	maddr, ok := u.Param("maddr")
	if !ok || !u.IsSIP() {
		return u, false
	}
	network, ok := u.Param("transport")
	if !ok {
		network = "udp"
	}
	port := u.Port()
	if port == 0 {
		port = 5060
	}
	if !strings.EqualFold(network, flow.Network) || port != flow.Local.Port() {
		return u, false
	}
	if !p.ours(sip.NewURI("", maddr, u.Port())) {
		return u, false
	}
	u = u.WithoutParam("maddr").WithoutParam("transport")
	if u.Port() != 0 {
		u = u.WithHost(u.Host(), 0)
	}
	return u, true
}
