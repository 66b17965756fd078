package sip

import (
	"math"
	"strings"
)

// Parse parses one whole message, a datagram for instance, within the default
// limits. It is Limits{}.Parse.
func Parse(packet []byte) (Message, error) { return Limits{}.Parse(packet) }

// Parse parses one whole message. It copies packet once; every field is a
// substring of that copy.
//
// Parse asks for what routing needs: a start line with single spaces, fields
// that have a name and a colon, an empty line, a body as long as Content-Length
// says (octets beyond it are noise, RFC 3261 section 18.3). Empty lines in front
// are skipped (7.5). A bare LF ends a line like CRLF, and is written as CRLF; a
// CR anywhere else in a line is an error. What the fields hold is judged by
// those who ask for it, and by Validate.
//
// The error is a *ParseError. A request whose start line could be read comes
// back beside the error with the fields that were sound, so that it can be
// answered with the error's Code; its URI may be zero. Otherwise the message is
// nil.
func (l Limits) Parse(packet []byte) (Message, error) {
	l = l.withDefaults()
	begin := 0
	for begin < len(packet) && (packet[begin] == '\r' || packet[begin] == '\n') {
		begin++
	}
	packet = packet[begin:]
	var tooBig error
	if len(packet) > l.Message {
		packet = packet[:l.Message]
		tooBig = &ParseError{"message", l.Message, "Message Too Large", "RFC 3261 21.5.7", 513}
	}
	if len(packet) < len(sipVersion) {
		return nil, &ParseError{"start line", 0, "not a SIP message", "RFC 3261 7", 400}
	}
	p := parser{limits: l, err: tooBig}
	if packet[3] == '/' && equalFold(string(packet[:4]), "SIP/") {
		return p.response(packet)
	}
	return p.request(packet)
}

// parser is the state of one Parse.
type parser struct {
	limits Limits
	text   string // the copy of the datagram
	pos    int    // what was not read yet
	err    error  // the first error
}

func (p *parser) fail(field string, offset int, reason, section string, code int) {
	if p.err == nil {
		p.err = &ParseError{field, offset, reason, section, code}
	}
}

// hold copies the datagram into the builder, with room for edits behind it.
func (p *parser) hold(b *strings.Builder, packet []byte) {
	b.Grow(len(packet) + textRoom)
	b.Write(packet)
	p.text = b.String()
}

func (p *parser) request(packet []byte) (Message, error) {
	if octets[packet[0]]&inToken == 0 {
		return nil, &ParseError{"Request-Line", 0, "not a SIP message", "RFC 3261 7.1", 400}
	}
	r := newRequest()
	p.hold(&r.text, packet)
	if !p.requestLine(r) {
		return nil, p.err
	}
	p.fields(&r.Header)
	r.body = p.body(&r.Header)
	return r, p.err
}

func (p *parser) response(packet []byte) (Message, error) {
	r := newResponse()
	p.hold(&r.text, packet)
	if p.statusLine(r); p.err != nil {
		return nil, p.err
	}
	p.fields(&r.Header)
	r.body = p.body(&r.Header)
	if p.err != nil {
		return nil, p.err
	}
	return r, nil
}

// line returns the next line without its end and moves behind it. ok is false
// if the text ends before the line does.
func (p *parser) line() (line string, ok bool) {
	n := strings.IndexByte(p.text[p.pos:], '\n')
	if n < 0 {
		line, p.pos = p.text[p.pos:], len(p.text)
		return line, false
	}
	line = p.text[p.pos : p.pos+n]
	p.pos += n + 1
	if n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	return line, true
}

// requestLine reads the Request-Line (RFC 3261 section 7.1). It returns false
// if this is no request at all.
func (p *parser) requestLine(r *Request) bool {
	line, _ := p.line()
	trimmed := strings.TrimRight(line, " \t")
	sp1, sp2 := strings.IndexByte(trimmed, ' '), strings.LastIndexByte(trimmed, ' ')
	if sp1 <= 0 || sp1 == sp2 || !isToken(trimmed[:sp1]) || !isVersion(trimmed[sp2+1:]) {
		p.err = &ParseError{"Request-Line", 0, "not a SIP message", "RFC 3261 7.1", 400}
		return false
	}
	r.Method = Method(trimmed[:sp1])
	r.setVersion(trimmed[sp2+1:])
	uri := trimmed[sp1+1 : sp2]
	if len(trimmed) < len(line) {
		p.fail("Request-Line", len(trimmed), "white space behind the version", "RFC 3261 7.1", 400)
	}
	if len(uri) > p.limits.URI {
		p.fail("Request-URI", sp1+1, "Request-URI Too Long", "RFC 3261 21.4.12", 414)
		return true
	}
	var off int
	var reason string
	if r.URI, off, reason = scanURI(uri); reason != "" {
		r.URI = URI{}
		p.fail("Request-URI", sp1+1+off, reason, "RFC 3261 7.1", 400)
	}
	return true
}

