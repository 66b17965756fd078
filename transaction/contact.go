package transaction

import (
	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/transport"
)

// contact is the value of a Contact at which we are reached by the other end of
// a flow; secure makes it a sips URI.
func contact(user string, t transport.Transport, f sip.Flow, secure bool) string {
	at := t.SentBy(f)
	u := sip.NewURI(user, at.Host, at.Port)
	if secure {
		u = u.Secured()
	}
	if network := f.TransportParam(secure); network != "" {
		u = u.WithParam("transport", network)
	}
	return sip.Address{URI: u}.String()
}

func isSecure(u sip.URI) bool { return u.Scheme() == "sips" }

// topIsSecure tells whether the first address of a field is a sips URI.
func topIsSecure(req *sip.Request, field string) bool {
	top, err := req.Address(field)
	return err == nil && isSecure(top.URI)
}

// asksSecure tells whether a request of ours must have a sips Contact (RFC 3261
// section 8.1.1.8).
func asksSecure(req *sip.Request) bool {
	return isSecure(req.URI) || topIsSecure(req, "Route")
}

// wantsSecure tells whether the answer to a request must have a sips Contact
// (RFC 3261 section 12.1.1).
func wantsSecure(req *sip.Request) bool {
	nearest := "Record-Route"
	if !req.Has(nearest) {
		nearest = "Contact"
	}
	return isSecure(req.URI) || topIsSecure(req, nearest)
}
