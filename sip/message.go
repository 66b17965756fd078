package sip

import "sync/atomic"

// Message is a *Request or a *Response; no other type implements it.
type Message interface {
	// Head returns the message's header, which may be edited through it.
	Head() *Header
	// Body returns the body, byte for byte as it came; it may hold any octet.
	Body() string
	// SetBody replaces the body and sets Content-Type and Content-Length. An
	// empty contentType removes the Content-Type field.
	SetBody(contentType, body string)
	// Append appends the message as it goes on the wire to b.
	Append(b []byte) []byte
	// String returns the message as it goes on the wire.
	String() string

	message()
}

var (
	_ Message = (*Request)(nil)
	_ Message = (*Response)(nil)
)

// inlineFields is how many header fields a message holds without a second
// allocation; a request that has crossed three proxies fits.
const inlineFields = 20

// A Request is a SIP request (RFC 3261 section 7.1). It belongs to one
// goroutine at a time; Clone gives another one a request of its own.
type Request struct {
	// Method is case-sensitive; the known ones are constants.
	Method Method
	// URI is the Request-URI.
	URI URI
	Header

	version string // "SIP/2.0" as it came; empty means SIP/2.0
	body    string
	toTag   atomic.Pointer[string] // what NewResponse puts into To; one a request
	inline  [inlineFields]field
}

// A Response is a SIP response (RFC 3261 section 7.2). It belongs to one
// goroutine at a time; Clone gives another one a response of its own.
type Response struct {
	// StatusCode is 100 to 699.
	StatusCode int
	// Reason is the reason phrase, which may be empty and may be UTF-8.
	Reason string
	Header

	version string
	body    string
	inline  [inlineFields]field
}

func (r *Request) message()  {}
func (r *Response) message() {}

// Head implements Message.
func (r *Request) Head() *Header { return &r.Header }

// Head implements Message.
func (r *Response) Head() *Header { return &r.Header }

// Body implements Message.
func (r *Request) Body() string { return r.body }

// Body implements Message.
func (r *Response) Body() string { return r.body }

// SetBody implements Message.
func (r *Request) SetBody(contentType, body string) { panic("stub") }

// SetBody implements Message.
func (r *Response) SetBody(contentType, body string) { panic("stub") }

// Append implements Message.
func (r *Request) Append(b []byte) []byte { panic("stub") }

// Append implements Message.
func (r *Response) Append(b []byte) []byte { panic("stub") }

// String implements Message.
func (r *Request) String() string { return string(r.Append(nil)) }

// String implements Message.
func (r *Response) String() string { return string(r.Append(nil)) }

// Clone returns a copy that shares no state with r; the text of the fields,
// which never changes, is shared.
func (r *Request) Clone() *Request { panic("stub") }

// Clone returns a copy that shares no state with r; the text of the fields,
// which never changes, is shared.
func (r *Response) Clone() *Response { panic("stub") }
