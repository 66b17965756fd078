package sip

import (
	"errors"
	"fmt"
)

// ErrNoField is what typed access returns for a field that is not there.
var ErrNoField = errors.New("sip: no such header field")

// A ParseError says what is wrong with a message and where.
type ParseError struct {
	Field   string // header field, "Request-Line", "Status-Line", "URI", ...
	Offset  int    // byte offset into what was parsed; -1 where it is not known
	Reason  string // what is wrong, fit for the reason phrase of a 400
	Section string // the rule, "RFC 3261 20.42"
	Code    int    // the response that it deserves: 400, 413, 505, 513, ...
}

func (e *ParseError) Error() string {
	return fmt.Sprintf("sip: %s: %s (at %d, %s)", e.Field, e.Reason, e.Offset, e.Section)
}

// A StatusError is an error that becomes a response on the wire: a handler
// that returns one has answered with its code (transaction.Handler).
type StatusError struct {
	Code   int    // 300 to 699
	Reason string // the reason phrase; "" takes the usual one
	Header Header // fields to add to the response
	Err    error  // the cause, for logs; never sent
}

func (e *StatusError) Error() string {
	reason := e.Reason
	if reason == "" {
		reason = ReasonPhrase(e.Code)
	}
	text := fmt.Sprintf("sip: %d %s", e.Code, reason)
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns the cause.
func (e *StatusError) Unwrap() error { return e.Err }
