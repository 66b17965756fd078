package sip

import (
	"math"
	"slices"
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

func (p *parser) request(packet []byte) (Message, error) {
	if octets[packet[0]]&inToken == 0 {
		return nil, &ParseError{"Request-Line", 0, "not a SIP message", "RFC 3261 7.1", 400}
	}
	r := newRequest()
	p.text = string(packet)
	r.datagram = p.text
	if !p.requestLine(r) {
		return nil, p.err
	}
	p.fields(&r.Header)
	r.body = p.body(&r.Header)
	return r, p.err
}

func (p *parser) response(packet []byte) (Message, error) {
	r := newResponse()
	p.text = string(packet)
	r.datagram = p.text
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

// startLine returns the first line and moves behind it.
func (p *parser) startLine() string {
	end, next := lineEnd(p.text, 0)
	p.pos = next
	return p.text[:end]
}

// requestLine reads the Request-Line (RFC 3261 section 7.1). It returns false
// if this is no request at all.
func (p *parser) requestLine(r *Request) bool {
	line := p.startLine()
	trimmed := line
	for trimmed != "" && isSpace(trimmed[len(trimmed)-1]) {
		trimmed = trimmed[:len(trimmed)-1]
	}
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
	if off, reason := r.URI.scan(uri); reason != "" {
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
	if s == sipVersion {
		return true
	}
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
	line := p.startLine()
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
	text, pos, fields := p.text, p.pos, h.fields
	crlf := 0 // how many lines end with CRLF
	for pos < len(text) {
		begin := pos
		end, next := lineEnd(text, pos)
		crlf += next - end - 1
		if end == pos && next > end {
			h.fields = fields
			p.checkCR(h, p.pos, next, crlf)
			p.pos = next
			p.countVias(h)
			return
		}
		var origin origin
		for next < len(text) && (text[next] == ' ' || text[next] == '\t') {
			end, next = lineEnd(text, next)
			crlf += next - end - 1
			origin = folded
		}
		pos = next
		if len(fields) == p.limits.Fields {
			p.fail("header", begin, "too many header fields", "RFC 3261 21.4.1", 400)
			break
		}
		if end-begin > p.limits.Field {
			p.fail("header", begin, "header field too long", "RFC 3261 21.4.1", 400)
			continue
		}
		name, id, reason := scanName(text[begin:end])
		if reason != "" {
			p.fail("header", begin, reason, "RFC 3261 7.3", 400)
			continue
		}
		if end-begin > p.limits.Params && p.tooManyParams(id, text[begin:end]) {
			p.fail(headerNames[id], begin, "too many parameters", "RFC 3261 21.4.1", 400)
			continue
		}
		fields = append(fields, field{})
		f := &fields[len(fields)-1]
		f.off, f.size, f.name, f.id, f.origin = uint32(begin), uint32(end-begin), name, id, origin
		if origin != 0 {
			h.unfoldLF(f)
		}
	}
	h.fields = fields
	p.fail("header", len(text), "no empty line behind the header", "RFC 3261 7", 400)
	p.checkCR(h, p.pos, len(text), crlf)
	p.pos = len(text)
	p.countVias(h)
}

// tooManyParams holds the parameters of each value in a field that routing needs
// against the limit.
func (p *parser) tooManyParams(id headerID, text string) bool {
	switch id {
	case hVia, hFrom, hTo, hContact, hRoute, hRecordRoute, hPath, hServiceRoute:
	default:
		return false
	}
	if strings.Count(text, ";") <= p.limits.Params {
		return false
	}
	for next := 0; next <= len(text); {
		var start, end int
		start, end, next = nextElement(text, next)
		if strings.Count(text[start:end], ";") > p.limits.Params {
			return true
		}
	}
	return false
}

// unfoldLF unfolds for good what a bare LF folds: it is not to be written.
func (h *Header) unfoldLF(f *field) {
	text := h.text(f)
	if strings.Count(text, "\n") == strings.Count(text, "\r\n") {
		return
	}
	text = unfold(text)
	f.off, f.size, f.origin = h.write(text), uint32(len(text)), inked
}

// checkCR finds a CR between begin and end that ends no line, and takes out the
// fields that hold one: others may read two lines there. So many lines are known
// to end with CRLF.
func (p *parser) checkCR(h *Header, begin, end, crlf int) {
	if strings.Count(p.text[begin:end], "\r") == crlf {
		return
	}
	for i := begin; i < end; i++ {
		if p.text[i] == '\r' && (i+1 == end || p.text[i+1] != '\n') {
			p.fail("header", i, "CR inside of a line", "RFC 3261 25.1", 400)
			break
		}
	}
	h.fields = slices.DeleteFunc(h.fields, func(f field) bool {
		text := h.text(&f)
		return strings.Count(text, "\r") != strings.Count(text, "\r\n")
	})
}

// lineEnd returns where the line that begins at pos ends, and where the next
// one begins.
func lineEnd(text string, pos int) (end, next int) {
	n := strings.IndexByte(text[pos:], '\n')
	if n < 0 {
		return len(text), len(text)
	}
	end = pos + n
	next = end + 1
	if n > 0 && text[end-1] == '\r' {
		end--
	}
	return end, next
}

// countVias holds the number of Via values against the limit.
func (p *parser) countVias(h *Header) {
	most := 0
	for i := range h.fields {
		if h.fields[i].id == hVia {
			most += 1 + strings.Count(h.text(&h.fields[i]), ",")
		}
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
	for i := range h.fields {
		if h.fields[i].id != hContentLength {
			continue
		}
		n, ok := parseUint(h.value(&h.fields[i]), math.MaxInt32)
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
