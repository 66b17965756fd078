package sip

// NewRequest makes a request outside of any dialog with the fields that RFC
// 3261 section 8.1.1 asks for: From (a tag is added), To, Call-ID, CSeq 1,
// Max-Forwards 70. Via is added when it is sent.
func NewRequest(m Method, uri URI, from, to Address) *Request { panic("stub") }

// NewResponse makes a response to req (RFC 3261 section 8.2.6): Via, From, To,
// Call-ID and CSeq are copied, and Record-Route where the response can form a
// dialog (12.1.1). Above 100, a To without a tag gets one: the same in each
// response to req.
func NewResponse(req *Request, code int) *Response { panic("stub") }

// NewACK makes the ACK for a final response to invite. For a 300 to 699 it is
// the one of the transaction, with the INVITE's branch (RFC 3261 section
// 17.1.1.3). For a 2xx it goes to the response's Contact by its Record-Route
// (13.2.2.4) and is sent as a request of its own.
func NewACK(invite *Request, resp *Response) (*Request, error) { panic("stub") }

// NewCancel makes the CANCEL for invite, with its branch and CSeq number (RFC
// 3261 section 9.1).
func NewCancel(invite *Request) *Request { panic("stub") }

// NewTag returns a random tag of 64 bits (RFC 3261 section 19.3).
func NewTag() string { panic("stub") }

// NewBranch returns a random branch that begins with the magic cookie.
func NewBranch() string { panic("stub") }

// NewCallID returns a random Call-ID.
func NewCallID() string { panic("stub") }
