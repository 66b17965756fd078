package sip

import (
	"iter"
	"strconv"
)

// Reason is a value of the Reason field (RFC 3326): why a request was sent.
type Reason struct {
	// Protocol is "SIP", "Q.850" or another, as written.
	Protocol string
	// Cause is a status code or a Q.850 cause; 0 if it is not said.
	Cause int
	Text  string
}

// Reasons yields the values of the Reason field; one that cannot be parsed comes
// with an error and ends the sequence.
func (h *Header) Reasons() iter.Seq2[Reason, error] {
	return func(yield func(Reason, error) bool) {
		for it, err := range h.Items("Reason") {
			var r Reason
			if err == nil {
				r, err = reasonOf(it)
			}
			if !yield(r, err) || err != nil {
				return
			}
		}
	}
}

func reasonOf(it Item) (Reason, error) {
	r := Reason{Protocol: it.Value}
	r.Text, _ = it.Params.Get("text")
	if cause, ok := it.Params.Get("cause"); ok {
		n, ok := parseUint(cause, 999)
		if !ok {
			return Reason{}, &ParseError{"Reason", 0, "malformed cause", "RFC 3326 2", 400}
		}
		r.Cause = int(n)
	}
	return r, nil
}

// String writes the value: `Q.850;cause=16;text="Terminated"`.
func (r Reason) String() string {
	b := append([]byte(nil), tokenOnly(r.Protocol)...)
	if r.Cause != 0 {
		b = strconv.AppendInt(append(b, ";cause="...), int64(r.Cause), 10)
	}
	if r.Text != "" {
		b = appendQuoted(append(b, ";text="...), r.Text)
	}
	return string(b)
}
