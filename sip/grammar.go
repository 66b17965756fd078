package sip

import (
	"bytes"
	"strings"
)

// The sets of octets that RFC 3261 section 25.1 builds upon.
const (
	inToken  = 1 << iota // token
	inUser               // may stand unescaped in the user part of a URI
	inPass               // may stand unescaped in the password part
	inParam              // may stand unescaped in a URI parameter
	inHost               // host name; the underscore is widespread in practice
	inURI                // anything that a URI can be seen to hold
	inValue              // parameter value outside of quotes, liberal
	inScheme             // URI scheme, behind its first letter
)

// octets tells which sets each octet is in. It is written here alone.
var octets = classify()

func classify() (t [256]uint8) {
	set := func(class uint8, chars string) {
		for i := range len(chars) {
			t[chars[i]] |= class
		}
	}
	const alnum = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	const unreserved = alnum + "-_.!~*'()"
	set(inToken, alnum+"-.!%*_+`'~")
	set(inUser, unreserved+"&=+$,;?/")
	set(inPass, unreserved+"&=+$,")
	set(inParam, unreserved+"[]/:&+$")
	set(inHost, alnum+"-._")
	set(inScheme, alnum+"+-.")
	for c := 0x21; c < 256; c++ {
		if c == 0x7f {
			continue
		}
		if !strings.ContainsRune(`<>"`, rune(c)) || c > 0x7f {
			t[c] |= inURI
		}
		if !strings.ContainsRune(`<>",;\`, rune(c)) || c > 0x7f {
			t[c] |= inValue
		}
	}
	return t
}

// span returns how many octets at the beginning of s are in the set.
func span(s string, class uint8) int {
	i := 0
	for i+4 <= len(s) && octets[s[i]]&octets[s[i+1]]&octets[s[i+2]]&octets[s[i+3]]&class != 0 {
		i += 4
	}
	for i < len(s) && octets[s[i]]&class != 0 {
		i++
	}
	return i
}

// all tells whether each octet of s is in the set.
func all(s string, class uint8) bool { return span(s, class) == len(s) }

func isToken(s string) bool { return s != "" && all(s, inToken) }

// isSpace is true for white space in a header field, folds included.
func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

func isDigit(c byte) bool { return c-'0' <= 9 }

func lower(c byte) byte {
	if c-'A' < 26 {
		return c | 0x20
	}
	return c
}

// equalFold compares as ASCII without regard to case: the Kelvin sign is no k.
func equalFold(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if a[i] != b[i] && lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

// toLower returns s in lower case, s itself where it is already.
func toLower(s string) string {
	for i := range len(s) {
		if s[i]-'A' < 26 {
			return lowerCopy(s)
		}
	}
	return s
}

func lowerCopy(s string) string {
	b := []byte(s)
	for i, c := range b {
		b[i] = lower(c)
	}
	return string(b)
}

// trim removes white space around s.
func trim(s string) string {
	i, j := trimSpan(s, 0, len(s))
	return s[i:j]
}

// trimSpan moves i and j inwards past white space.
func trimSpan(s string, i, j int) (int, int) {
	for i < j && isSpace(s[i]) {
		i++
	}
	for i < j && isSpace(s[j-1]) {
		j--
	}
	return i, j
}

// skipSpace returns the offset of the next octet of s from i that is no white
// space.
func skipSpace(s string, i int) int {
	for i < len(s) && isSpace(s[i]) {
		i++
	}
	return i
}

// unfold makes one space of each fold and the white space around it (RFC 3261
// section 7.3.1).
func unfold(s string) string {
	if strings.IndexByte(s, '\n') < 0 && strings.IndexByte(s, '\r') < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '\r' && s[i] != '\n' {
			b = append(b, s[i])
			continue
		}
		for len(b) > 0 && isSpace(b[len(b)-1]) {
			b = b[:len(b)-1]
		}
		i = skipSpace(s, i) - 1
		b = append(b, ' ')
	}
	return string(b)
}

// quotedEnd returns the offset behind the quoted string that begins at s[i], or
// -1 if it does not end.
func quotedEnd(s string, i int) int {
	for i++; i < len(s); i++ {
		if s[i] == '"' {
			return i + 1
		}
		if s[i] == '\\' {
			i++
		}
	}
	return -1
}

// unquote removes the quotes around s, and the backslash of each quoted pair.
// What is not in quotes stays.
func unquote(s string) string {
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' {
		return s
	}
	return dropBackslashes(s[1 : len(s)-1])
}

// dropBackslashes undoes the quoted pairs in s.
func dropBackslashes(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b = append(b, s[i])
	}
	return string(b)
}

// appendQuoted appends s as a quoted string. Control characters that no field
// may hold become spaces.
func appendQuoted(b []byte, s string) []byte {
	b = append(b, '"')
	for i := range len(s) {
		c := s[i]
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case breaksLine(c):
			b = append(b, ' ')
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}

// breaksLine is true for the octets that could end a field before its time.
func breaksLine(c byte) bool { return c == '\r' || c == '\n' || c == 0 }

// oneLine returns s with each octet that could end the line replaced by a
// space.
func oneLine(s string) string {
	for i := range len(s) {
		if breaksLine(s[i]) {
			return replaceBreaks(s)
		}
	}
	return s
}

func replaceBreaks(s string) string {
	b := []byte(s)
	keepLine(b)
	return string(b)
}

// keepLine replaces each octet of b that could end the line by a space.
func keepLine(b []byte) {
	for _, c := range [...]byte{'\r', '\n', 0} {
		for rest := b; ; {
			i := bytes.IndexByte(rest, c)
			if i < 0 {
				break
			}
			rest[i] = ' '
			rest = rest[i+1:]
		}
	}
}

// tokenOnly returns s with each octet that may not stand in a token replaced by
// a hyphen: what a caller gives as a name must not become anything else.
func tokenOnly(s string) string {
	if all(s, inToken) {
		return s
	}
	b := []byte(s)
	for i, c := range b {
		if octets[c]&inToken == 0 {
			b[i] = '-'
		}
	}
	return string(b)
}

// parseUint parses decimal digits up to limit. ok is false for anything else.
func parseUint(s string, limit uint64) (n uint64, ok bool) {
	if s == "" {
		return 0, false
	}
	for i := range len(s) {
		if !isDigit(s[i]) {
			return 0, false
		}
		if n = n*10 + uint64(s[i]-'0'); n > limit {
			return 0, false
		}
	}
	return n, true
}

// nextElement returns where the element of the comma list s that begins at i
// lies, white space around it left out, and where the next one begins; that is
// beyond len(s) behind the last. A comma in quotes or in angle brackets
// separates nothing.
func nextElement(s string, i int) (start, end, next int) {
	j := len(s)
	if n := strings.IndexByte(s[i:], ','); n >= 0 {
		j = i + n
		if strings.IndexByte(s[i:j], '"') >= 0 || strings.IndexByte(s[i:j], '<') >= 0 {
			j = elementEnd(s, i)
		}
	}
	start, end = trimSpan(s, i, j)
	return start, end, j + 1
}

// elementEnd returns where the comma is that ends the element that begins at i.
func elementEnd(s string, i int) int {
	for i < len(s) {
		switch s[i] {
		case ',':
			return i
		case '"':
			if i = quotedEnd(s, i); i < 0 {
				return len(s)
			}
		case '<':
			n := strings.IndexByte(s[i:], '>')
			if n < 0 {
				return len(s)
			}
			i += n + 1
		default:
			i++
		}
	}
	return len(s)
}
