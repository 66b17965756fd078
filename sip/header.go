package sip

import "iter"

// A Header is the ordered list of a message's header fields. Names are
// compared without regard to case, and a compact form is the same name as its
// long form (RFC 3261 section 7.3.3): Get("Call-ID") finds "i: abc".
//
// Fields that nobody touches are written byte for byte as they came. Values
// given to Set, Add and Prepend have CR, LF and NUL replaced by spaces, so that
// no value can add a field of its own.
//
// The zero Header is empty and ready for use. A Header must not be copied
// after its first use other than by Clone.
type Header struct {
	fields []field
}

// field is one header field line.
type field struct {
	text string // the whole field without its last CRLF, folding kept
	name uint32 // length of the name as written
	val  uint32 // where the trimmed value begins in text
	end  uint32 // where it ends
	id   headerID
}

type headerID uint8

// Get returns the value of the first field of that name, unfolded and
// trimmed, or "" if there is none. A list in one field comes back whole.
func (h *Header) Get(name string) string { panic("stub") }

// Has tells whether there is a field of that name.
func (h *Header) Has(name string) bool { panic("stub") }

// Values yields each value of the fields of that name in order. Comma lists
// are taken apart where RFC 3261 lets a list stand for repeated fields
// (section 7.3.1); Authorization and the like are not lists. Empty elements
// are left out.
func (h *Header) Values(name string) iter.Seq[string] { panic("stub") }

// HasToken tells whether one of the field's values equals token without regard
// to case, as for Supported, Require and Allow.
func (h *Header) HasToken(name, token string) bool { panic("stub") }

// All yields name and unfolded value of each field in the order of the
// message. The name is as it came, compact perhaps.
func (h *Header) All() iter.Seq2[string, string] { panic("stub") }

// Len returns the number of fields.
func (h *Header) Len() int { return len(h.fields) }

// Set replaces the first field of that name, in its place, and removes the
// others; without one it appends.
func (h *Header) Set(name, value string) { panic("stub") }

// Add appends a field.
func (h *Header) Add(name, value string) { panic("stub") }

// Prepend puts a field in front of the first one of that name, or in front of
// all fields if there is none.
func (h *Header) Prepend(name, value string) { panic("stub") }

// Del removes each field of that name.
func (h *Header) Del(name string) { panic("stub") }

// PopFirst removes the first value of the field, a list's first element
// included, and returns it; the rest of the list stays as it is.
func (h *Header) PopFirst(name string) (string, bool) { panic("stub") }

// Copy appends the fields of that name from src, in order and byte for byte.
func (h *Header) Copy(src *Header, name string) { panic("stub") }

// Clone returns a copy that shares no state with h.
func (h *Header) Clone() Header { panic("stub") }

// Via returns the topmost Via value. Without one the error matches ErrNoField.
func (h *Header) Via() (Via, error) { panic("stub") }

// Vias yields the Via values from the top down; one that cannot be parsed
// comes with an error and ends the sequence.
func (h *Header) Vias() iter.Seq2[Via, error] { panic("stub") }

// PushVia puts v on top.
func (h *Header) PushVia(v Via) { panic("stub") }

// PopVia removes and returns the topmost Via.
func (h *Header) PopVia() (Via, error) { panic("stub") }

// SetVia replaces the topmost Via, as a server does that adds received and
// rport (RFC 3261 section 18.2.1, RFC 3581 section 4).
func (h *Header) SetVia(v Via) error { panic("stub") }

// From returns the From field. Without one the error matches ErrNoField.
func (h *Header) From() (Address, error) { return h.Address("From") }

// To returns the To field. Without one the error matches ErrNoField.
func (h *Header) To() (Address, error) { return h.Address("To") }

// CallID returns the Call-ID, or "" if there is none.
func (h *Header) CallID() string { panic("stub") }

// CSeq returns the CSeq field. Without one the error matches ErrNoField.
func (h *Header) CSeq() (CSeq, error) { panic("stub") }

// Address returns the first value of a field of addresses: From, To, Contact,
// Route, Record-Route, Path, Refer-To, P-Asserted-Identity and so on. Without
// one the error matches ErrNoField. "Contact: *" is an error: see Wildcard.
func (h *Header) Address(name string) (Address, error) { panic("stub") }

// Addresses yields each value of a field of addresses in order; one that
// cannot be parsed comes with an error and ends the sequence.
func (h *Header) Addresses(name string) iter.Seq2[Address, error] { panic("stub") }

// Wildcard tells whether a Contact value is "*" (RFC 3261 section 10.2.2).
func (h *Header) Wildcard() bool { panic("stub") }

// Uint returns the number that a field holds: Max-Forwards, Expires,
// Min-Expires, Content-Length, RSeq. Without one the error matches ErrNoField;
// what is no number or passes 2^32-1 is a *ParseError.
func (h *Header) Uint(name string) (uint32, error) { panic("stub") }
