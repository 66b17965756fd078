package proxy

import (
	"strings"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/resolve"
	"github.com/patchbay-sip/patchbay/sip/transport"
)

// The mark in a Record-Route URI: a parameter that holds a signature over the
// dialog, the party that is to use it and the network, host and port that this
// party's requests go to next. What one party gets is of no use to the other, nor
// for another destination. The request carries the one for whoever gets it; each
// response brings the one for whoever sent it (RFC 3261 section 16.7 item 8), since
// only then it is known where the dialog leads.
//
// Where nothing can be sent there, as with a browser or behind a NAT, the mark
// carries the flow that the other party came on, encrypted: a flow token (RFC
// 5626 section 5.2) that is good for this dialog alone, and dies with the flow.
const (
	markParam = "pb"
	markBack  = "record-route back" // from whoever gets the recorded request to its sender
	markOn    = "record-route on"   // from its sender to whoever gets it
)

// InDialog tells whether req belongs to a dialog that was set up through this
// proxy, or one that shares its keys, and goes where that dialog leads: it has
// a To tag, a Route of ours whose mark was signed for its Call-ID, one of its
// two tags and the address that is the next hop, and a Request-URI that is not in
// one of our domains. Such a request passes the Gate unasked and need not be
// authenticated again.
//
// A request within a dialog for one of our domains is routed anew, and is judged
// anew: else whoever once called one of us had a key to all our routers. One to
// a party that has moved to another host or port since is judged anew, too.
func (p *Proxy) InDialog(req *sip.Request) bool {
	if !isMarked(req) {
		return false
	}
	r, _, inDialog, err := p.preprocess(req, sip.Flow{})
	if err != nil || !inDialog {
		return false
	}
	_, ours := p.domains.Lookup(r.URI)
	return !ours
}

// isMarked tells whether there is a mark where the requests of a dialog have
// one: in the topmost Route, or in the Request-URI if a strict router sent it
// (RFC 3261 section 16.4).
func isMarked(req *sip.Request) bool {
	if req.URI.Params().Has(markParam) {
		return true
	}
	if !req.Has("Route") {
		return false
	}
	top, err := req.Address("Route")
	return err == nil && top.URI.Params().Has(markParam)
}

// ownMark tells whether u is a Record-Route URI of ours: one with a mark and an
// address that we listen on, or one of another proxy of the farm, whose mark is
// good for one of the hops that the request still has.
func (p *Proxy) ownMark(u sip.URI, req *sip.Request) bool {
	mark, ok := u.Param(markParam)
	if !ok {
		return false
	}
	if p.ep.Owns(u) {
		return true
	}
	if _, ok := p.vouches(mark, req, req.URI); ok {
		return true
	}
	hops := 0
	for a, err := range req.Addresses("Route") {
		if hops++; err != nil || hops > maxPeerHops {
			break
		}
		if _, ok := p.vouches(mark, req, a.URI); ok {
			return true
		}
	}
	return false
}

// maxPeerHops bounds the hops that the mark of another proxy is tried with: its
// two values are followed by the one that it leads to.
const maxPeerHops = 4

// vouches tells whether a mark was made for whoever sends req, in the dialog
// that it claims to be in, and for this next hop; and over which flow that is
// reached, if there is no other way.
func (p *Proxy) vouches(mark string, req *sip.Request, next sip.URI) (onward sip.Flow, ok bool) {
	from, err := req.From()
	if err != nil {
		return sip.Flow{}, false
	}
	to, err := req.To()
	if err != nil || to.Tag() == "" {
		return sip.Flow{}, false
	}
	hop := hopOf(next)
	if hop == "" {
		return sip.Flow{}, false
	}
	token, ok := p.keys.Open(mark, markOn, req.CallID(), from.Tag(), hop)
	if !ok {
		token, ok = p.keys.Open(mark, markBack, req.CallID(), to.Tag(), hop)
	}
	if !ok || len(token) == 0 {
		return sip.Flow{}, ok
	}
	return parseFlow(token)
}

// mark makes a mark for one of the parties to the dialog that req opens or is
// in; next is the hop. Without a hop nothing can be vouched for.
func (p *Proxy) mark(party string, req *sip.Request, next sip.URI, onward sip.Flow) string {
	from, _ := req.From() // it was sound when it came
	var token []byte
	if !onward.IsZero() {
		token = appendFlow(nil, onward)
	}
	return p.keys.Seal(token, party, req.CallID(), from.Tag(), hopOf(next))
}

// nextHop is where a request goes whose Route has no value of ours any more.
func nextHop(r *sip.Request) sip.URI {
	if r.Has("Route") {
		if top, err := r.Address("Route"); err == nil {
			return top.URI
		}
	}
	return r.URI
}

// hopOf is the network, host and port that a URI leads to, in the form that marks
// are signed for; "" if nothing can be sent there. With the host alone, whoever is
// in a dialog could aim at each port of it: at what else runs there, and at the
// connections of others behind the same NAT.
func hopOf(u sip.URI) string {
	if hop, ok := resolve.Numeric(u); ok {
		return hop.Network + " " + hop.Addr.String()
	}
	if !u.IsSIP() {
		return ""
	}
	host := u.Host()
	if maddr, _ := u.Param("maddr"); maddr != "" {
		host = maddr
	}
	host = strings.ToLower(strings.TrimRight(host, "."))
	if host == "" {
		return ""
	}
	network, _ := u.Param("transport")
	return u.Scheme() + " " + strings.ToLower(network) + " " + sip.HostPort{Host: host, Port: u.Port()}.String()
}

// leadsTo is the hop that requests to a party go to which sent h on a flow: the
// proxy that is in before, which recorded itself in a route, or else the party's
// Contact, and then perhaps by that flow alone.
func leadsTo(before sip.Address, h *sip.Header, came sip.Flow) (next sip.URI, onward sip.Flow) {
	if !before.URI.IsZero() {
		return before.URI, sip.Flow{}
	}
	contact, _ := h.Address("Contact") // if that is missing, too, nothing is sent there
	if transport.OnlyByFlow(contact.URI, came) {
		onward = came
	}
	return contact.URI, onward
}

// backMark is the mark that a request carries on. What comes back goes to the
// proxy that the request came through before, or else to the sender.
func (p *Proxy) backMark(c *Call) string {
	before, _ := c.Request.Address("Record-Route")
	next, onward := leadsTo(before, &c.Request.Header, c.Flow)
	return p.mark(markBack, c.Request, next, onward)
}

// remark puts the mark for the sender of the request into a response, which came
// on a flow. The sender's requests go to the proxy that recorded itself after us,
// or else to whoever sent the response.
func (p *Proxy) remark(resp *sip.Response, came sip.Flow, req *sip.Request, back string) {
	if back == "" || !resp.Has("Record-Route") {
		return
	}
	last, found := "", false // the value before ours
	for v := range resp.Values("Record-Route") {
		if found = strings.Contains(v, back); found {
			break
		}
		last = v
	}
	if !found {
		return
	}
	before, _ := sip.ParseAddress(last)
	next, onward := leadsTo(before, &resp.Header, came)
	on := p.mark(markOn, req, next, onward)
	resp.Edit("Record-Route", func(v string) string { return strings.ReplaceAll(v, back, on) })
}
