package proxy

import (
	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/transaction"
)

// asksProxy tells whether the request is an OPTIONS to the proxy itself: no
// user in a Request-URI of ours, and no other place to visit.
func (p *Proxy) asksProxy(c *Call) bool {
	r := c.Request
	return r.Method == sip.OPTIONS && !c.Preset && r.URI.User() == "" && p.ours(r.URI)
}

// options answers an OPTIONS to the proxy itself, with Max-Forwards 0 as well
// (RFC 3261 section 16.3 item 3). There the proxy is a user agent server (16.1),
// and Require is for it. Allow is left out, since any method passes (11.2).
func options(req *sip.Request, tx *transaction.ServerTx) error {
	if err := req.Unsupported("Require"); err != nil {
		return err
	}
	resp := sip.NewResponse(req, 200)
	resp.Add("Accept", "*/*")
	resp.Add("Accept-Encoding", "identity")
	resp.Add("Accept-Language", "en")
	resp.Add("Supported", "")
	return tx.RespondOnce(resp)
}
