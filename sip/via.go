package sip

import (
	"strconv"
	"strings"
)

// MagicCookie begins each branch of a client that follows RFC 3261 (section
// 8.1.1.7).
const MagicCookie = "z9hG4bK"

// A Via is one value of the Via field (RFC 3261 section 20.42).
type Via struct {
	// Transport is UDP, TCP, TLS, WS, WSS or another token, as it is written.
	Transport string
	SentBy    HostPort
	Params    Params
}

// ParseVia parses a single value. The protocol must be SIP/2.0. The error is a
// *ParseError.
func ParseVia(s string) (Via, error) { return parseVia(unfold(s)) }

// parseVia parses a value that is unfolded.
func parseVia(s string) (v Via, err error) {
	if off, reason := v.scan(s); reason != "" {
		return Via{}, viaError(off, reason)
	}
	return v, nil
}

func viaError(off int, reason string) error {
	return &ParseError{"Via", off, reason, "RFC 3261 20.42", 400}
}

// scan reads s into v, which is zero.
func (v *Via) scan(s string) (off int, reason string) {
	i := len("SIP/2.0/")
	if !strings.HasPrefix(s, "SIP/2.0/") {
		if i = scanProtocol(s); i < 0 {
			return 0, "protocol is not SIP/2.0"
		}
	}
	start := i
	v.Transport, i = scanToken(s, start)
	host := skipSpace(s, i)
	if v.Transport == "" || host == i {
		return start, "malformed transport"
	}
	n, reason := v.SentBy.scan(s[host:])
	if reason != "" {
		return host + n, reason
	}
	i = skipSpace(s, host+n)
	if i == len(s) {
		return 0, ""
	}
	if s[i] != ';' {
		return i, "malformed sent-by"
	}
	text := trim(s[i:])
	if off, reason = checkParams(text); reason != "" {
		return i + off, reason
	}
	v.Params.text = text
	return 0, ""
}

// scanProtocol returns where the transport begins, or -1 if s does not begin
// with SIP/2.0. White space may stand around each slash.
func scanProtocol(s string) int {
	name, i := scanToken(s, 0)
	version, i := scanToken(s, skipSlash(s, i))
	if !equalFold(name, "SIP") || version != "2.0" {
		return -1
	}
	return skipSlash(s, i)
}

// scanToken returns the token of s at or behind i, white space skipped, and the
// offset of what follows.
func scanToken(s string, i int) (string, int) {
	i = skipSpace(s, i)
	j := i
	for j < len(s) && octets[s[j]]&inToken != 0 {
		j++
	}
	return s[i:j], j
}

// skipSlash returns the offset behind the slash at or behind i, or len(s).
func skipSlash(s string, i int) int {
	if i = skipSpace(s, i); i < len(s) && s[i] == '/' {
		return skipSpace(s, i+1)
	}
	return len(s)
}

// String writes the value: "SIP/2.0/UDP host:port;branch=...".
func (v Via) String() string {
	var buf [256]byte
	return string(v.append(buf[:0]))
}

func (v Via) append(b []byte) []byte {
	b = append(b, "SIP/2.0/"...)
	b = append(b, tokenOnly(v.Transport)...)
	b = append(b, ' ')
	b = v.SentBy.append(b)
	return append(b, v.Params.text...)
}

// Branch returns the branch parameter, "" if there is none.
func (v Via) Branch() string {
	branch, _ := v.Params.Get("branch")
	return branch
}

// A CSeq is the value of the CSeq field (RFC 3261 section 20.16).
type CSeq struct {
	Seq    uint32 // below 2^31
	Method Method
}

// String writes "1 INVITE".
func (c CSeq) String() string {
	return strconv.FormatUint(uint64(c.Seq), 10) + " " + tokenOnly(string(c.Method))
}

// ParseCSeq parses the value of a CSeq field. The error is a *ParseError.
func ParseCSeq(s string) (CSeq, error) { return parseCSeq(trim(unfold(s))) }

// parseCSeq parses a value that is trimmed and unfolded.
func parseCSeq(s string) (CSeq, error) {
	i := 0
	for i < len(s) && isDigit(s[i]) {
		i++
	}
	seq, ok := parseUint(s[:i], 1<<31-1)
	if !ok {
		return CSeq{}, &ParseError{"CSeq", 0, "number is missing or not below 2^31", "RFC 3261 8.1.1.5", 400}
	}
	method := s[skipSpace(s, i):]
	if len(method) == len(s)-i || !isToken(method) {
		return CSeq{}, &ParseError{"CSeq", i, "malformed method", "RFC 3261 20.16", 400}
	}
	return CSeq{uint32(seq), Method(method)}, nil
}
