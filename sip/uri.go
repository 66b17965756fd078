package sip

// A URI is a SIP, SIPS or tel URI, or an absolute URI of another scheme
// (RFC 3261 section 19.1, RFC 3966). It is an immutable value, cheap to copy,
// that keeps its text exactly; the With methods return changed copies. ==
// compares the text; Equal compares by the rules of section 19.1.4.
//
// The zero URI is no URI: IsZero tells.
type URI struct {
	text string
	// Offsets into text; a part is empty where its two ends meet.
	scheme, user, pass, host, hostEnd, params, headers uint16
	port                                               uint16
	kind                                               uriKind
}

type uriKind uint8

// ParseURI parses a URI; text around it is an error (*ParseError).
func ParseURI(s string) (URI, error) { panic("stub") }

// MustParseURI is ParseURI for constants; it panics on an error.
func MustParseURI(s string) URI { panic("stub") }

// NewURI makes a sip URI. user is escaped where it must be, and may be empty;
// host is a name or an IP address, brackets not needed; port 0 leaves it out.
func NewURI(user, host string, port uint16) URI { panic("stub") }

// IsZero tells whether u is the zero URI.
func (u URI) IsZero() bool { return u.text == "" }

// String returns the URI's text, exactly as it was parsed.
func (u URI) String() string { return u.text }

// Scheme returns the scheme in lower case, "sip" for instance.
func (u URI) Scheme() string { panic("stub") }

// IsSIP tells whether the scheme is sip or sips.
func (u URI) IsSIP() bool { panic("stub") }

// User returns the user part as it is written, escapes kept; of a tel URI, the
// number. Use Unescape for display.
func (u URI) User() string { panic("stub") }

// Password returns the password part as it is written.
func (u URI) Password() string { panic("stub") }

// Host returns the host as it is written, an IPv6 address without brackets.
func (u URI) Host() string { panic("stub") }

// Port returns the port, 0 where none is written.
func (u URI) Port() uint16 { panic("stub") }

// HostPort returns host and port together.
func (u URI) HostPort() HostPort { panic("stub") }

// Params returns the URI parameters.
func (u URI) Params() Params { panic("stub") }

// Param returns a URI parameter's value; "", true for one without a value.
func (u URI) Param(name string) (string, bool) { return u.Params().Get(name) }

// Headers returns what follows "?", without it.
func (u URI) Headers() string { panic("stub") }

// WithUser returns u with another user part, escaped where it must be; a valid
// escape in user stays. An empty user removes the part, password included.
func (u URI) WithUser(user string) URI { panic("stub") }

// WithHost returns u with another host, and with port, or none if that is 0.
func (u URI) WithHost(host string, port uint16) URI { panic("stub") }

// WithParam returns u with a parameter set; an empty value writes the name alone.
func (u URI) WithParam(name, value string) URI { panic("stub") }

// WithoutParam returns u without a parameter.
func (u URI) WithoutParam(name string) URI { panic("stub") }

// WithoutHeaders returns u without what follows "?".
func (u URI) WithoutHeaders() URI { panic("stub") }

// Equal compares by RFC 3261 section 19.1.4 (and RFC 3966 section 4 for tel).
func (u URI) Equal(v URI) bool { panic("stub") }

// AOR returns the address-of-record that u names, canonical as RFC 3261
// section 10.3 asks: scheme, unescaped user and lower-case host with its port,
// no parameters, no password. sips becomes sip: the two schemes name the same
// subscriber.
func (u URI) AOR() AOR { panic("stub") }

// An AOR is a canonical address-of-record, "sip:alice@example.com". Make one
// with URI.AOR.
type AOR string

// Escape replaces what may not stand in the user part of a URI by %HH.
func Escape(s string) string { panic("stub") }

// Unescape replaces each %HH once; a % that begins no escape stays.
func Unescape(s string) string { panic("stub") }
