package sip

import (
	"iter"
	"strings"
)

// Params is the list of parameters after a URI, a Via or an address: an
// immutable value that keeps its text. Names are compared without regard to
// case. The zero Params is empty.
type Params struct {
	text string // begins with ";" or is empty
}

// ParseParams parses ";name=value;name", the first semicolon optional. White
// space around names and values is allowed. A value is a quoted string or
// holds neither white space nor any of <>",;\ (RFC 3261 section 25.1 allows
// less, what is sent is more). The error is a *ParseError.
func ParseParams(s string) (Params, error) {
	t := trim(unfold(s))
	if t == "" {
		return Params{}, nil
	}
	if t[0] != ';' {
		t = ";" + t
	}
	if off, reason := checkParams(t); reason != "" {
		return Params{}, &ParseError{"parameters", off, reason, "RFC 3261 25.1", 400}
	}
	return Params{t}, nil
}

// maxParams bounds the parameters of one list, and the headers of one URI, so
// that whoever looks for each of them in another list is done soon.
const maxParams = 128

// checkParams says what is wrong with the parameters in text, which begins with
// a semicolon or is empty, and where.
func checkParams(text string) (offset int, reason string) {
	for i, n := 0, 0; i < len(text); n++ {
		name, value, next := nextParam(text, i)
		switch {
		case n == maxParams:
			return i, "too many parameters"
		case !isToken(name):
			return i, "malformed parameter name"
		case value != "" && value[0] == '"':
			if quotedEnd(value, 0) != len(value) {
				return i, "malformed quoted string in a parameter"
			}
		case !all(value, inValue):
			return i, "malformed parameter value"
		}
		i = next
	}
	return 0, ""
}

// nextParam returns the parameter whose semicolon is text[i] and the offset of
// the next one's. It takes any text.
func nextParam(text string, i int) (name, value string, next int) {
	i++
	eq, j := -1, i
scan:
	for j < len(text) {
		switch text[j] {
		case ';':
			break scan
		case '=':
			if eq < 0 {
				eq = j
			}
		case '"':
			if k := quotedEnd(text, j); k > 0 {
				j = k
				continue
			}
			j = len(text)
			break scan
		}
		j++
	}
	if eq < 0 {
		return trim(text[i:j]), "", j
	}
	return trim(text[i:eq]), trim(text[eq+1 : j]), j
}

// String returns the text, beginning with ";" unless it is empty.
func (p Params) String() string { return p.text }

// IsZero tells whether there is no parameter.
func (p Params) IsZero() bool { return p.text == "" }

// raw returns a parameter's value as written.
func (p Params) raw(name string) (string, bool) {
	for i := 0; i < len(p.text); {
		n, value, next := nextParam(p.text, i)
		if equalFold(n, name) {
			return value, true
		}
		i = next
	}
	return "", false
}

// Get returns a parameter's value, unquoted if it was quoted; "", true for one
// without a value. Of several with one name it is the first.
func (p Params) Get(name string) (string, bool) {
	value, ok := p.raw(name)
	return unquote(value), ok
}

// Has tells whether the parameter is there.
func (p Params) Has(name string) bool {
	_, ok := p.raw(name)
	return ok
}

// All yields names as written and values as written, quotes kept.
func (p Params) All() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for i := 0; i < len(p.text); {
			name, value, next := nextParam(p.text, i)
			if !yield(name, value) {
				return
			}
			i = next
		}
	}
}

// With returns p with the parameter set, in its place or at the end. A value
// that is no token and no host is quoted; an empty one leaves the name alone.
// Octets that may not stand in a name become hyphens, line ends in a value
// spaces.
func (p Params) With(name, value string) Params {
	return p.with(name, value, appendParamValue)
}

// with sets a parameter whose value is written by appendValue.
func (p Params) with(name, value string, appendValue func([]byte, string) []byte) Params {
	start, end := p.find(name)
	b := make([]byte, 0, len(p.text)+len(name)+len(value)+4)
	b = append(b, p.text[:start]...)
	b = append(b, ';')
	b = append(b, tokenOnly(name)...)
	if value != "" {
		b = append(b, '=')
		b = appendValue(b, value)
	}
	return Params{string(append(b, p.text[end:]...))}
}

// find returns the bounds of a parameter's text from its semicolon on, or the
// end of the text twice.
func (p Params) find(name string) (start, end int) {
	for i := 0; i < len(p.text); {
		n, _, next := nextParam(p.text, i)
		if equalFold(n, name) {
			return i, next
		}
		i = next
	}
	return len(p.text), len(p.text)
}

// Without returns p without the parameter, each of that name.
func (p Params) Without(name string) Params {
	for {
		start, end := p.find(name)
		if start == len(p.text) {
			return p
		}
		p.text = p.text[:start] + p.text[end:]
	}
}

// appendParamValue appends value as token or host, or else quoted.
func appendParamValue(b []byte, value string) []byte {
	if isToken(value) || isBracketed(value) {
		return append(b, value...)
	}
	if strings.IndexByte(value, ':') >= 0 && isIPv6(value) {
		// The received parameter takes an IPv6 address bare (RFC 3261 25.1).
		return append(b, value...)
	}
	return appendQuoted(b, value)
}

// isBracketed tells whether s is an IPv6 reference, [2001:db8::1].
func isBracketed(s string) bool {
	return len(s) > 2 && s[0] == '[' && s[len(s)-1] == ']' && isIPv6(s[1:len(s)-1])
}
