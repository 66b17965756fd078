package proxy

import (
	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/digest"
	"github.com/patchbay-sip/patchbay/transaction"
)

// A Call is there for requests of all methods, not INVITE alone: each request
// that wants a way through the proxy is one, and is what a Gate and a Router
// judge. It must not be changed.
type Call struct {
	// Request is the caller's, less the Route values that named this proxy
	// (RFC 3261 section 16.4). Branch.Edit changes what is sent.
	Request *sip.Request
	// Domain is the one of ours that the Request-URI belongs to, "" if none.
	Domain string
	// AOR is the canonical address-of-record that the Request-URI names, with
	// Domain as its host. It is "" when that is "", and when there is no user.
	AOR sip.AOR
	// Preset tells that a Route field is left: the request wants to go to
	// places that the sender chose.
	Preset bool
	// Flow is the one that the request came on; Flow.Remote is the sender.
	Flow sip.Flow
	// Caller is who the sender was proven to be, or zero.
	Caller digest.Identity

	inDialog bool     // a mark of ours vouches for where it goes
	onward   sip.Flow // the one way there, if the mark says that there is no other
	loop     string   // see loopSuffix
}

// vouched tells whether the request may pass without being judged: see
// Proxy.InDialog.
func (c *Call) vouched() bool { return c.inDialog && c.Domain == "" }

// receive makes a Call of a request (RFC 3261 sections 16.3 and 16.4).
func (p *Proxy) receive(req *sip.Request, tx *transaction.ServerTx) (*Call, error) {
	if err := validateExtensions(req); err != nil {
		return nil, err
	}
	c := &Call{Flow: tx.Flow(), Caller: tx.Identity()}
	var err error
	if c.Request, c.onward, c.inDialog, err = p.preprocess(req, c.Flow); err != nil {
		return nil, err
	}
	c.Preset = c.Request.Has("Route")
	// With a maddr that is not ours the request goes there, whatever domain
	// the Request-URI names (RFC 3261 section 16.5).
	if _, maddr := c.Request.URI.Param("maddr"); !maddr {
		c.Domain, _ = p.domains.Lookup(c.Request.URI)
	}
	if c.Domain != "" && c.Request.URI.User() != "" {
		c.AOR, _ = p.domains.AOR(c.Request.URI)
	}
	return c, nil
}
