package sip

import (
	"iter"
	"math"
)

// Via returns the topmost Via value. Without one the error matches ErrNoField.
func (h *Header) Via() (v Via, err error) {
	p, ok := h.first(hVia, "Via")
	if !ok {
		return v, ErrNoField
	}
	if off, reason := v.scan(h.at(p)); reason != "" {
		return Via{}, viaError(off, reason)
	}
	return v, nil
}

// Vias yields the Via values from the top down; one that cannot be parsed
// comes with an error and ends the sequence.
func (h *Header) Vias() iter.Seq2[Via, error] {
	return func(yield func(Via, error) bool) {
		h.each("Via", func(s string) bool {
			v, err := parseVia(s)
			return yield(v, err) && err == nil
		})
	}
}

// PushVia puts v on top.
func (h *Header) PushVia(v Via) {
	b := h.open()
	off := len(b)
	b = append(b, "Via: "...)
	h.prepend(h.seal(v.append(b), off, "Via"))
}

// PopVia removes and returns the topmost Via. One that cannot be parsed stays.
func (h *Header) PopVia() (Via, error) {
	p, ok := h.first(hVia, "Via")
	if !ok {
		return Via{}, ErrNoField
	}
	v, err := parseVia(h.at(p))
	if err == nil {
		h.replace(p, nil)
	}
	return v, err
}

// SetVia replaces the topmost Via, as a server does that adds received and
// rport (RFC 3261 section 18.2.1, RFC 3581 section 4). Without one the error
// matches ErrNoField.
func (h *Header) SetVia(v Via) error {
	p, ok := h.first(hVia, "Via")
	if !ok {
		return ErrNoField
	}
	var buf [256]byte
	b := v.append(buf[:0])
	keepLine(b)
	h.replace(p, b)
	return nil
}

// From returns the From field. Without one the error matches ErrNoField.
func (h *Header) From() (Address, error) { return h.address(hFrom, "From") }

// To returns the To field. Without one the error matches ErrNoField.
func (h *Header) To() (Address, error) { return h.address(hTo, "To") }

// CallID returns the Call-ID, or "" if there is none.
func (h *Header) CallID() string {
	i := h.index(hCallID, "Call-ID", 0)
	if i < 0 {
		return ""
	}
	return h.value(&h.fields[i])
}

// CSeq returns the CSeq field. Without one the error matches ErrNoField.
func (h *Header) CSeq() (CSeq, error) {
	p, ok := h.first(hCSeq, "CSeq")
	if !ok {
		return CSeq{}, ErrNoField
	}
	return parseCSeq(h.at(p))
}

// Address returns the first value of a field of addresses: From, To, Contact,
// Route, Record-Route, Path, Refer-To, P-Asserted-Identity and so on. Without
// one the error matches ErrNoField. "Contact: *" is an error: see Wildcard.
func (h *Header) Address(name string) (Address, error) {
	return h.address(lookupName(name), name)
}

func (h *Header) address(id headerID, name string) (a Address, err error) {
	p, ok := h.first(id, name)
	if !ok {
		return a, ErrNoField
	}
	if off, reason := a.scan(h.at(p)); reason != "" {
		return Address{}, addressError(name, off, reason)
	}
	return a, nil
}

// Addresses yields each value of a field of addresses in order; one that
// cannot be parsed comes with an error and ends the sequence.
func (h *Header) Addresses(name string) iter.Seq2[Address, error] {
	return func(yield func(Address, error) bool) {
		h.each(name, func(s string) bool {
			a, err := parseFieldAddress(name, s)
			return yield(a, err) && err == nil
		})
	}
}

func parseFieldAddress(name, s string) (a Address, err error) {
	if off, reason := a.scan(s); reason != "" {
		return Address{}, addressError(name, off, reason)
	}
	return a, nil
}

func addressError(name string, off int, reason string) error {
	return &ParseError{name, off, reason, "RFC 3261 20.10", 400}
}

// Wildcard tells whether a Contact value is "*" (RFC 3261 section 10.2.2).
func (h *Header) Wildcard() bool {
	found := false
	h.each("Contact", func(s string) bool {
		found = s == "*"
		return !found
	})
	return found
}

// Uint returns the number that a field holds: Max-Forwards, Expires,
// Min-Expires, Content-Length, RSeq. Without one the error matches ErrNoField;
// what is no number or passes 2^32-1 is a *ParseError.
func (h *Header) Uint(name string) (uint32, error) {
	p, ok := h.first(lookupName(name), name)
	if !ok {
		return 0, ErrNoField
	}
	n, ok := parseUint(h.at(p), math.MaxUint32)
	if !ok {
		return 0, &ParseError{name, 0, "not a number below 2^32", "RFC 3261 25.1", 400}
	}
	return uint32(n), nil
}
