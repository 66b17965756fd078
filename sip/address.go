package sip

import (
	"math"
	"strconv"
	"strings"
	"time"
)

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
// belong to the header field and not to the URI, and the URI may hold no
// question mark (section 20.10). A display name outside of quotes may hold more
// than tokens, but no comma, semicolon or colon. The error is a *ParseError.
func ParseAddress(s string) (Address, error) {
	var a Address
	if off, reason := a.scan(trim(unfold(s))); reason != "" {
		return Address{}, &ParseError{"address", off, reason, "RFC 3261 20.10", 400}
	}
	return a, nil
}

// scan reads s, which is trimmed, into a, which is zero.
func (a *Address) scan(s string) (off int, reason string) {
	lt, reason := a.scanDisplay(s)
	if reason != "" {
		return 0, reason
	}
	end := len(s) // of the URI, bracket included
	if lt >= 0 {
		n := strings.IndexByte(s[lt:], '>')
		if n < 0 {
			return lt, "unclosed angle bracket"
		}
		end = lt + n + 1
		if off, reason = a.URI.scan(s[lt+1 : end-1]); reason != "" {
			return lt + 1 + off, reason
		}
	} else {
		if n := strings.IndexByte(s, ';'); n >= 0 {
			end = n
		}
		if off, reason = a.URI.scan(trim(s[:end])); reason != "" {
			return off, reason
		}
		if strings.IndexByte(a.URI.text, '?') >= 0 {
			return 0, "URI with a question mark is not in angle brackets"
		}
	}
	end = skipSpace(s, end)
	if end < len(s) && s[end] != ';' {
		return end, "text behind the URI"
	}
	if off, reason = checkParams(s[end:]); reason != "" {
		return end + off, reason
	}
	a.Params.text = s[end:]
	a.text = s
	return 0, ""
}

// scanDisplay reads the display name and returns the offset of the angle bracket
// behind it, or -1 if the URI stands alone.
func (a *Address) scanDisplay(s string) (bracket int, reason string) {
	if s != "" && s[0] == '"' {
		i := quotedEnd(s, 0)
		if i < 0 {
			return -1, "unclosed quote in a display name"
		}
		a.Display = dropBackslashes(s[1 : i-1])
		if i = skipSpace(s, i); i == len(s) || s[i] != '<' {
			return -1, "quoted display name without a URI in angle brackets"
		}
		return i, ""
	}
	strange := false // holds what asks for quotes
	for i := range len(s) {
		switch s[i] {
		case '<':
			if strange {
				return -1, "display name that needs quotes"
			}
			a.Display = trim(s[:i])
			return i, ""
		case ';':
			return -1, ""
		case '"':
			return -1, "misplaced quote"
		case ',', ':', '\\', '>':
			strange = true
		}
	}
	return -1, ""
}

// String writes the address with angle brackets, the display name quoted. An
// address that was parsed and not changed is written as it came.
func (a Address) String() string {
	if a.unchanged() {
		return a.text
	}
	var buf [256]byte
	return string(a.append(buf[:0]))
}

// unchanged tells whether the text still says what the fields say.
func (a Address) unchanged() bool {
	if a.text == "" {
		return false
	}
	var was Address
	_, reason := was.scan(a.text)
	return reason == "" && was == a
}

func (a Address) append(b []byte) []byte {
	if a.unchanged() {
		return append(b, a.text...)
	}
	if a.Display != "" {
		b = appendQuoted(b, a.Display)
		b = append(b, ' ')
	}
	b = append(b, '<')
	b = append(b, a.URI.text...)
	b = append(b, '>')
	return append(b, a.Params.text...)
}

// Tag returns the tag parameter, "" if there is none.
func (a Address) Tag() string {
	tag, _ := a.Params.Get("tag")
	return tag
}

// WithTag returns a copy with the tag set, or without one if tag is empty.
func (a Address) WithTag(tag string) Address {
	if tag == "" {
		a.Params = a.Params.Without("tag")
	} else {
		a.Params = a.Params.With("tag", tag)
	}
	return a
}

// Q returns the q parameter; without one, or with one that is malformed, QMax
// (RFC 3261 section 10.2.1.2 leaves it open; most treat it as 1).
func (a Address) Q() Q {
	s, ok := a.Params.Get("q")
	if !ok {
		return QMax
	}
	q, err := ParseQ(s)
	if err != nil {
		return QMax
	}
	return q
}

// Expires returns the expires parameter. ok is false without one; what is no
// number below 2^32 counts as one hour (section 10.2.1.1).
func (a Address) Expires() (d time.Duration, ok bool) {
	s, ok := a.Params.Get("expires")
	if !ok {
		return 0, false
	}
	n, valid := parseUint(s, math.MaxUint32)
	if !valid {
		return time.Hour, true
	}
	return time.Duration(n) * time.Second, true
}

// Q is a preference between 0 and 1 in thousandths.
type Q uint16

// QMax is the q value 1.
const QMax Q = 1000

// ParseQ parses a qvalue: 0 to 1 with at most three decimals. The error is a
// *ParseError.
func ParseQ(s string) (Q, error) {
	whole, decimals, dot := strings.Cut(s, ".")
	n, ok := parseUint((decimals + "000")[:3], 999)
	switch {
	case whole == "0" && ok && len(decimals) <= 3:
		return Q(n), nil
	case whole == "" && dot && decimals != "" && ok && len(decimals) <= 3:
		// ".5" is what some phones send.
		return Q(n), nil
	case whole == "1" && ok && n == 0 && len(decimals) <= 3:
		return QMax, nil
	}
	return 0, &ParseError{"q", 0, "malformed qvalue", "RFC 3261 25.1", 400}
}

// String writes the shortest form: 1, 0.5, 0.125.
func (q Q) String() string {
	if q >= QMax {
		return "1"
	}
	return strconv.FormatFloat(float64(q)/1000, 'f', -1, 64)
}
