package digest

import (
	"errors"
	"strings"
)

// Limits of a challenge or of credentials. The length of the whole is bounded
// by the limit on a header field.
const (
	maxParams = 32  // parameters, unknown ones included
	maxUser   = 256 // bytes of a user name
	maxFields = 16  // Authorization fields that are looked at in one request
)

// Errors of the grammar. They become the reason of a 400 and hold nothing of
// the input.
var (
	errSyntax    = errors.New("malformed parameter")
	errUnclosed  = errors.New("quoted string without an end")
	errDuplicate = errors.New("parameter given twice")
	errTooMany   = errors.New("too many parameters")
)

// params are the parameters of a challenge or of credentials that mean
// something here (RFC 3261 section 25.1: digest-cln and dig-resp), as they stand
// between their quotes, escapes kept.
type params struct {
	username, realm, nonce, uri, response string
	algorithm, cnonce, opaque, qop, nc    string
	stale                                 string
	seen                                  uint16
}

// slot returns where the parameter of that name belongs, nil for one that
// means nothing here, and a bit of its own.
func (p *params) slot(name string) (*string, uint16) {
	known := func(s string) bool { return strings.EqualFold(name, s) }
	switch len(name) {
	case 2:
		if known("nc") {
			return &p.nc, 1 << 0
		}
	case 3:
		if known("uri") {
			return &p.uri, 1 << 1
		}
		if known("qop") {
			return &p.qop, 1 << 2
		}
	case 5:
		if known("realm") {
			return &p.realm, 1 << 3
		}
		if known("nonce") {
			return &p.nonce, 1 << 4
		}
		if known("stale") {
			return &p.stale, 1 << 5
		}
	case 6:
		if known("cnonce") {
			return &p.cnonce, 1 << 6
		}
		if known("opaque") {
			return &p.opaque, 1 << 7
		}
	case 8:
		if known("username") {
			return &p.username, 1 << 8
		}
		if known("response") {
			return &p.response, 1 << 9
		}
	case 9:
		if known("algorithm") {
			return &p.algorithm, 1 << 10
		}
	}
	return nil, 0
}

// cutScheme takes the scheme off a field value; ok is false for another one
// than Digest.
func cutScheme(s string) (rest string, ok bool) {
	const scheme = "Digest"
	if len(s) <= len(scheme) || !strings.EqualFold(s[:len(scheme)], scheme) || !isSpace(s[len(scheme)]) {
		return "", false
	}
	return s[len(scheme):], true
}

// parse reads name=value, name="value", ... in any order. Elements may be empty
// and white space may stand anywhere between tokens (RFC 3261 section 7.3.1); a
// parameter that is given twice is an error, since two readers could take each
// another one.
func (p *params) parse(s string) error {
	for n := 0; ; n++ {
		s = strings.TrimLeft(s, " \t,")
		if s == "" {
			return nil
		}
		if n == maxParams {
			return errTooMany
		}
		i := 0
		for i < len(s) && isToken(s[i]) {
			i++
		}
		name, rest := s[:i], trim(s[i:])
		if name == "" || rest == "" || rest[0] != '=' {
			return errSyntax
		}
		value, rest, err := cutValue(trim(rest[1:]))
		if err != nil {
			return err
		}
		if rest = trim(rest); rest != "" && rest[0] != ',' {
			return errSyntax
		}
		s = rest
		slot, bit := p.slot(name)
		if slot == nil {
			continue
		}
		if p.seen&bit != 0 {
			return errDuplicate
		}
		p.seen |= bit
		*slot = value
	}
}

// cutValue cuts a token or a quoted string, whose quotes it takes off, from the
// front of s. What is no token but holds neither white space nor a comma, quote
// or backslash passes for one: clients write uri and username without quotes.
func cutValue(s string) (value, rest string, err error) {
	if s == "" {
		return "", "", errSyntax
	}
	if s[0] != '"' {
		i := strings.IndexAny(s, " \t,\"\\")
		if i < 0 {
			i = len(s)
		}
		if i == 0 || hasControl(s[:i]) {
			return "", "", errSyntax
		}
		return s[:i], s[i:], nil
	}
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			return s[1:i], s[i+1:], nil
		case c == '\\':
			i++
			if i < len(s) && isControl(s[i]) {
				return "", "", errSyntax
			}
		case isControl(c):
			return "", "", errSyntax
		}
	}
	return "", "", errUnclosed
}

// unescape takes the backslashes of quoted pairs out of s.
func unescape(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// appendQuoted appends a parameter whose value is a quoted string. Control
// characters, which could end the field, become spaces.
func appendQuoted(b []byte, name, value string) []byte {
	b = append(append(b, name...), '=', '"')
	for i := range len(value) {
		switch c := value[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case isControl(c):
			b = append(b, ' ')
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}

func trim(s string) string { return strings.TrimLeft(s, " \t") }

func isSpace(c byte) bool { return c == ' ' || c == '\t' }

// isControl tells of a control character that no quoted string may hold; a tab
// may stand there.
func isControl(c byte) bool { return c < ' ' && c != '\t' || c == 0x7f }

func hasControl(s string) bool {
	for i := range len(s) {
		if isControl(s[i]) {
			return true
		}
	}
	return false
}

// isToken tells of a character of a token (RFC 3261 section 25.1).
func isToken(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		strings.IndexByte("-.!%*_+`'~", c) >= 0
}