func (r *Request) setVersion(v string) {
	if v != sipVersion {
		r.version = v
	}
}

// isVersion tells whether s is SIP/ and digits with a dot.
func isVersion(s string) bool {
	if len(s) < len(sipVersion) || !equalFold(s[:4], "SIP/") {
		return false
	}
	major, minor, _ := strings.Cut(s[4:], ".")
	_, ok1 := parseUint(major, math.MaxUint32)
	_, ok2 := parseUint(minor, math.MaxUint32)
	return ok1 && ok2
}

// statusLine reads the Status-Line (RFC 3261 section 7.2).
func (p *parser) statusLine(r *Response) {
	line, _ := p.line()
	version, rest, _ := strings.Cut(line, " ")
	code, reason, _ := strings.Cut(rest, " ")
	n, ok := parseUint(code, 699)
	switch {
	case !isVersion(version):
		p.fail("Status-Line", 0, "malformed version", "RFC 3261 7.2", 400)
	case len(code) != 3 || !ok || n < 100:
		p.fail("Status-Line", len(version)+1, "malformed status code", "RFC 3261 7.2", 400)
	case strings.IndexByte(reason, '\r') >= 0:
		p.fail("Status-Line", len(version), "CR inside of the line", "RFC 3261 7.2", 400)
	}
	if version != sipVersion {
		r.version = version
	}
	r.StatusCode, r.Reason = int(n), reason
}

// fields reads the header fields up to the empty line.
func (p *parser) fields(h *Header) {
	for p.pos < len(p.text) {
		begin := p.pos
		line, ok := p.line()
		if line == "" && ok {
			p.countVias(h)
			return
		}
		end, folded := begin+len(line), false
		for ok && p.pos < len(p.text) && (p.text[p.pos] == ' ' || p.text[p.pos] == '\t') {
			begin := p.pos
			line, ok = p.line()
			end, folded = begin+len(line), true
		}
		if len(h.fields) == p.limits.Fields {
			p.fail("header", begin, "too many header fields", "RFC 3261 21.4.1", 400)
			p.pos = len(p.text)
			return
		}
		if f, ok := p.field(p.text[begin:end], begin, folded); ok {
			h.fields = append(h.fields, f)
		}
	}
	p.fail("header", len(p.text), "no empty line behind the header", "RFC 3261 7", 400)
	p.countVias(h)
}

// field takes the text of one field apart and says what is wrong with it.
func (p *parser) field(text string, begin int, folded bool) (field, bool) {
	if len(text) > p.limits.Field {
		p.fail("header", begin, "header field too long", "RFC 3261 21.4.1", 400)
		return field{}, false
	}
	f, reason := scanField(text)
	if reason != "" {
		p.fail("header", begin, reason, "RFC 3261 7.3", 400)
		return field{}, false
	}
	if !folded && strings.IndexByte(text, '\r') < 0 {
		return f, true
	}
	// A CR that ends no line is an error, since others may take it for one. A
	// fold with a bare LF is unfolded for good: it is not to be written.
	crlf := strings.Count(text, "\r\n")
	if strings.Count(text, "\r") != crlf {
		p.fail(f.nameText(), begin, "CR inside of the field", "RFC 3261 25.1", 400)
		return field{}, false
	}
	if strings.Count(text, "\n") != crlf {
		f, _ = scanField(unfold(text))
	}
	f.folded = strings.IndexByte(f.raw(), '\n') >= 0
	return f, true
}

// countVias holds the number of Via values against the limit.
func (p *parser) countVias(h *Header) {
	most := 0
	for i := h.index(hVia, "Via", 0); i >= 0; i = h.index(hVia, "Via", i+1) {
		most += 1 + strings.Count(h.fields[i].raw(), ",")
	}
	if most <= p.limits.Vias {
		return
	}
	n := 0
	h.each("Via", func(string) bool { n++; return true })
	if n > p.limits.Vias {
		p.fail("Via", -1, "too many Via values", "RFC 3261 16.3", 400)
	}
}

// body returns what follows the header, as much of it as Content-Length says.
func (p *parser) body(h *Header) string {
	body := p.text[p.pos:]
	length := -1
	for i := h.index(hContentLength, "Content-Length", 0); i >= 0; i = h.index(hContentLength, "Content-Length", i+1) {
		n, ok := parseUint(h.fields[i].value(), math.MaxInt32)
		switch {
		case !ok:
			p.fail("Content-Length", -1, "malformed Content-Length", "RFC 3261 20.14", 400)
			return body
		case length >= 0 && length != int(n):
			p.fail("Content-Length", -1, "two different Content-Length", "RFC 3261 20.14", 400)
			return body
		}
		length = int(n)
	}
	switch {
	case length > len(body):
		p.fail("Content-Length", -1, "Content-Length beyond the end of the message", "RFC 3261 18.3", 400)
	case length >= 0:
		body = body[:length]
	}
	return body
}
