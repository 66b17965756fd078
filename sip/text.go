package sip

import "encoding"

// URI, Params and Address marshal to the text that they were parsed from, so
// that encoding/json and the like keep them whole. The zero value is the empty
// text.
var (
	_ encoding.TextMarshaler   = URI{}
	_ encoding.TextUnmarshaler = (*URI)(nil)
	_ encoding.TextMarshaler   = Params{}
	_ encoding.TextUnmarshaler = (*Params)(nil)
	_ encoding.TextMarshaler   = Address{}
	_ encoding.TextUnmarshaler = (*Address)(nil)
)

// MarshalText returns the URI's text.
func (u URI) MarshalText() ([]byte, error) { return []byte(u.text), nil }

// UnmarshalText parses a URI; the empty text is the zero URI.
func (u *URI) UnmarshalText(text []byte) (err error) {
	*u = URI{}
	if len(text) > 0 {
		*u, err = ParseURI(string(text))
	}
	return err
}

// MarshalText returns the parameters' text.
func (p Params) MarshalText() ([]byte, error) { return []byte(p.text), nil }

// UnmarshalText parses parameters, as ParseParams does.
func (p *Params) UnmarshalText(text []byte) (err error) {
	*p, err = ParseParams(string(text))
	return err
}

// MarshalText returns what String does; the zero Address is the empty text.
func (a Address) MarshalText() ([]byte, error) {
	if a == (Address{}) {
		return nil, nil
	}
	return []byte(a.String()), nil
}

// UnmarshalText parses an address; the empty text is the zero Address.
func (a *Address) UnmarshalText(text []byte) (err error) {
	*a = Address{}
	if len(text) > 0 {
		*a, err = ParseAddress(string(text))
	}
	return err
}
