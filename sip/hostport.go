package sip

import (
	"net/netip"
	"strconv"
	"strings"
)

// A HostPort is a host and a port as they stand in Via and in URIs.
type HostPort struct {
	// Host is a name or an IP address, an IPv6 address without brackets.
	Host string
	// Port is 0 where none is written.
	Port uint16
}

// String writes host[:port], an IPv6 address in brackets.
func (hp HostPort) String() string {
	var buf [80]byte
	return string(hp.append(buf[:0]))
}

func (hp HostPort) append(b []byte) []byte {
	b = appendHost(b, hp.Host)
	if hp.Port != 0 {
		b = append(b, ':')
		b = strconv.AppendUint(b, uint64(hp.Port), 10)
	}
	return b
}

// Addr returns the host as an IP address; ok is false for a name.
func (hp HostPort) Addr() (addr netip.Addr, ok bool) { return parseIP(hp.Host) }

// ParseHostPort parses host[:port]. An IPv6 address must stand in brackets;
// a zone is refused. The error is a *ParseError.
func ParseHostPort(s string) (HostPort, error) {
	var hp HostPort
	n, reason := hp.scan(s)
	if reason == "" && n < len(s) {
		reason = "malformed host"
	}
	if reason != "" {
		return HostPort{}, &ParseError{"host", n, reason, "RFC 3261 25.1", 400}
	}
	return hp, nil
}

// scan reads host[:port] at the beginning of s, white space around the colon
// allowed (sent-by in section 25.1), and returns how far it went.
func (hp *HostPort) scan(s string) (n int, reason string) {
	start, end, n, reason := scanHost(s)
	if reason != "" {
		return n, reason
	}
	hp.Host = s[start:end]
	colon := skipSpace(s, n)
	if colon == len(s) || s[colon] != ':' {
		return n, ""
	}
	i := skipSpace(s, colon+1)
	n = i
	for n < len(s) && isDigit(s[n]) {
		n++
	}
	port, ok := parseUint(s[i:n], 65535)
	if !ok {
		return colon, "malformed port"
	}
	hp.Port = uint16(port)
	return n, ""
}

// scanHost reads a host at the beginning of s: its bounds without brackets, and
// how far it went.
func scanHost(s string) (start, end, n int, reason string) {
	if s != "" && s[0] == '[' {
		end = strings.IndexByte(s, ']')
		if end < 0 || !isIPv6(s[1:end]) {
			return 0, 0, 0, "malformed IPv6 address"
		}
		return 1, end, end + 1, ""
	}
	if n = span(s, inHost); n == 0 || s[0] == '.' {
		return 0, 0, 0, "missing or malformed host"
	}
	return 0, n, n, ""
}

// isHost tells whether s is a host name or an IP address, an IPv6 address with
// or without brackets.
func isHost(s string) bool {
	return s != "" && s[0] != '.' && all(s, inHost) || isIPv6(s) || isBracketed(s)
}

// isIPv6 tells whether s is an IPv6 address without a zone.
func isIPv6(s string) bool {
	addr, ok := parseIP(s)
	return ok && addr.Is6()
}

// parseIP parses an IP address without a zone. Three colons in front of an
// embedded IPv4 address pass for two: the grammar of RFC 3261 was wrong in
// that, and RFC 5118 section 4.10 asks to put up with its readers.
func parseIP(s string) (netip.Addr, bool) {
	if s == "" || len(s) > 48 || strings.IndexByte(s, '%') >= 0 {
		return netip.Addr{}, false
	}
	if !isDigit(s[0]) && strings.IndexByte(s, ':') < 0 {
		return netip.Addr{}, false
	}
	if i := strings.Index(s, ":::"); i >= 0 && strings.IndexByte(s, '.') > i {
		s = s[:i] + s[i+1:]
	}
	addr, err := netip.ParseAddr(s)
	return addr, err == nil
}

// appendHost appends a host, in brackets where it is an IPv6 address.
func appendHost(b []byte, host string) []byte {
	if strings.IndexByte(host, ':') < 0 {
		return append(b, host...)
	}
	b = append(b, '[')
	b = append(b, strings.Trim(host, "[]")...)
	return append(b, ']')
}

// canonicalHost returns host in the form in which equal hosts are equal
// strings: lower case, no final dots, an IP address in its shortest spelling and
// without brackets.
func canonicalHost(host string) string {
	if len(host) > 1 && host[0] == '[' && host[len(host)-1] == ']' {
		host = host[1 : len(host)-1]
	}
	if strings.IndexByte(host, ':') >= 0 {
		if addr, ok := parseIP(host); ok {
			return addr.String()
		}
	}
	return toLower(strings.TrimRight(host, "."))
}
