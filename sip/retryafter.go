package sip

import (
	"strings"
	"time"
)

// RetryAfter is the value of the Retry-After field (RFC 3261 section 20.33).
type RetryAfter struct {
	After time.Duration
	// Comment stands in parentheses, without them.
	Comment string
	// Duration is how long the sender will be reachable; 0 if it is not said.
	Duration time.Duration
}

// RetryAfter returns the Retry-After field. Without one the error matches
// ErrNoField.
func (h *Header) RetryAfter() (RetryAfter, error) {
	const name = "Retry-After"
	p, ok := h.first(hRetryAfter, name)
	if !ok {
		return RetryAfter{}, ErrNoField
	}
	var r RetryAfter
	s := h.at(p)
	if i := strings.IndexByte(s, '('); i >= 0 {
		end := commentEnd(s, i)
		if end < 0 {
			return r, &ParseError{name, i, "unclosed comment", "RFC 3261 25.1", 400}
		}
		r.Comment = dropBackslashes(s[i+1 : end-1])
		s = s[:i] + s[end:]
	}
	it, err := fieldItem(name, trim(s))
	if err != nil {
		return RetryAfter{}, err
	}
	if r.After, err = parseSeconds(name, it.Value); err != nil {
		return RetryAfter{}, err
	}
	if duration, ok := it.Params.Get("duration"); ok {
		if r.Duration, err = parseSeconds(name, duration); err != nil {
			return RetryAfter{}, err
		}
	}
	return r, nil
}

// commentEnd returns the offset behind the comment that begins at s[i], or -1.
// Comments may lie in comments.
func commentEnd(s string, i int) int {
	depth := 0
	for ; i < len(s); i++ {
		switch s[i] {
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return i + 1
			}
		case '\\':
			i++
		}
	}
	return -1
}

// String writes the value: "120 (in a meeting);duration=3600".
func (r RetryAfter) String() string {
	s := seconds(r.After)
	if r.Comment != "" {
		s += " (" + strings.NewReplacer(`\`, `\\`, "(", `\(`, ")", `\)`).Replace(oneLine(r.Comment)) + ")"
	}
	if r.Duration > 0 {
		s += ";duration=" + seconds(r.Duration)
	}
	return s
}
