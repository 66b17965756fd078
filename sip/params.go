package sip

import "iter"

// Params is the list of parameters after a URI, a Via or an address: an
// immutable value that keeps its text. Names are compared without regard to
// case. The zero Params is empty.
type Params struct {
	text string // begins with ";" or is empty
}

// ParseParams parses ";name=value;name", the first semicolon optional.
func ParseParams(s string) (Params, error) { panic("stub") }

// String returns the text, beginning with ";" unless it is empty.
func (p Params) String() string { return p.text }

// Get returns a parameter's value, unquoted if it was quoted; "", true for one
// without a value.
func (p Params) Get(name string) (string, bool) { panic("stub") }

// Has tells whether the parameter is there.
func (p Params) Has(name string) bool { panic("stub") }

// All yields names as written and values as written, quotes kept.
func (p Params) All() iter.Seq2[string, string] { panic("stub") }

// With returns p with the parameter set, in its place or at the end. A value
// that is no token and no host is quoted; an empty one leaves the name alone.
func (p Params) With(name, value string) Params { panic("stub") }

// Without returns p without the parameter.
func (p Params) Without(name string) Params { panic("stub") }
