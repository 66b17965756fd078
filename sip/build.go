package sip

import (
	"crypto/rand"
	"errors"
)

// usualMaxForwards is what a client begins with (RFC 3261 section 8.1.1.6).
const usualMaxForwards = "70"

// NewRequest makes a request outside of any dialog with the fields that RFC
// 3261 section 8.1.1 asks for: From (a tag is added), To, Call-ID, CSeq 1,
// Max-Forwards 70. Via is added when it is sent. Content-Length is 0 until
// SetBody.
func NewRequest(m Method, uri URI, from, to Address) *Request {
	if from.Tag() == "" {
		from = from.WithTag(NewTag())
	}
	r := newRequest()
	r.Method, r.URI = m, uri
	r.Set("Max-Forwards", usualMaxForwards)
	r.Set("From", from.String())
	r.Set("To", to.String())
	r.Set("Call-ID", NewCallID())
	r.Set("CSeq", CSeq{1, m}.String())
	r.Set("Content-Length", "0")
	return r
}

// NewResponse makes a response to req (RFC 3261 section 8.2.6): Via, From, To,
// Call-ID and CSeq are copied byte for byte, Timestamp into a 100, and
// Record-Route where the response can form a dialog (12.1.1). Above 100, a To
// without a tag gets one: the same in each response to req. The reason phrase is
// the registered one; Content-Length is 0 until SetBody.
//
// Several goroutines may make responses to one request at a time.
func NewResponse(req *Request, code int) *Response {
	r := newResponse()
	r.StatusCode, r.Reason = code, ReasonPhrase(code)
	r.Copy(&req.Header, "Via")
	if code > 100 && code < 300 && formsDialog(req.Method) {
		r.Copy(&req.Header, "Record-Route")
	}
	r.copyFirst(&req.Header, hFrom)
	r.copyFirst(&req.Header, hTo)
	if code > 100 {
		req.tagTo(&r.Header)
	}
	r.copyFirst(&req.Header, hCallID)
	r.copyFirst(&req.Header, hCSeq)
	if code == 100 {
		r.Copy(&req.Header, "Timestamp")
	}
	r.Set("Content-Length", "0")
	return r
}

// formsDialog tells whether a response to the method can establish a dialog
// (RFC 3261 section 12.1, RFC 6665 section 4.4.1, RFC 3515 section 2.4.4).
func formsDialog(m Method) bool {
	return m == INVITE || m == SUBSCRIBE || m == NOTIFY || m == REFER
}

// copyFirst appends the first field of that name from src.
func (h *Header) copyFirst(src *Header, id headerID) {
	if i := src.index(id, headerNames[id], 0); i >= 0 {
		h.fields = append(h.fields, h.adopt(src, src.fields[i]))
	}
}

// tagTo adds a tag to the To field of a response if it has none. A To that
// cannot be parsed stays as it is.
func (r *Request) tagTo(resp *Header) {
	i := resp.index(hTo, "To", 0)
	if i < 0 {
		return
	}
	to, err := resp.To()
	if err != nil || to.Params.Has("tag") {
		return
	}
	_, _, end := resp.span(&resp.fields[i])
	resp.replace(place{i, end, end, end + 1}, []byte(";tag="+r.responseTag()))
}

// responseTag returns the tag of the responses to r: section 8.2.6.2 wants the
// same in each, from whatever goroutine.
func (r *Request) responseTag() string {
	if tag := r.toTag.Load(); tag != nil {
		return *tag
	}
	tag := NewTag()
	if r.toTag.CompareAndSwap(nil, &tag) {
		return tag
	}
	return *r.toTag.Load()
}

