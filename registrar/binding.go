package registrar

import (
	"strconv"
	"time"

	"github.com/patchbay-sip/patchbay/sip"
)

// A Binding ties a contact to an address-of-record until it expires. It is a
// value: a copy of it shares nothing that changes. Every field can be written
// as text and read back (encoding/json does).
type Binding struct {
	AOR     sip.AOR
	Contact sip.URI
	// Params are the contact's parameters other than q and expires.
	Params sip.Params
	// Q is the contact's preference; QMax where it gave none.
	Q sip.Q
	// Expires is when the binding ends; the zero time means never.
	Expires time.Time
	// CallID and CSeq are those of the REGISTER that made or refreshed it.
	CallID string
	CSeq   uint32
	// Flow is the one that the REGISTER came on.
	Flow sip.Flow
	// UserAgent is what the REGISTER said of itself, cut at 128 bytes.
	UserAgent string
	// Updated is when the binding was made or refreshed.
	Updated time.Time
}

// Expired tells whether the binding has ended at a time.
func (b Binding) Expired(at time.Time) bool {
	return !b.Expires.IsZero() && !b.Expires.After(at)
}

// live appends those of bindings that have not expired to dst.
func live(dst, bindings []Binding, at time.Time) []Binding {
	for _, b := range bindings {
		if !b.Expired(at) {
			dst = append(dst, b)
		}
	}
	return dst
}

// appendContact appends the value of the Contact field that tells a client of b
// (RFC 3261 section 10.3 step 8). What is left of a second counts as a whole
// one, so that a client which has just been granted an hour reads 3600. A
// binding that never ends is said to last for forever.
func (b Binding) appendContact(dst []byte, at time.Time, forever time.Duration) []byte {
	dst = append(dst, '<')
	dst = append(dst, b.Contact.String()...)
	dst = append(dst, '>')
	dst = append(dst, b.Params.String()...)
	if b.Q < sip.QMax {
		dst = append(append(dst, ";q="...), b.Q.String()...)
	}
	left := forever
	if !b.Expires.IsZero() {
		left = b.Expires.Sub(at)
	}
	dst = append(dst, ";expires="...)
	return strconv.AppendInt(dst, int64((left+time.Second-1)/time.Second), 10)
}
