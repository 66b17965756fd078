package sip

import (
	"iter"
	"strings"
)

// Params is the list of parameters after a URI, a Via or an address: an
// immutable value that keeps its text. Names are compared without regard to
// case. The zero Params is empty.
//
// The parameters of a URI know escapes (%HH) and no quotes, those of a header
// field know quotes and no escapes (RFC 3261 section 25.1): Params reads and
// writes each as it must be.
type Params struct {
	text  string // begins with ";" or is empty
	ofURI bool
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
	return Params{text: t}, nil
}

// checkParams says what is wrong with the parameters in text, which begins with
// a semicolon or is empty, and where.
func checkParams(text string) (offset int, reason string) {
	for i := 0; i < len(text); {
		name := skipSpace(text, i+1)
		j := name + span(text[name:], inToken)
		if j == name {
			return i, "malformed parameter name"
		}
		j = skipSpace(text, j)
		if j < len(text) && text[j] == '=' {
			j = skipSpace(text, j+1)
			if j < len(text) && text[j] == '"' {
				if j = quotedEnd(text, j); j < 0 {
					return i, "unclosed quote in a parameter"
				}
			} else {
				j += span(text[j:], inValue)
			}
			j = skipSpace(text, j)
		}
		if j < len(text) && text[j] != ';' {
			return j, "malformed parameter"
		}
		i = j
	}
	return 0, ""
}

// nextParam returns the parameter whose semicolon is text[i] and the offset of
// the next one's. The text is one that checkParams or a URI has accepted: a
// quote can only begin a value.
func nextParam(text string, i int) (name, value string, next int) {
	i++
	j := i
	for j < len(text) && text[j] != '=' && text[j] != ';' {
		j++
	}
	name = trim(text[i:j])
	if j == len(text) || text[j] == ';' {
		return name, "", j
	}
	i = skipSpace(text, j+1)
	j = i
	if j < len(text) && text[j] == '"' {
		if j = quotedEnd(text, j); j < 0 {
			j = len(text)
		}
	}
	if n := strings.IndexByte(text[j:], ';'); n >= 0 {
		j += n
	} else {
		j = len(text)
	}
	return name, trim(text[i:j]), j
}

// String returns the text, beginning with ";" unless it is empty.
func (p Params) String() string { return p.text }

// IsZero tells whether there is no parameter.
func (p Params) IsZero() bool { return p.text == "" }

// named tells whether the name written is that one.
func (p Params) named(written, name string) bool {
	return equalFold(written, name) || p.ofURI && equalEscaped(written, name, true)
}

// raw returns a parameter's value as written.
func (p Params) raw(name string) (string, bool) {
	for i := 0; i < len(p.text); {
		n, value, next := nextParam(p.text, i)
		if p.named(n, name) {
			return value, true
		}
		i = next
	}
	return "", false
}

// Get returns a parameter's value, without quotes and escapes; "", true for one
// without a value. Of several with one name it is the first.
func (p Params) Get(name string) (string, bool) {
	value, ok := p.raw(name)
	if p.ofURI {
		return Unescape(value), ok
	}
	return unquote(value), ok
}

// Has tells whether the parameter is there.
func (p Params) Has(name string) bool {
	_, ok := p.raw(name)
	return ok
}

// All yields names and values as they are written, quotes and escapes kept.
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
// that is no token and no host is quoted, in a URI it is escaped; an empty one
// leaves the name alone. Octets that may not stand in a name become hyphens,
// line ends in a value spaces.
func (p Params) With(name, value string) Params {
	start, end := p.find(name)
	var buf [256]byte
	b := append(buf[:0], p.text[:start]...)
	b = append(b, ';')
	b = append(b, tokenOnly(name)...)
	switch {
	case value == "":
	case p.ofURI:
		b = appendURIParam(append(b, '='), value)
	default:
		b = appendParamValue(append(b, '='), value)
	}
	return Params{string(append(b, p.text[end:]...)), p.ofURI}
}

// find returns the bounds of a parameter's text from its semicolon on, or the
// end of the text twice.
func (p Params) find(name string) (start, end int) {
	for i := 0; i < len(p.text); {
		n, _, next := nextParam(p.text, i)
		if p.named(n, name) {
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
