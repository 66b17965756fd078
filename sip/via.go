package sip

import (
	"strconv"
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
func ParseVia(s string) (Via, error) {
	s = unfold(s)
	v, off, reason := scanVia(s)
	if reason != "" {
		return Via{}, &ParseError{"Via", off, reason, "RFC 3261 20.42", 400}
	}
	return v, nil
}

func scanVia(s string) (v Via, off int, reason string) {
	// sent-protocol: white space may stand around each slash.
	name, i := scanToken(s, 0)
	version, i2 := scanToken(s, skipSlash(s, i))
	if !equalFold(name, "SIP") || version != "2.0" {
		return v, 0, "protocol is not SIP/2.0"
	}
	start := skipSlash(s, i2)
	v.Transport, i = scanToken(s, start)
	if v.Transport == "" {
		return v, start, "missing transport"
	}
	host := skipSpace(s, i)
	if host == i {
		return v, i, "malformed transport"
	}
	var n int
	if v.SentBy, n, reason = scanHostPort(s[host:]); reason != "" {
		return v, host + n, reason
	}
	i = skipSpace(s, host+n)
	if i == len(s) {
		return v, 0, ""
	}
	if s[i] != ';' {
		return v, i, "malformed sent-by"
	}
	text := trim(s[i:])
	if off, reason = checkParams(text); reason != "" {
		return v, i + off, reason
	}
	v.Params = Params{text}
	return v, 0, ""
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
func (v Via) String() string { return string(v.append(nil)) }

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
func ParseCSeq(s string) (CSeq, error) {
	s = trim(unfold(s))
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
