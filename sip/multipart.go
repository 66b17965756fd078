package sip

import (
	"errors"
	"iter"
	"strings"
)

// ErrNoPart is what FindPart returns if no part of the body has the type.
var ErrNoPart = errors.New("sip: no such body part")

// A Part is a piece of a body with fields of its own (RFC 2046 section 5.1, RFC
// 5621).
type Part struct {
	Header Header
	// Body is the content, byte for byte.
	Body string
}

// Parts yields the parts of a message's multipart body in order. A body of
// another type is the only part, with the message's header; an empty body has
// none. Parts that are multiparts themselves come whole: Part.Parts takes them
// apart. What is malformed comes with a *ParseError and ends the sequence.
func Parts(m Message) iter.Seq2[*Part, error] {
	if m.Body() == "" {
		return func(func(*Part, error) bool) {}
	}
	return (&Part{Header: m.Head().Clone(), Body: m.Body()}).Parts()
}

// Parts yields the parts of a multipart, or p itself if it is none.
func (p *Part) Parts() iter.Seq2[*Part, error] {
	return func(yield func(*Part, error) bool) {
		boundary, ok := p.boundary()
		if !ok {
			yield(p, nil)
			return
		}
		if boundary == "" || len(boundary) > 70 {
			yield(nil, badMultipart("malformed boundary"))
			return
		}
		_, next, last := cutPart(p.Body, "--"+boundary, 0)
		if next < 0 {
			yield(nil, badMultipart("no boundary in the body"))
			return
		}
		for !last {
			var text string
			begin := next
			if text, next, last = cutPart(p.Body, "--"+boundary, begin); next < 0 {
				yield(nil, badMultipart("no closing boundary"))
				return
			}
			part, err := parsePart(text)
			if !yield(part, err) || err != nil {
				return
			}
		}
	}
}

func badMultipart(reason string) error {
	return &ParseError{"body", -1, reason, "RFC 2046 5.1", 400}
}

// boundary returns the boundary of a multipart; ok is false if p is none.
func (p *Part) boundary() (boundary string, ok bool) {
	m, err := p.Header.ContentType()
	if err != nil || !equalFold(m.Type, "multipart") {
		return "", false
	}
	boundary, _ = m.Params.Get("boundary")
	return boundary, true
}

// cutPart returns the text of body from begin up to the next line that is a
// delimiter, and where the line behind that one begins; last tells the closing
// delimiter. next is -1 if there is none.
func cutPart(body, delimiter string, begin int) (text string, next int, last bool) {
	for i := begin; ; {
		n := strings.Index(body[i:], delimiter)
		if n < 0 {
			return "", -1, false
		}
		at := i + n
		i = at + len(delimiter)
		if at > 0 && body[at-1] != '\n' {
			continue
		}
		rest := body[i:]
		if last = strings.HasPrefix(rest, "--"); last {
			rest = rest[2:]
		}
		line, _, ended := strings.Cut(rest, "\n")
		if trim(line) != "" || !ended && !last {
			continue // a boundary that merely begins like this one
		}
		// The line end in front belongs to the delimiter.
		end := at
		if end > begin {
			end--
		}
		if end > begin && body[end-1] == '\r' {
			end--
		}
		return body[begin:end], min(len(body), len(body)-len(rest)+len(line)+1), last
	}
}

// parsePart parses the fields and the body of a part.
func parsePart(text string) (*Part, error) {
	part := new(Part)
	p := parser{limits: Limits{}.withDefaults(), text: text}
	part.Header.datagram = text
	p.fields(&part.Header)
	if p.err != nil {
		return nil, p.err
	}
	part.Body = text[p.pos:]
	return part, nil
}

// FindPart looks for the first part of a message's body with that media type,
// "application/sdp" for instance, within the default limits. It is
// Limits{}.FindPart.
func FindPart(m Message, mediaType string) (*Part, error) {
	return Limits{}.FindPart(m, mediaType)
}

// FindPart looks for the first part of a message's body with that media type,
// in multiparts in multiparts down to Limits.Nesting. The error is ErrNoPart or
// a *ParseError.
func (l Limits) FindPart(m Message, mediaType string) (*Part, error) {
	if m.Body() == "" {
		return nil, ErrNoPart
	}
	whole := &Part{Header: m.Head().Clone(), Body: m.Body()}
	return whole.find(mediaType, l.withDefaults().Nesting)
}

func (p *Part) find(mediaType string, depth int) (*Part, error) {
	if m, err := p.Header.ContentType(); err == nil && m.Is(mediaType) {
		return p, nil
	}
	if _, ok := p.boundary(); !ok {
		return nil, ErrNoPart
	}
	if depth == 0 {
		return nil, badMultipart("multiparts nested too deep")
	}
	for part, err := range p.Parts() {
		if err != nil {
			return nil, err
		}
		found, err := part.find(mediaType, depth-1)
		if found != nil || !errors.Is(err, ErrNoPart) {
			return found, err
		}
	}
	return nil, ErrNoPart
}

// NewMultipart puts parts together to a body with its Content-Type, for
// SetBody. subtype is "mixed", "alternative" or another.
func NewMultipart(subtype string, parts ...*Part) (contentType, body string) {
	// 64 random bits are in no part.
	boundary := NewTag()
	var b []byte
	for _, p := range parts {
		b = append(b, "--"+boundary+"\r\n"...)
		b = p.Header.append(b)
		b = append(b, p.Body...)
		b = append(b, "\r\n"...)
	}
	b = append(b, "--"+boundary+"--\r\n"...)
	return "multipart/" + tokenOnly(subtype) + ";boundary=" + boundary, string(b)
}
