package sip

import (
	"bytes"
	"math"
)

// A FrameKind says what a Framer found at the beginning of the stream.
type FrameKind uint8

const (
	// FrameNone: nothing whole is there yet; read more.
	FrameNone FrameKind = iota
	// FrameMessage: one whole message, to be given to Parse.
	FrameMessage
	// FrameCRLF: an empty line between messages. Alone it is the answer to a
	// keep-alive, or no more than noise.
	FrameCRLF
	// FramePing: the second empty line in a row, which makes the two a
	// keep-alive that is answered with CRLF (RFC 5626 section 3.5.1).
	FramePing
)

// A Framer cuts the octets of a stream into messages by Content-Length, which
// every message on a stream must have (RFC 3261 section 18.3). It keeps no
// octets, only how far it has looked, so that a message that comes octet by
// octet is looked at once. The zero Framer with default limits is ready for
// use.
type Framer struct {
	// Limits are those of Parse. Of them, the Framer needs Message alone.
	Limits Limits

	scanned int  // up to here there is no end of the header
	line    int  // where the line begins that is not complete
	need    int  // length of the message, once it is known
	crlf    bool // the last frame was an empty line
}

// Next looks at buf, which begins where the last frame ended and holds all that
// came since. It returns the kind of the first frame and its length n; the
// caller drops so many octets before it calls Next again. With FrameNone it
// calls again with the same octets and more behind them.
//
// The error is a *ParseError: no Content-Length, or one that is malformed or
// contradictory (Code 400), a message beyond the limit (513), or no SIP at all.
// The framing is lost then, and the stream must be closed. If n is not 0, the
// header is buf[:n]: Parse gives the request beside an error, to be answered
// first.
func (f *Framer) Next(buf []byte) (kind FrameKind, n int, err error) {
	limit := f.Limits.withDefaults().Message
	if f.need == 0 {
		if kind, n := f.empty(buf); kind != FrameNone || n < 0 {
			return kind, max(n, 0), nil
		}
		end, err := f.headerEnd(buf, limit)
		if end == 0 || err != nil {
			return FrameNone, 0, err
		}
		length, err := streamLength(buf[:end])
		if err != nil {
			return FrameNone, end, err
		}
		if length > limit-end {
			return FrameNone, end, tooLarge(limit)
		}
		f.need = end + length
	}
	if len(buf) < f.need {
		return FrameNone, 0, nil
	}
	n = f.need
	f.reset(false)
	return FrameMessage, n, nil
}

func (f *Framer) reset(crlf bool) {
	f.scanned, f.line, f.need, f.crlf = 0, 0, 0, crlf
}

func tooLarge(limit int) error {
	return &ParseError{"message", limit, "Message Too Large", "RFC 3261 21.5.7", 513}
}

// empty finds an empty line at the beginning of buf; n is -1 if more octets
// have to say whether there is one.
func (f *Framer) empty(buf []byte) (kind FrameKind, n int) {
	switch {
	case len(buf) == 0 || len(buf) == 1 && buf[0] == '\r':
		return FrameNone, -1
	case buf[0] == '\n':
		n = 1
	case buf[0] == '\r' && buf[1] == '\n':
		n = 2
	default:
		return FrameNone, 0
	}
	if f.crlf {
		f.reset(false)
		return FramePing, n
	}
	f.reset(true)
	return FrameCRLF, n
}

// headerEnd returns the length of the header with its empty line, or 0 if it is
// not complete.
func (f *Framer) headerEnd(buf []byte, limit int) (int, error) {
	if octets[buf[0]]&inToken == 0 {
		return 0, notSIP()
	}
	for f.scanned < len(buf) {
		i := bytes.IndexByte(buf[f.scanned:], '\n')
		if i < 0 {
			f.scanned = len(buf)
			break
		}
		end := f.scanned + i + 1
		line := bytes.TrimSuffix(buf[f.line:end-1], []byte{'\r'})
		if len(line) == 0 {
			return end, nil
		}
		if f.line == 0 && !isStartLine(line) {
			return 0, notSIP()
		}
		f.scanned, f.line = end, end
	}
	if len(buf) > limit {
		return 0, tooLarge(limit)
	}
	return 0, nil
}

func notSIP() error {
	return &ParseError{"start line", 0, "not a SIP message", "RFC 3261 7", 400}
}

// isStartLine tells whether line can begin a message, as HTTP for instance
// cannot.
func isStartLine(line []byte) bool {
	if len(line) > 4 && equalFold(string(line[:4]), "SIP/") {
		return true
	}
	line = bytes.TrimRight(line, " \t")
	i := bytes.LastIndexByte(line, ' ')
	return i > 0 && len(line) > i+5 && equalFold(string(line[i+1:i+5]), "SIP/")
}

// streamLength returns what Content-Length says in header, which ends with its
// empty line.
func streamLength(header []byte) (int, error) {
	length := -1
	for line := range foldedLines(header) {
		if c := lower(line[0]); c != 'c' && c != 'l' {
			continue
		}
		name, value, ok := bytes.Cut(line, []byte{':'})
		if !ok || lookupName(string(bytes.TrimRight(name, " \t"))) != hContentLength {
			continue
		}
		n, ok := parseUint(string(bytes.TrimSpace(value)), math.MaxInt32)
		switch {
		case !ok:
			return 0, badLength("malformed Content-Length")
		case length >= 0 && length != int(n):
			return 0, badLength("two different Content-Length")
		}
		length = int(n)
	}
	if length < 0 {
		return 0, badLength("Content-Length is missing on a stream")
	}
	return length, nil
}

func badLength(reason string) error {
	return &ParseError{"Content-Length", -1, reason, "RFC 3261 18.3", 400}
}

// foldedLines yields the lines of header that are not empty, each with the lines
// that continue it.
func foldedLines(header []byte) func(yield func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for begin := 0; begin < len(header); {
			end := begin
			for {
				i := bytes.IndexByte(header[end:], '\n')
				if i < 0 {
					end = len(header)
					break
				}
				end += i + 1
				if end == len(header) || header[end] != ' ' && header[end] != '\t' {
					break
				}
			}
			if !yield(header[begin:end]) {
				return
			}
			begin = end
		}
	}
}
