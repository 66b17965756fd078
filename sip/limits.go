package sip

import "cmp"

// Limits bound what Parse accepts. A limit that is zero or less takes the
// default.
type Limits struct {
	Message int // octets of a whole message; default 65,535. Passed: 513
	Fields  int // header fields; default 256. Passed: 400
	Field   int // octets of one field, folds included; default 8,192. Passed: 400
	Vias    int // Via values; default 70. Passed: 400
	URI     int // octets of the Request-URI; default 2,048. Passed: 414
	Params  int // parameters of one Via or address; default 128. Passed: 400
	Nesting int // multiparts in multiparts; default 3. Passed: FindPart fails
}

// withDefaults fills in what is zero.
func (l Limits) withDefaults() Limits {
	if l == (Limits{}) { // as for most messages
		return Limits{65535, 256, 8192, 70, 2048, 128, 3}
	}
	l.Message = cmp.Or(max(0, l.Message), 65535)
	l.Fields = cmp.Or(max(0, l.Fields), 256)
	l.Field = cmp.Or(max(0, l.Field), 8192)
	l.Vias = cmp.Or(max(0, l.Vias), 70)
	l.URI = cmp.Or(max(0, l.URI), 2048)
	l.Params = cmp.Or(max(0, l.Params), 128)
	l.Nesting = cmp.Or(max(0, l.Nesting), 3)
	return l
}
