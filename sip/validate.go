package sip

import (
	"errors"
	"slices"
	"strings"
)

// Validate tells which response an element must give to a request that cannot
// be processed (RFC 3261 sections 8.2 and 16.3): 505 for the version, 400 for a
// missing, repeated or malformed To, From, Call-ID, CSeq, Via or Max-Forwards,
// for a CSeq method that is another than the request's, for a Request-URI that
// is missing or has headers (19.1.5), and 416 for one whose scheme is not sip,
// sips or tel. It is nil, or a *StatusError whose reason names the field.
//
// A request without Via, or with one that is malformed, cannot be answered.
func (r *Request) Validate() error {
	if r.version != "" && !equalFold(r.version, sipVersion) {
		return &StatusError{Code: 505}
	}
	if err := r.validateFields(); err != nil {
		return err
	}
	cseq, err := r.CSeq()
	if err != nil {
		return badField("CSeq", err)
	}
	if cseq.Method != r.Method {
		return &StatusError{Code: 400, Reason: "CSeq method does not match the request"}
	}
	if err := r.validateMaxForwards(); err != nil {
		return err
	}
	switch {
	case r.URI.IsZero():
		return &StatusError{Code: 400, Reason: "Malformed Request-URI"}
	case r.URI.kind == otherURI:
		return &StatusError{Code: 416}
	case r.URI.Headers() != "":
		return &StatusError{Code: 400, Reason: "Request-URI has headers"}
	}
	return nil
}

func (r *Request) validateMaxForwards() error {
	if _, err := r.Uint("Max-Forwards"); err != nil && !errors.Is(err, ErrNoField) {
		return badField("Max-Forwards", err)
	}
	if r.count(hMaxForwards) > 1 {
		return &StatusError{Code: 400, Reason: "Repeated Max-Forwards"}
	}
	return nil
}

// Validate tells whether a response can be processed; one that cannot is
// dropped. It asks for a version that is known and for Via, From, To, Call-ID
// and CSeq, each sound and there once.
func (r *Response) Validate() error {
	if r.version != "" && !equalFold(r.version, sipVersion) {
		return &StatusError{Code: 505}
	}
	if err := r.validateFields(); err != nil {
		return err
	}
	if _, err := r.CSeq(); err != nil {
		return badField("CSeq", err)
	}
	return nil
}

// validateFields looks at the fields that every message must have.
func (h *Header) validateFields() error {
	if _, err := h.Via(); err != nil {
		return badField("Via", err)
	}
	if _, err := h.From(); err != nil {
		return badField("From", err)
	}
	if _, err := h.To(); err != nil {
		return badField("To", err)
	}
	if h.CallID() == "" {
		return badField("Call-ID", ErrNoField)
	}
	for _, id := range [...]headerID{hFrom, hTo, hCallID, hCSeq} {
		if h.count(id) > 1 {
			return &StatusError{Code: 400, Reason: "Repeated " + headerNames[id]}
		}
	}
	return nil
}

// count returns how many fields have that id.
func (h *Header) count(id headerID) (n int) {
	for i := range h.fields {
		if h.fields[i].id == id {
			n++
		}
	}
	return n
}

// badField is the answer to a field that is missing or malformed.
func badField(name string, err error) error {
	reason := "Malformed " + name
	if errors.Is(err, ErrNoField) {
		reason = "Missing " + name
	}
	return &StatusError{Code: 400, Reason: reason, Err: err}
}

// maxUnsupported bounds the option tags that a 420 names. A tag can be a single
// letter of a request, and would grow the response to many times its size.
const maxUnsupported = 32

// Unsupported tells whether a request asks for extensions beyond those that the
// caller knows: with field "Require" for a user agent (RFC 3261 section
// 8.2.2.3), "Proxy-Require" for a proxy (16.3). It is nil, or a *StatusError
// with code 420 and an Unsupported field that names them, up to 32.
func (r *Request) Unsupported(field string, known ...string) error {
	var tags []string
	r.each(field, func(tag string) bool {
		if !slices.ContainsFunc(known, func(k string) bool { return equalFold(k, tag) }) {
			tags = append(tags, tag)
		}
		return len(tags) < maxUnsupported
	})
	if len(tags) == 0 {
		return nil
	}
	e := &StatusError{Code: 420}
	e.Header.Set("Unsupported", strings.Join(tags, ", "))
	return e
}
