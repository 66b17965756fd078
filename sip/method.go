package sip

// A Method is the method of a request; it is case-sensitive (RFC 3261 section 7.1).
type Method string

// The methods of RFC 3261, 3262, 3311, 3428, 3515, 3903, 6086 and 6665.
const (
	INVITE    Method = "INVITE"
	ACK       Method = "ACK"
	BYE       Method = "BYE"
	CANCEL    Method = "CANCEL"
	OPTIONS   Method = "OPTIONS"
	REGISTER  Method = "REGISTER"
	PRACK     Method = "PRACK"
	UPDATE    Method = "UPDATE"
	MESSAGE   Method = "MESSAGE"
	REFER     Method = "REFER"
	PUBLISH   Method = "PUBLISH"
	INFO      Method = "INFO"
	SUBSCRIBE Method = "SUBSCRIBE"
	NOTIFY    Method = "NOTIFY"
)