// NewACK makes the ACK for a final response to invite. For a 300 to 699 it is
// the one of the transaction, with the INVITE's branch and Route (RFC 3261
// section 17.1.1.3). For a 2xx it goes to the response's Contact by its
// Record-Route (13.2.2.4), has no Via yet and is sent as a request of its own,
// with the INVITE's credentials (22.1). It is an error if the messages lack
// what the ACK needs.
func NewACK(invite *Request, resp *Response) (*Request, error) {
	if resp.StatusCode < 200 {
		return nil, errors.New("sip: ACK for a provisional response")
	}
	r, err := derive(invite, ACK)
	if err != nil {
		return nil, err
	}
	r.Del("To")
	r.copyFirst(&resp.Header, hTo)
	if resp.StatusCode >= 300 {
		err = r.sameTransaction(invite)
	} else {
		r.Copy(&invite.Header, "Authorization")
		r.Copy(&invite.Header, "Proxy-Authorization")
		err = r.routeLike(resp)
	}
	if err != nil {
		return nil, err
	}
	r.Set("Content-Length", "0")
	return r, nil
}

// derive makes a request with the identifiers of another.
func derive(req *Request, m Method) (*Request, error) {
	cseq, err := req.CSeq()
	if err != nil {
		return nil, err
	}
	r := newRequest()
	r.Method, r.URI = m, req.URI
	r.Set("Max-Forwards", usualMaxForwards)
	r.copyFirst(&req.Header, hFrom)
	r.copyFirst(&req.Header, hTo)
	r.copyFirst(&req.Header, hCallID)
	r.Set("CSeq", CSeq{cseq.Seq, m}.String())
	return r, nil
}

// sameTransaction gives r the topmost Via of req and its Route.
func (r *Request) sameTransaction(req *Request) error {
	via, err := req.Via()
	if err != nil {
		return err
	}
	r.Copy(&req.Header, "Route")
	r.PushVia(via)
	return nil
}

// routeLike sets Request-URI and Route of an ACK by a 2xx (RFC 3261 sections
// 12.1.2 and 12.2.1.1).
func (r *Request) routeLike(resp *Response) error {
	contact, err := resp.Address("Contact")
	if err != nil {
		return err
	}
	var routes []Address
	for a, err := range resp.Addresses("Record-Route") {
		if err != nil {
			return err
		}
		routes = append(routes, a)
	}
	// A Request-URI has neither (19.1.5, and section 19.1.1's table 1).
	target := contact.URI.WithoutParam("method").WithoutHeaders()
	if n := len(routes); n > 0 && !routes[n-1].URI.Params().Has("lr") {
		// A strict router takes its own address from the Request-URI, and the
		// target from the end of Route.
		r.URI = routes[n-1].URI.WithoutParam("method").WithoutHeaders()
		routes = append([]Address{{URI: target}}, routes[:n-1]...)
	} else {
		r.URI = target
	}
	for i := len(routes) - 1; i >= 0; i-- {
		r.Add("Route", routes[i].String())
	}
	return nil
}

// NewCancel makes the CANCEL for invite, with its branch, CSeq number and Route
// (RFC 3261 section 9.1). invite must have been sent: without Via or CSeq, those
// are missing from the CANCEL as well.
func NewCancel(invite *Request) *Request {
	r, err := derive(invite, CANCEL)
	if err != nil {
		r = newRequest()
		r.Method, r.URI = CANCEL, invite.URI
		return r
	}
	// Without a Via the CANCEL goes without one too, and no transaction matches.
	_ = r.sameTransaction(invite)
	r.Set("Content-Length", "0")
	return r
}

// NewTag returns a random tag of 64 bits (RFC 3261 section 19.3).
func NewTag() string { return string(appendRandom(nil, 8)) }

// NewBranch returns a random branch of 96 bits that begins with the magic
// cookie.
func NewBranch() string { return string(appendRandom([]byte(MagicCookie), 12)) }

// NewCallID returns a random Call-ID of 128 bits. It names no host, so that it
// tells nothing about the sender's network.
func NewCallID() string { return string(appendRandom(nil, 16)) }

// appendRandom appends n random octets in hex.
func appendRandom(b []byte, n int) []byte {
	var buf [16]byte
	// Read never fails: the program ends if the system has no randomness.
	_, _ = rand.Read(buf[:n])
	for _, c := range buf[:n] {
		b = append(b, lowerHex[c>>4], lowerHex[c&15])
	}
	return b
}

const lowerHex = "0123456789abcdef"
