package proxy

import (
	"strings"

	"github.com/patchbay-sip/patchbay/sip"
)

// The mark in a Record-Route URI: a parameter that holds a signature.
const (
	markParam   = "pb"
	markPurpose = "record-route"
)

// InDialog tells whether req belongs to a dialog that was set up through this
// proxy, or one that shares its keys, and goes where that dialog leads: it has
// a To tag, its topmost Route bears a mark that was signed for its Call-ID and
// one of its two tags, and its Request-URI is not in one of our domains. Such a
// request passes the Gate unasked and need not be authenticated again.
//
// A request within a dialog for one of our domains is routed anew, and is judged
// anew: else whoever once called one of us had a key to all our routers.
func (p *Proxy) InDialog(req *sip.Request) bool {
	if _, ok := p.opener(req); !ok {
		return false
	}
	u := req.URI
	if p.ownMark(u, req) { // a strict router put the real one last
		for a, err := range req.Addresses("Route") {
			if err != nil {
				return false
			}
			u = a.URI
		}
	}
	_, ours := p.domains.Lookup(u)
	return !ours
}

// opener returns the tag of whoever opened the dialog that req is in, if a mark
// of ours vouches for it. The mark stands in the topmost Route, or in the
// Request-URI when a strict router sent the request (RFC 3261 section 16.4).
func (p *Proxy) opener(req *sip.Request) (tag string, ok bool) {
	if tag, ok = p.markedBy(req.URI, req); ok {
		return tag, true
	}
	if !req.Has("Route") {
		return "", false
	}
	top, err := req.Address("Route")
	if err != nil {
		return "", false
	}
	return p.markedBy(top.URI, req)
}

// ownMark tells whether u is a Record-Route URI of ours: one with the mark of
// this dialog, or with any mark and an address that we listen on.
func (p *Proxy) ownMark(u sip.URI, req *sip.Request) bool {
	if _, ok := u.Param(markParam); !ok {
		return false
	}
	if p.ep.Owns(u) {
		return true
	}
	_, ok := p.markedBy(u, req)
	return ok
}

// markedBy checks the mark of a URI against the dialog that req claims to be
// in, and returns the tag it was signed for. The opener's tag is in From on
// requests one way and in To on those the other way.
func (p *Proxy) markedBy(u sip.URI, req *sip.Request) (tag string, ok bool) {
	mark, ok := u.Param(markParam)
	if !ok {
		return "", false
	}
	from, err := req.From()
	if err != nil {
		return "", false
	}
	to, err := req.To()
	if err != nil || to.Tag() == "" {
		return "", false
	}
	callID := req.CallID()
	for _, tag := range [2]string{from.Tag(), to.Tag()} {
		if p.keys.Verify(mark, markPurpose, callID, tag) {
			return tag, true
		}
	}
	return "", false
}

// recordRoute inserts the proxy into the route set of the dialog that r opens
// or refreshes (RFC 3261 section 16.6 item 4). in is the flow that the request
// came on and out the one that it leaves on. When the two differ in socket or
// network there are two values, so that either side finds the one it can
// reach; the later one is nearer to the callee and stands on top.
func (p *Proxy) recordRoute(r *sip.Request, opener string, in, out sip.Flow) {
	if !recordsRoute(r.Method) {
		return
	}
	mark := p.keys.Sign(markPurpose, r.CallID(), opener)
	near, far := p.recordURI(in, mark), p.recordURI(out, mark)
	r.Prepend("Record-Route", near)
	if far != near {
		r.Prepend("Record-Route", far)
	}
}

// recordURI is the Record-Route value for one side.
func (p *Proxy) recordURI(f sip.Flow, mark string) string {
	var b strings.Builder
	b.Grow(96)
	b.WriteString("<sip:")
	b.WriteString(p.ep.SentBy(f).String())
	if f.Network != "udp" {
		b.WriteString(";transport=")
		b.WriteString(f.Network)
	}
	b.WriteString(";lr;")
	b.WriteString(markParam)
	b.WriteByte('=')
	b.WriteString(mark)
	b.WriteByte('>')
	return b.String()
}

// recordsRoute tells whether a request of this method may open a dialog or
// refresh its route set. An unknown method may (RFC 3261 section 16.6 item 4).
func recordsRoute(m sip.Method) bool {
	switch m {
	case sip.ACK, sip.BYE, sip.CANCEL, sip.OPTIONS, sip.REGISTER, sip.PRACK,
		sip.MESSAGE, sip.PUBLISH, sip.INFO:
		return false
	}
	return true
}
