package sip

import (
	"math"
	"strings"
)

// A URI is a SIP, SIPS or tel URI, or an absolute URI of another scheme
// (RFC 3261 section 19.1, RFC 3966). It is an immutable value, cheap to copy,
// that keeps its text exactly; the With methods return changed copies. ==
// compares the text; Equal compares by the rules of section 19.1.4.
//
// The zero URI is no URI: IsZero tells.
type URI struct {
	text string
	// Offsets into text. The user begins behind the scheme's colon, the
	// password behind the user's; where there is neither, they meet there. A
	// host in brackets lies between them.
	scheme, user, pass, host, hostEnd, params, headers uint16
	port                                               uint16
	kind                                               uriKind
}

type uriKind uint8

const (
	otherURI uriKind = iota
	sipURI
	sipsURI
	telURI
)

// ParseURI parses a URI; text around it is an error (*ParseError). User and
// parameters may hold more than RFC 3261 section 25.1 lets them, since what
// routes is host and port: anything visible but @<>" and what separates.
func ParseURI(s string) (URI, error) {
	var u URI
	if off, reason := u.scan(s); reason != "" {
		return URI{}, &ParseError{"URI", off, reason, "RFC 3261 19.1.1", 400}
	}
	return u, nil
}

// scan reads the URI s into u, which is zero. The reason says what is wrong with
// it, and off where.
func (u *URI) scan(s string) (off int, reason string) {
	if len(s) > math.MaxUint16 {
		return 0, "URI too long"
	}
	colon := len("sip")
	if strings.HasPrefix(s, "sip:") {
		u.kind = sipURI
	} else {
		colon = strings.IndexByte(s, ':')
		if colon <= 0 || lower(s[0])-'a' >= 26 || !all(s[:colon], inScheme) {
			return 0, "missing or malformed scheme"
		}
		u.kind = kindOf(s[:colon])
	}
	u.text = s
	u.scheme = uint16(colon)
	i := colon + 1
	switch u.kind {
	case sipURI, sipsURI:
		return u.scanSIP(i)
	case telURI:
		return u.scanTel(i)
	}
	if i == len(s) {
		return i, "nothing behind the scheme"
	}
	if n := span(s[i:], inURI); i+n < len(s) {
		return i + n, strayOctet
	}
	u.cut(i)
	u.params, u.headers = uint16(len(s)), uint16(len(s))
	return 0, ""
}

const strayOctet = "URI holds an octet that it may not"

// cut sets the offsets of a URI without host, whose user ends at i.
func (u *URI) cut(i int) {
	u.user, u.pass, u.host, u.hostEnd = uint16(i), uint16(i), uint16(i), uint16(i)
}

func kindOf(scheme string) uriKind {
	switch {
	case equalFold(scheme, "sip"):
		return sipURI
	case equalFold(scheme, "sips"):
		return sipsURI
	case equalFold(scheme, "tel"):
		return telURI
	}
	return otherURI
}

// scanSIP reads userinfo, hostport, parameters and headers from i on.
func (u *URI) scanSIP(i int) (off int, reason string) {
	s := u.text
	u.user, u.pass = uint16(i), uint16(i)
	if n := strings.IndexByte(s[i:], '@'); n >= 0 {
		at := i + n
		user := at
		for j := i; j < at; j++ {
			if octets[s[j]]&inURI == 0 {
				return j, strayOctet
			}
			if s[j] == ':' && user == at {
				user = j
			}
		}
		if user == i {
			return i, "empty user"
		}
		u.user, u.pass = uint16(user), uint16(at)
		i = at + 1
	}
	start, end, n, reason := scanHost(s[i:])
	if reason != "" {
		return i, reason
	}
	u.host, u.hostEnd = uint16(i+start), uint16(i+end)
	i += n
	if i < len(s) && s[i] == ':' {
		n := i + 1
		for n < len(s) && isDigit(s[n]) {
			n++
		}
		port, ok := parseUint(s[i+1:n], math.MaxUint16)
		if !ok {
			return i, "malformed port"
		}
		u.port = uint16(port)
		i = n
	}
	u.params, u.headers = uint16(i), uint16(len(s))
	if i == len(s) {
		return 0, ""
	}
	return u.scanTail(i)
}

// scanTel reads the number and its parameters from i on (RFC 3966 section 3).
func (u *URI) scanTel(i int) (off int, reason string) {
	j := i
	for j < len(u.text) && isPhoneOctet(u.text[j]) {
		j++
	}
	if i == j {
		return i, "missing number"
	}
	u.cut(j)
	u.params, u.headers = uint16(j), uint16(len(u.text))
	return u.scanTail(j)
}

// scanTail reads parameters and headers from i on.
func (u *URI) scanTail(i int) (off int, reason string) {
	s := u.text
	if n := span(s[i:], inURI); i+n < len(s) {
		return i + n, strayOctet
	}
	if strings.IndexByte(s[i:], '@') >= 0 {
		return i, "more than one @"
	}
	if n := strings.IndexByte(s[i:], '?'); n >= 0 {
		u.headers = uint16(i + n)
	}
	end := int(u.headers)
	if i < end && s[i] != ';' {
		return i, "malformed host"
	}
	for i < end {
		name, _, next := nextParam(s[:end], i)
		if name == "" {
			return i, "empty parameter name"
		}
		i = next
	}
	return 0, ""
}

// isPhoneOctet tells whether c may be part of a telephone number: digits, the
// extra ones of local numbers, and visual separators.
func isPhoneOctet(c byte) bool {
	switch c {
	case '+', '-', '.', '(', ')', '*', '#':
		return true
	}
	return isDigit(c) || lower(c)-'a' < 6
}

