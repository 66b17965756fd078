package sip

import (
	"iter"
	"strings"
)

// Privacy yields what the Privacy field asks to hide: "header", "session",
// "user", "none", "critical", "id", "history" (RFC 3323 section 4.2, RFC 3325,
// RFC 7044), as written. A semicolon separates the values; a comma is taken for
// one too.
func (h *Header) Privacy() iter.Seq[string] {
	return func(yield func(string) bool) {
		h.each("Privacy", func(s string) bool {
			for value := range strings.FieldsFuncSeq(s, func(r rune) bool { return r == ';' || r == ',' }) {
				if value = trim(value); value != "" && !yield(value) {
					return false
				}
			}
			return true
		})
	}
}
