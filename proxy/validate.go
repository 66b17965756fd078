package proxy

import (
	"errors"

	"github.com/patchbay-sip/patchbay/sip"
)

// maxForwards is what a request gets that has none, and the most that is
// forwarded of what a request claims (RFC 3261 sections 16.6 item 3 and 20.22).
const maxForwards = 70

// validateExtensions is the Proxy-Require check (RFC 3261 section 16.3 item 5).
// This proxy knows no extension that needs its help. An ACK has no answer, and
// must go where the INVITE went (8.2.2.3).
func validateExtensions(req *sip.Request) error {
	if req.Method == sip.ACK {
		return nil
	}
	return req.Unsupported("Proxy-Require")
}

// validateHops is the Max-Forwards check (RFC 3261 section 16.3 item 3).
func validateHops(req *sip.Request) error {
	n, err := req.Uint("Max-Forwards")
	switch {
	case errors.Is(err, sip.ErrNoField):
		return nil
	case err != nil:
		return badField("Max-Forwards", err)
	case n == 0:
		return &sip.StatusError{Code: 483}
	}
	return nil
}

// badField is the answer to a request with a malformed field that the proxy
// needs (RFC 3261 section 16.3 item 1).
func badField(name string, err error) error {
	return &sip.StatusError{Code: 400, Reason: "Bad " + name, Err: err}
}