// MustParseURI is ParseURI for constants; it panics on an error.
func MustParseURI(s string) URI {
	u, err := ParseURI(s)
	if err != nil {
		panic("sip: MustParseURI(" + s + "): " + err.Error())
	}
	return u
}

// NewURI makes a sip URI. user is escaped where it must be (a valid escape in
// it stays), and may be empty; host is a name or an IP address, brackets not
// needed; port 0 leaves it out. With a host that is neither, the result is the
// zero URI.
func NewURI(user, host string, port uint16) URI {
	if !isHost(host) {
		return URI{}
	}
	b := append(make([]byte, 0, 64), "sip:"...)
	if user != "" {
		b = appendEscaped(b, user, true)
		b = append(b, '@')
	}
	return reparse(HostPort{host, port}.append(b))
}

// reparse makes a URI of text that was put together from parts.
func reparse(text []byte) URI {
	var u URI
	if _, reason := u.scan(string(text)); reason != "" {
		return URI{}
	}
	return u
}

// IsZero tells whether u is the zero URI.
func (u URI) IsZero() bool { return u.text == "" }

// String returns the URI's text, exactly as it was parsed.
func (u URI) String() string { return u.text }

// Scheme returns the scheme in lower case, "sip" for instance.
func (u URI) Scheme() string {
	switch u.kind {
	case sipURI:
		return "sip"
	case sipsURI:
		return "sips"
	case telURI:
		return "tel"
	}
	return toLower(u.text[:u.scheme])
}

// IsSIP tells whether the scheme is sip or sips.
func (u URI) IsSIP() bool { return u.kind == sipURI || u.kind == sipsURI }

// User returns the user part as it is written, escapes kept; of a tel URI, the
// number. Use Unescape for display.
func (u URI) User() string {
	if u.user <= u.scheme {
		return ""
	}
	return u.text[u.scheme+1 : u.user]
}

// Password returns the password part as it is written.
func (u URI) Password() string {
	if u.pass <= u.user {
		return ""
	}
	return u.text[u.user+1 : u.pass]
}

// hasUserinfo tells whether there is a user part.
func (u URI) hasUserinfo() bool { return u.IsSIP() && u.user > u.scheme+1 }

// authority is the offset at which host and port begin.
func (u URI) authority() int {
	if u.hasUserinfo() {
		return int(u.pass) + 1
	}
	return int(u.scheme) + 1
}

// Host returns the host as it is written, an IPv6 address without brackets.
// Only sip and sips URIs have one.
func (u URI) Host() string { return u.text[u.host:u.hostEnd] }

// Port returns the port, 0 where none is written.
func (u URI) Port() uint16 { return u.port }

// HostPort returns host and port together.
func (u URI) HostPort() HostPort { return HostPort{u.Host(), u.port} }

// Params returns the URI parameters.
func (u URI) Params() Params { return Params{u.text[u.params:u.headers], true} }

// Param returns a URI parameter's value; "", true for one without a value.
func (u URI) Param(name string) (string, bool) { return u.Params().Get(name) }

// Headers returns what follows "?", without it.
func (u URI) Headers() string {
	if int(u.headers) >= len(u.text) {
		return ""
	}
	return u.text[u.headers+1:]
}

// Secured returns u as a sips URI. One that is neither sip nor sips stays as it is.
func (u URI) Secured() URI {
	if u.kind != sipURI {
		return u
	}
	return reparse(append([]byte("sips"), u.text[u.scheme:]...))
}

// WithUser returns u with another user part, escaped where it must be; a valid
// escape in user stays. An empty user removes the part, password included. A
// URI that is neither sip nor sips stays as it is.
func (u URI) WithUser(user string) URI {
	if !u.IsSIP() {
		return u
	}
	b := append(make([]byte, 0, len(u.text)+len(user)+8), u.text[:u.scheme+1]...)
	if user != "" {
		b = appendEscaped(b, user, true)
		if u.hasUserinfo() {
			b = append(b, u.text[u.user:u.pass]...)
		}
		b = append(b, '@')
	}
	return reparse(append(b, u.text[u.authority():]...))
}

// WithHost returns u with another host, and with port, or none if that is 0.
// With a host that is neither name nor IP address the result is the zero URI. A
// URI that is neither sip nor sips stays as it is.
func (u URI) WithHost(host string, port uint16) URI {
	if !u.IsSIP() {
		return u
	}
	if !isHost(host) {
		return URI{}
	}
	b := append(make([]byte, 0, len(u.text)+len(host)+8), u.text[:u.authority()]...)
	b = HostPort{host, port}.append(b)
	return reparse(append(b, u.text[u.params:]...))
}

// WithParam returns u with a parameter set; an empty value writes the name
// alone. What may not stand in a parameter is escaped. A URI of an unknown
// scheme stays as it is.
func (u URI) WithParam(name, value string) URI {
	return u.withParams(u.Params().With(name, value))
}

// WithoutParam returns u without a parameter.
func (u URI) WithoutParam(name string) URI {
	return u.withParams(u.Params().Without(name))
}

func (u URI) withParams(p Params) URI {
	if u.kind == otherURI {
		return u
	}
	b := make([]byte, 0, len(u.text)+len(p.text))
	b = append(b, u.text[:u.params]...)
	b = append(b, p.text...)
	return reparse(append(b, u.text[u.headers:]...))
}

// WithoutHeaders returns u without what follows "?".
func (u URI) WithoutHeaders() URI {
	u.text = u.text[:u.headers]
	return u
}
