package sip

import (
	"iter"
	"strings"
)

// An Item is a value with parameters, as Event, Content-Disposition and most
// fields hold that are no address: "presence;id=7".
type Item struct {
	Value  string
	Params Params
}

// ParseItem parses a single value and its parameters. The value holds no quotes
// and no white space. The error is a *ParseError.
func ParseItem(s string) (Item, error) {
	it, off, reason := scanItem(trim(unfold(s)))
	if reason != "" {
		return Item{}, &ParseError{"value", off, reason, "RFC 3261 25.1", 400}
	}
	return it, nil
}

func scanItem(s string) (it Item, off int, reason string) {
	end := len(s)
	if n := strings.IndexByte(s, ';'); n >= 0 {
		end = n
	}
	it.Value = trim(s[:end])
	switch {
	case it.Value == "":
		return it, 0, "empty value"
	case strings.ContainsAny(it.Value, " \t\r\n\x00"):
		return it, 0, "white space in a value"
	}
	if off, reason = checkParams(s[end:]); reason != "" {
		return it, end + off, reason
	}
	it.Params.text = s[end:]
	return it, 0, ""
}

// String writes the value and its parameters.
func (it Item) String() string { return it.Value + it.Params.text }

// Item returns the first value of a field with its parameters. Without one the
// error matches ErrNoField.
func (h *Header) Item(name string) (Item, error) {
	p, ok := h.first(lookupName(name), name)
	if !ok {
		return Item{}, ErrNoField
	}
	return fieldItem(name, h.at(p))
}

// Items yields each value of a field with its parameters; one that cannot be
// parsed comes with an error and ends the sequence.
func (h *Header) Items(name string) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		h.each(name, func(s string) bool {
			it, err := fieldItem(name, s)
			return yield(it, err) && err == nil
		})
	}
}

func fieldItem(name, s string) (Item, error) {
	it, off, reason := scanItem(s)
	if reason != "" {
		return Item{}, &ParseError{name, off, reason, "RFC 3261 25.1", 400}
	}
	return it, nil
}
