package proxy

import (
	"github.com/patchbay-sip/patchbay/sip"
)

// allow lists the methods that the proxy passes on or answers. An unknown
// method passes as well (RFC 3261 section 16.3 item 1).
const allow = "INVITE, ACK, BYE, CANCEL, OPTIONS, PRACK, UPDATE, MESSAGE, REFER, PUBLISH, INFO, SUBSCRIBE, NOTIFY"

// asksProxy tells whether the request is an OPTIONS to the proxy itself: no
// user in a Request-URI of ours, and no other place to visit.
func (p *Proxy) asksProxy(c *Call) bool {
	r := c.Request
	return r.Method == sip.OPTIONS && !c.Preset && r.URI.User() == "" && p.ours(r.URI)
}

// options answers an OPTIONS to the proxy itself (RFC 3261 section 11.2). That
// holds with Max-Forwards 0 as well (16.3 item 3).
func options(req *sip.Request) *sip.Response {
	resp := sip.NewResponse(req, 200)
	resp.Add("Allow", allow)
	resp.Add("Accept", "*/*")
	resp.Add("Accept-Encoding", "identity")
	resp.Add("Accept-Language", "en")
	resp.Add("Supported", "")
	return resp
}
