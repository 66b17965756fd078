package sip

import (
	"iter"
	"strconv"
	"strings"
)

// Warning is a value of the Warning field (RFC 3261 section 20.43).
type Warning struct {
	Code  int    // 300 to 399
	Agent string // host, host:port or a pseudonym
	Text  string
}

// ParseWarning parses a single value: a code of three digits, an agent and a
// quoted text. The error is a *ParseError.
func ParseWarning(s string) (Warning, error) {
	s = trim(unfold(s))
	code, rest, _ := strings.Cut(s, " ")
	agent, text, _ := strings.Cut(strings.TrimLeft(rest, " \t"), " ")
	text = trim(text)
	n, ok := parseUint(code, 999)
	if !ok || n < 100 || len(code) != 3 || agent == "" || text == "" || text[0] != '"' || quotedEnd(text, 0) != len(text) {
		return Warning{}, &ParseError{"Warning", 0, "malformed warning", "RFC 3261 20.43", 400}
	}
	return Warning{int(n), agent, unquote(text)}, nil
}

// Warnings yields the values of the Warning field; one that cannot be parsed
// comes with an error and ends the sequence.
func (h *Header) Warnings() iter.Seq2[Warning, error] {
	return func(yield func(Warning, error) bool) {
		h.each("Warning", func(s string) bool {
			w, err := ParseWarning(s)
			return yield(w, err) && err == nil
		})
	}
}

// String writes the value: `399 example.com "Text"`.
func (w Warning) String() string {
	b := strconv.AppendInt(nil, int64(w.Code), 10)
	b = append(b, ' ')
	b = append(b, oneLine(w.Agent)...)
	b = append(b, ' ')
	return string(appendQuoted(b, w.Text))
}
