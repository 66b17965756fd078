package sip

// Limits bound what Parse accepts. A field that is zero takes the default.
type Limits struct {
	Message int // octets of a whole message; default 65,535. Passed: 513
	Fields  int // header fields; default 256. Passed: 400
	Field   int // octets of one field, folds included; default 8,192. Passed: 400
	Vias    int // Via values; default 70. Passed: 400
	URI     int // octets of the Request-URI; default 2,048. Passed: 414
}

// withDefaults fills in what is zero.
func (l Limits) withDefaults() Limits {
	for _, v := range []struct {
		limit *int
		usual int
	}{{&l.Message, 65535}, {&l.Fields, 256}, {&l.Field, 8192}, {&l.Vias, 70}, {&l.URI, 2048}} {
		if *v.limit <= 0 {
			*v.limit = v.usual
		}
	}
	return l
}
