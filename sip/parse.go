package sip

// Parse parses one whole message, a datagram for instance, within the default
// limits. It is Limits{}.Parse.
func Parse(packet []byte) (Message, error) { return Limits{}.Parse(packet) }

// Parse parses one whole message. It copies packet once; every field is a
// substring of that copy.
//
// Parse asks for what routing needs: a start line, fields that have a name and
// a colon, a body as long as Content-Length says (octets beyond it are noise,
// RFC 3261 section 18.3). What the fields hold is judged by those who ask for
// it, and by Validate. The error is a *ParseError. Where the message could be
// answered all the same, it comes back beside the error; otherwise it is nil.
func (l Limits) Parse(packet []byte) (Message, error) { panic("stub") }

// Validate tells which response an element must give to a request that cannot
// be processed (RFC 3261 sections 8.2 and 16.3): 505 for the version, 400 for a
// missing, repeated or malformed To, From, Call-ID, CSeq, Via or Max-Forwards,
// or a CSeq method that is another than the request's. It is nil, or a
// *StatusError whose reason names the field.
func (r *Request) Validate() error { panic("stub") }

// Validate tells whether a response can be processed; one that cannot is
// dropped.
func (r *Response) Validate() error { panic("stub") }
