package proxy

import "github.com/patchbay-sip/patchbay/sip"

// A candidate is a final response that may be the best one. Without a response
// it is one of our own, and with code 0 none.
type candidate struct {
	code     int
	response *sip.Response
}

// better tells whether a is to be preferred to b (RFC 3261 section 16.7 item
// 6). Of two that are as good, the first to come stays.
func (a candidate) better(b candidate, invite bool) bool {
	return b.code == 0 || rank(a.code, invite) < rank(b.code, invite)
}

// rank orders final responses, the lowest first: 6xx, then by class; within a
// class first what tells the caller how to try again, and last what tells
// nothing.
func rank(code int, invite bool) int {
	class := code / 100 * 10
	switch {
	case code >= 600:
		return 0
	case code == 401, code == 407:
		return class
	case code == 415, code == 420, code == 484:
		return class + 1
	case code == 408 && !invite:
		return 100 // never sent (RFC 4320 section 4.2)
	case code == 408, code == 487, code == 503:
		return class + 3
	}
	return class + 2
}

// choose makes the final response of the context when nobody answered with a
// 2xx; nil means that none is to be sent. c.mu is held.
func (c *responseContext) choose() *sip.Response {
	switch {
	case c.canceled && c.best.code < 600 && c.terminated != nil:
		return c.terminated
	case c.canceled && c.best.response == nil:
		return sip.NewResponse(c.req, 487) // not that nobody answered in time
	case c.verdict != nil:
		return c.verdict
	case len(c.branches) == 0 && c.best.code == 0:
		return sip.NewResponse(c.req, 480) // an empty target set (16.5)
	case c.best.code == 408 && !c.invite:
		return nil // too late for the caller (RFC 4320 section 4.2)
	case c.best.code == 503:
		// That one target is out of service says nothing of us (16.7 item 6).
		return sip.NewResponse(c.req, 500)
	}
	resp := c.response(c.best)
	for _, other := range c.challenges { // item 7
		if other != resp && (resp.StatusCode == 401 || resp.StatusCode == 407) {
			resp.Copy(&other.Header, "WWW-Authenticate")
			resp.Copy(&other.Header, "Proxy-Authenticate")
		}
	}
	return resp
}

// response is the message of a candidate; nobody having answered is a 408.
func (c *responseContext) response(got candidate) *sip.Response {
	switch {
	case got.response != nil:
		return got.response
	case got.code != 0:
		return sip.NewResponse(c.req, got.code)
	}
	return sip.NewResponse(c.req, 408)
}

// refusal makes the response that an error describes.
func refusal(req *sip.Request, e *sip.StatusError) *sip.Response {
	resp := sip.NewResponse(req, e.Code)
	if e.Reason != "" {
		resp.Reason = e.Reason
	}
	for name, value := range e.Header.All() {
		resp.Add(name, value)
	}
	return resp
}
