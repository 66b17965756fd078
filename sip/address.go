package sip

import "time"

// An Address is a name-addr or addr-spec with the header parameters behind it
// (RFC 3261 section 20.10): a value of From, To, Contact, Route and the like.
type Address struct {
	// Display is the display name, unquoted.
	Display string
	URI     URI
	// Params are the parameters of the header field, such as tag, q and
	// expires, not those of the URI.
	Params Params

	text string // as it was parsed; String prefers it while nothing differs
}

// ParseAddress parses a single value. Without angle brackets, parameters
// belong to the header field and not to the URI (section 20.10).
func ParseAddress(s string) (Address, error) { panic("stub") }

// String writes the address with angle brackets, the display name quoted. An
// address that was parsed and not changed is written as it came.
func (a Address) String() string { panic("stub") }

// Tag returns the tag parameter, "" if there is none.
func (a Address) Tag() string { panic("stub") }

// WithTag returns a copy with the tag set.
func (a Address) WithTag(tag string) Address { panic("stub") }

// Q returns the q parameter; without one, or with one that is malformed, QMax
// (RFC 3261 section 10.2.1.2 leaves it open; most treat it as 1).
func (a Address) Q() Q { panic("stub") }

// Expires returns the expires parameter. ok is false without one; what is no
// number counts as one hour (section 10.2.1.1), what is too large as 2^32-1 s.
func (a Address) Expires() (d time.Duration, ok bool) { panic("stub") }

// Q is a preference between 0 and 1 in thousandths.
type Q uint16

// QMax is the q value 1.
const QMax Q = 1000

// ParseQ parses a qvalue: 0 to 1 with at most three decimals.
func ParseQ(s string) (Q, error) { panic("stub") }

// String writes the shortest form: 1, 0.5, 0.125.
func (q Q) String() string { panic("stub") }
