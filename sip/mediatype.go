package sip

import "strings"

// MediaType is the value of Content-Type, or a value of Accept (RFC 3261 section
// 20.15), where type and subtype may be "*".
type MediaType struct {
	Type, Subtype string
	Params        Params
}

// ParseMediaType parses a single value. The error is a *ParseError.
func ParseMediaType(s string) (MediaType, error) {
	m, off, reason := scanMediaType(trim(unfold(s)))
	if reason != "" {
		return MediaType{}, &ParseError{"media type", off, reason, "RFC 3261 25.1", 400}
	}
	return m, nil
}

func scanMediaType(s string) (m MediaType, off int, reason string) {
	var i int
	m.Type, i = scanToken(s, 0)
	m.Subtype, i = scanToken(s, skipSlash(s, i))
	if m.Type == "" || m.Subtype == "" {
		return m, i, "malformed media type"
	}
	if i = skipSpace(s, i); i < len(s) && s[i] != ';' {
		return m, i, "malformed media type"
	}
	if off, reason = checkParams(s[i:]); reason != "" {
		return m, i + off, reason
	}
	m.Params.text = s[i:]
	return m, 0, ""
}

// Is tells whether m is that type, "application/sdp" for instance, whatever its
// parameters and case.
func (m MediaType) Is(mediaType string) bool {
	t, subtype, _ := strings.Cut(mediaType, "/")
	return equalFold(m.Type, t) && equalFold(m.Subtype, subtype)
}

// String writes the value: "application/sdp;charset=utf-8".
func (m MediaType) String() string {
	return tokenOnly(m.Type) + "/" + tokenOnly(m.Subtype) + m.Params.text
}

// ContentType returns the Content-Type field. Without one the error matches
// ErrNoField.
func (h *Header) ContentType() (MediaType, error) {
	p, ok := h.first(hContentType, "Content-Type")
	if !ok {
		return MediaType{}, ErrNoField
	}
	m, off, reason := scanMediaType(h.at(p))
	if reason != "" {
		return MediaType{}, &ParseError{"Content-Type", off, reason, "RFC 3261 20.15", 400}
	}
	return m, nil
}
