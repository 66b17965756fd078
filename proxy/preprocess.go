package proxy

import (
	"cmp"
	"errors"
	"strings"

	"github.com/patchbay-sip/patchbay/sip"
)

// maxOwnRoutes bounds the Route values of ours in a row. Each pass through this
// proxy leaves two at most; thousands of them, which fit into a datagram, would
// be taken off one by one, before anybody has been judged.
const maxOwnRoutes = 32

// maxStrictRoutes bounds the Route values of a request that a strict router sent,
// all of which are written anew: two for each hop that it could have gone.
const maxStrictRoutes = 2 * maxForwards

func tooManyRoutes() error { return &sip.StatusError{Code: 400, Reason: "Too Many Routes"} }

// preprocess does what RFC 3261 section 16.4 asks for. It returns req itself
// where there is nothing to change, and a changed copy otherwise: the server
// transaction reads req at any time. inDialog tells whether a mark vouches for
// the place that the request goes to next, and onward is the flow to it, if the
// mark names one.
func (p *Proxy) preprocess(req *sip.Request, flow sip.Flow) (r *sip.Request, onward sip.Flow, inDialog bool, err error) {
	e := edited{req: req}
	mark := "" // of the last value of ours, which is the nearest to the next hop
	if p.ownMark(req.URI, req) {
		if err := e.undoStrict(); err != nil {
			return nil, onward, false, err
		}
		mark, _ = req.URI.Param(markParam)
	}
	if u, ok := p.stripMaddr(e.req.URI, flow); ok {
		e.copy().URI = u
	}
	// A double Record-Route comes back as two values in a row.
	for n := 0; e.req.Has("Route"); n++ {
		top, err := e.req.Address("Route")
		if errors.Is(err, sip.ErrNoField) {
			e.copy().Del("Route") // an empty list
			break
		}
		if err != nil {
			return nil, onward, false, badField("Route", err)
		}
		if !p.ours(top.URI) && !p.ownMark(top.URI, req) {
			break
		}
		if n == maxOwnRoutes {
			return nil, onward, false, tooManyRoutes()
		}
		if m, ok := top.URI.Param(markParam); ok {
			mark = m
		}
		e.copy().PopFirst("Route")
	}
	if mark != "" {
		onward, inDialog = p.vouches(mark, req, nextHop(e.req))
	}
	return e.req, onward, inDialog, nil
}

// edited is a request that is copied on the first change.
type edited struct {
	req    *sip.Request
	copied bool
}

func (e *edited) copy() *sip.Request {
	if !e.copied {
		e.req, e.copied = e.req.Clone(), true
	}
	return e.req
}

// undoStrict puts the last Route value back into the Request-URI, from where a
// strict router took it.
func (e *edited) undoStrict() error {
	var routes []sip.Address
	for a, err := range e.req.Addresses("Route") {
		if err != nil {
			return badField("Route", err)
		}
		if len(routes) == maxStrictRoutes {
			return tooManyRoutes()
		}
		routes = append(routes, a)
	}
	if len(routes) == 0 {
		return nil
	}
	last := len(routes) - 1
	r := e.copy()
	r.URI = routes[last].URI
	r.Del("Route")
	for _, a := range routes[:last] {
		r.Add("Route", a.String())
	}
	return nil
}

// ours tells whether a URI names this proxy: by an address that it listens on,
// or by one of its domains. A maddr counts in place of the host (RFC 3261
// section 19.1.1).
func (p *Proxy) ours(u sip.URI) bool {
	if maddr, ok := u.Param("maddr"); ok {
		u = u.WithHost(maddr, u.Port())
	}
	if !u.IsSIP() {
		return false
	}
	if p.ep.Owns(u) {
		return true
	}
	_, ok := p.domains.Lookup(u)
	return ok
}

// What a URI means that names no transport and no port.
const (
	usualNetwork = "udp"
	usualPort    = 5060
)

// stripMaddr removes a maddr that is ours, if the request came in on the port
// and transport of the URI, and these with it unless they are the usual ones.
func (p *Proxy) stripMaddr(u sip.URI, flow sip.Flow) (sip.URI, bool) {
	if !u.Params().Has("maddr") || !p.ours(u) {
		return u, false
	}
	network, ok := u.Param("transport")
	if !ok {
		network = usualNetwork
	}
	port := u.Port()
	if port == 0 {
		port = usualPort
	}
	if !strings.EqualFold(network, cmp.Or(flow.TransportParam(false), usualNetwork)) || port != flow.Local.Port() {
		return u, false
	}
	u = u.WithoutParam("maddr")
	if !strings.EqualFold(network, usualNetwork) {
		u = u.WithoutParam("transport")
	}
	if port != usualPort {
		u = u.WithHost(u.Host(), 0)
	}
	return u, true
}
