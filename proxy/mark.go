package proxy

import (
	"net/netip"
	"strings"

	"github.com/patchbay-sip/patchbay/sip"
)

// The mark in a Record-Route URI: a parameter that holds a signature over the
// dialog, the party that is to use it and the host that this party's requests
// go to next. What one party gets is of no use to the other, nor for another
// destination. The request carries the one for whoever gets it; each response
// brings the one for whoever sent it (RFC 3261 section 16.7 item 8), since only
// then it is known where the dialog leads.
const (
	markParam = "pb"
	markBack  = "record-route back" // from whoever gets the recorded request to its sender
	markOn    = "record-route on"   // from its sender to whoever gets it
)

// InDialog tells whether req belongs to a dialog that was set up through this
// proxy, or one that shares its keys, and goes where that dialog leads: it has
// a To tag, a Route of ours whose mark was signed for its Call-ID, one of its
// two tags and the host that is the next hop, and a Request-URI that is not in
// one of our domains. Such a request passes the Gate unasked and need not be
// authenticated again.
//
// A request within a dialog for one of our domains is routed anew, and is judged
// anew: else whoever once called one of us had a key to all our routers. One to
// a party that has moved to another host since is judged anew, too.
func (p *Proxy) InDialog(req *sip.Request) bool {
	if !isMarked(req) {
		return false
	}
	r, inDialog, err := p.preprocess(req, sip.Flow{})
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
	if p.ep.Owns(u) || p.vouches(mark, req, req.URI) {
		return true
	}
	hops := 0
	for a, err := range req.Addresses("Route") {
		if hops++; err != nil || hops > maxPeerHops {
			break
		}
		if p.vouches(mark, req, a.URI) {
			return true
		}
	}
	return false
}

// maxPeerHops bounds the hops that the mark of another proxy is tried with: its
// two values are followed by the one that it leads to.
const maxPeerHops = 4

// vouches tells whether a mark was made for whoever sends req, in the dialog
// that it claims to be in, and for this next hop.
func (p *Proxy) vouches(mark string, req *sip.Request, next sip.URI) bool {
	from, err := req.From()
	if err != nil {
		return false
	}
	to, err := req.To()
	if err != nil || to.Tag() == "" {
		return false
	}
	host := hopHost(next)
	return host != "" && (p.keys.Verify(mark, markOn, req.CallID(), from.Tag(), host) ||
		p.keys.Verify(mark, markBack, req.CallID(), to.Tag(), host))
}

// mark makes a mark for one of the parties to the dialog that req opens or is
// in; next is the hop. Without a hop nothing can be vouched for.
func (p *Proxy) mark(party string, req *sip.Request, next sip.Address) string {
	from, _ := req.From() // it was sound when it came
	return p.keys.Sign(party, req.CallID(), from.Tag(), hopHost(next.URI))
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

// hopHost is the host that a URI leads to, in the form that marks are signed
// for; "" if it is no SIP URI.
func hopHost(u sip.URI) string {
	if !u.IsSIP() {
		return ""
	}
	host := u.Host()
	if maddr, ok := u.Param("maddr"); ok {
		host = strings.Trim(maddr, "[]")
	}
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.Unmap().String()
	}
	return strings.ToLower(strings.TrimRight(host, "."))
}

// backMark is the mark that a request carries on. What comes back goes to the
// proxy that the request came through before, or else to the sender's Contact.
func (p *Proxy) backMark(req *sip.Request) string {
	next, err := req.Address("Record-Route")
	if err != nil {
		next, _ = req.Address("Contact") // if that is missing, too, nothing comes back
	}
	return p.mark(markBack, req, next)
}

// remark puts the mark for the sender of the request into a response. The
// sender's requests go to the proxy that recorded itself after us, or else to
// the Contact.
func (p *Proxy) remark(resp *sip.Response, req *sip.Request, back string) {
	if back == "" || !resp.Has("Record-Route") {
		return
	}
	before, found := "", false // the value before ours
	for v := range resp.Values("Record-Route") {
		if found = strings.Contains(v, back); found {
			break
		}
		before = v
	}
	if !found {
		return
	}
	var next sip.Address
	if before != "" {
		next, _ = sip.ParseAddress(before)
	} else {
		next, _ = resp.Address("Contact")
	}
	on := p.mark(markOn, req, next)
	resp.Edit("Record-Route", func(v string) string { return strings.ReplaceAll(v, back, on) })
}
