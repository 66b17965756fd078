package sip

// Limits bound what Parse accepts. A field that is zero takes the default.
type Limits struct {
	Message int // bytes of a whole message; default 65,535. Passed: 513
	Fields  int // header fields; default 256. Passed: 400
	Field   int // bytes of one field, folds included; default 8,192. Passed: 400
	Vias    int // Via values; default 70. Passed: 400
	URI     int // bytes of the Request-URI; default 2,048. Passed: 414
}
