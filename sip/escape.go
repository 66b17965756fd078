package sip

import "strings"

const upperHex = "0123456789ABCDEF"

// Escape replaces what may not stand in the user part of a URI by %HH, % too.
func Escape(s string) string {
	if all(s, inUser) {
		return s
	}
	return string(appendEscaped(nil, s, false))
}

// appendEscaped appends s as the user part of a URI. keep leaves escapes that
// are in s as they are.
func appendEscaped(b []byte, s string, keep bool) []byte {
	return appendEscapedClass(b, s, inUser, keep)
}

// appendURIParam appends s as the value of a URI parameter; escapes in s stay.
func appendURIParam(b []byte, s string) []byte {
	return appendEscapedClass(b, s, inParam, true)
}

func appendEscapedClass(b []byte, s string, class uint8, keep bool) []byte {
	for i := range len(s) {
		c := s[i]
		if octets[c]&class != 0 || keep && isEscape(s, i) {
			b = append(b, c)
			continue
		}
		b = append(b, '%', upperHex[c>>4], upperHex[c&15])
	}
	return b
}

// Unescape replaces each %HH once; a % that begins no escape stays.
func Unescape(s string) string {
	i := strings.IndexByte(s, '%')
	if i < 0 {
		return s
	}
	b := append(make([]byte, 0, len(s)), s[:i]...)
	for i < len(s) {
		c, n := unescapeAt(s, i)
		b = append(b, c)
		i += n
	}
	return string(b)
}

// unescapeAt returns the octet that s[i] stands for and the length of its text.
func unescapeAt(s string, i int) (c byte, n int) {
	if !isEscape(s, i) {
		return s[i], 1
	}
	return unhex(s[i+1])<<4 | unhex(s[i+2]), 3
}

// isEscape tells whether %HH stands at s[i].
func isEscape(s string, i int) bool {
	return s[i] == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2])
}

func isHex(c byte) bool { return isDigit(c) || lower(c)-'a' < 6 }

func unhex(c byte) byte {
	if isDigit(c) {
		return c - '0'
	}
	return lower(c) - 'a' + 10
}

// equalEscaped compares two pieces of URI text: an octet outside of RFC 2396's
// reserved set equals its escape, and the case of hex digits means nothing (RFC
// 3261 section 19.1.4).
func equalEscaped(a, b string, fold bool) bool {
	i, j := 0, 0
	for i < len(a) && j < len(b) {
		c, m := unescapeAt(a, i)
		d, n := unescapeAt(b, j)
		if c != d && (!fold || lower(c) != lower(d)) {
			return false
		}
		if m != n && isReserved(c) {
			return false
		}
		i += m
		j += n
	}
	return i == len(a) && j == len(b)
}

// isReserved tells whether c is in the reserved set of RFC 2396 section 2.2.
func isReserved(c byte) bool { return strings.IndexByte(";/?:@&=+$,", c) >= 0 }
