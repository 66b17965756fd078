package sip

import (
	"strconv"
	"sync/atomic"
)

// Message is a *Request or a *Response; no other type implements it.
type Message interface {
	// Head returns the message's header, which may be edited through it.
	Head() *Header
	// Body returns the body, byte for byte as it came; it may hold any octet.
	Body() string
	// SetBody replaces the body and sets Content-Type and Content-Length. An
	// empty contentType removes the Content-Type field.
	SetBody(contentType, body string)
	// Append appends the message as it goes on the wire to b. Fields that
	// nobody changed are written byte for byte as they came, Content-Length
	// among them: a message that came in a datagram without one has none, and
	// needs one before it goes over a stream.
	Append(b []byte) []byte
	// String returns the message as it goes on the wire.
	String() string

	message()
}

var (
	_ Message = (*Request)(nil)
	_ Message = (*Response)(nil)
)

// inlineFields is how many header fields a message holds without another
// allocation; a request that has crossed three proxies fits. With this number a
// Request fills a size class of the allocator.
const inlineFields = 22

// A Request is a SIP request (RFC 3261 section 7.1). It belongs to one
// goroutine at a time; Clone gives another one a request of its own.
type Request struct {
	// Method is case-sensitive; the known ones are constants.
	Method Method
	// URI is the Request-URI.
	URI URI
	Header

	version string // as it came; empty means SIP/2.0
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
func (r *Request) SetBody(contentType, body string) {
	r.body = body
	r.describeBody(contentType, len(body))
}

// SetBody implements Message.
func (r *Response) SetBody(contentType, body string) {
	r.body = body
	r.describeBody(contentType, len(body))
}

func (h *Header) describeBody(contentType string, n int) {
	if contentType == "" {
		h.Del("Content-Type")
	} else {
		h.Set("Content-Type", contentType)
	}
	h.Set("Content-Length", strconv.Itoa(n))
}

const sipVersion = "SIP/2.0"

// Append implements Message.
func (r *Request) Append(b []byte) []byte {
	b = append(b, tokenOnly(string(r.Method))...)
	b = append(b, ' ')
	b = append(b, r.URI.text...)
	b = append(b, ' ')
	b = appendVersion(b, r.version)
	b = append(b, '\r', '\n')
	b = r.Header.append(b)
	return append(b, r.body...)
}

// Append implements Message.
func (r *Response) Append(b []byte) []byte {
	b = appendVersion(b, r.version)
	b = append(b, ' ')
	b = strconv.AppendInt(b, int64(r.StatusCode), 10)
	b = append(b, ' ')
	b = append(b, oneLine(r.Reason)...)
	b = append(b, '\r', '\n')
	b = r.Header.append(b)
	return append(b, r.body...)
}

func appendVersion(b []byte, version string) []byte {
	if version == "" {
		version = sipVersion
	}
	return append(b, version...)
}

// Size returns how many octets Append appends.
func (r *Request) Size() int {
	version := len(r.version)
	if version == 0 {
		version = len(sipVersion)
	}
	return len(r.Method) + 1 + len(r.URI.text) + 1 + version + 2 + r.size() + len(r.body)
}

// String implements Message.
func (r *Request) String() string { return string(r.Append(make([]byte, 0, r.Size()))) }

// String implements Message.
func (r *Response) String() string {
	n := len(r.Reason) + len(r.body) + r.size() + 32
	return string(r.Append(make([]byte, 0, n)))
}

// Clone returns a copy that shares no state with r; the text of the fields,
// which never changes, is shared. If NewResponse has already chosen a To tag
// for r, responses to the copy carry it too.
func (r *Request) Clone() *Request {
	c := &Request{Method: r.Method, URI: r.URI, version: r.version, body: r.body}
	c.fields = append(c.inline[:0], r.fields...)
	c.shareText(&r.Header)
	c.toTag.Store(r.toTag.Load())
	return c
}

// Clone returns a copy that shares no state with r; the text of the fields,
// which never changes, is shared.
func (r *Response) Clone() *Response {
	c := &Response{StatusCode: r.StatusCode, Reason: r.Reason, version: r.version, body: r.body}
	c.fields = append(c.inline[:0], r.fields...)
	c.shareText(&r.Header)
	return c
}

// newRequest returns a request with room for fields.
func newRequest() *Request {
	r := new(Request)
	r.fields = r.inline[:0]
	return r
}

// newResponse returns a response with room for fields.
func newResponse() *Response {
	r := new(Response)
	r.fields = r.inline[:0]
	return r
}
