package proxy

import (
	"strings"

	"github.com/patchbay-sip/patchbay/sip"
)

// recordRoute inserts the proxy into the route set of the dialog that r opens
// or refreshes (RFC 3261 section 16.6 item 4). in is the flow that the request
// came on and out the one that it leaves on. When the two differ in socket or
// network there are two values, so that either side finds the one it can
// reach; the later one is nearer to the callee and stands on top.
func (p *Proxy) recordRoute(r *sip.Request, mark string, in, out sip.Flow) {
	secure := isSecure(r.URI) || isSecure(nextHop(r))
	near, far := p.recordURI(in, mark, secure), p.recordURI(out, mark, secure)
	r.Prepend("Record-Route", near)
	if far != near {
		r.Prepend("Record-Route", far)
	}
}

// recordURI is the Record-Route value for one side. Where the request is secure,
// it is a sips URI; not, however, for a side that did not come by TLS and could not
// send there (RFC 3261 section 16.7 item 8).
func (p *Proxy) recordURI(f sip.Flow, mark string, secure bool) string {
	secure = secure && f.IsSecure()
	var b strings.Builder
	b.Grow(96)
	b.WriteString("<sip")
	if secure {
		b.WriteByte('s')
	}
	b.WriteByte(':')
	b.WriteString(p.ep.SentBy(f).String())
	if network := f.TransportParam(secure); network != "" {
		b.WriteString(";transport=")
		b.WriteString(network)
	}
	b.WriteString(";lr;")
	b.WriteString(markParam)
	b.WriteByte('=')
	b.WriteString(mark)
	b.WriteByte('>')
	return b.String()
}

func isSecure(u sip.URI) bool { return u.Scheme() == "sips" }

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
