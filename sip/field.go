package sip

import (
	"strings"
	"unsafe"
)

// field says where one header field line lies: in the datagram that the message
// came in, or in the ink of its header.
type field struct {
	off    uint32 // where the text begins
	size   uint32 // its length without the last line end, folds kept
	name   uint16 // length of the name as written
	id     headerID
	origin origin
}

// origin says in which text a field lies, and whether it has folds.
type origin uint8

const (
	inked  origin = 1 << iota // in ink, not in the datagram
	folded                    // the text holds line ends
)

// ink holds the text of fields that were added or changed. It is only ever
// appended to, so that strings made of it never change.
type ink struct {
	buf   []byte
	first [inkSize]byte
}

// inkSize is the room for what a proxy usually adds to a message.
const inkSize = 320

func (k *ink) text() string {
	// This is what strings.Builder does; a Builder must not be copied, a
	// Header in a StatusError is.
	return unsafe.String(unsafe.SliceData(k.buf), len(k.buf)) //nolint:gosec // never written again
}

// open returns the ink of h, to be appended to and put back.
func (h *Header) open() []byte {
	if h.ink == nil {
		h.ink = new(ink)
		h.ink.buf = h.ink.first[:0]
	}
	return h.ink.buf
}

// write appends s to the ink and returns where it begins.
func (h *Header) write(s string) uint32 {
	b := h.open()
	h.ink.buf = append(b, s...)
	return uint32(len(b))
}

// text returns the text of a field.
func (h *Header) text(f *field) string {
	s := h.datagram
	if f.origin&inked != 0 {
		s = h.ink.text()
	}
	return s[f.off : f.off+f.size]
}

// nameOf returns the name of a field as it is written.
func (h *Header) nameOf(f *field) string { return h.text(f)[:f.name] }

// span returns the text of a field and where the value lies in it, white space
// around it left out.
func (h *Header) span(f *field) (text string, start, end int) {
	text = h.text(f)
	start = int(f.name)
	for text[start] != ':' {
		start++
	}
	start, end = trimSpan(text, start+1, len(text))
	return text, start, end
}

// value returns the value of a field, unfolded.
func (h *Header) value(f *field) string {
	text, start, end := h.span(f)
	if f.origin&folded != 0 {
		return unfold(text[start:end])
	}
	return text[start:end]
}

// is tells whether the field has that name; id is lookupName(name).
func (h *Header) is(f *field, id headerID, name string) bool {
	return f.id == id && (id != hOther || equalFold(h.nameOf(f), name))
}

// scanName finds out the name of the field with this text: its length and its
// id. The reason says what is wrong with it.
func scanName(text string) (size uint16, id headerID, reason string) {
	if k, n, ok := scanKey(text); ok {
		if id = k.lookup(); id != hOther {
			return uint16(n), id, ""
		}
	}
	n := strings.IndexByte(text, ':')
	if n < 0 {
		return 0, hOther, "header line without a colon"
	}
	if id = lookupName(text[:n]); id != hOther {
		return uint16(n), id, ""
	}
	// White space may stand in front of the colon (HCOLON, section 25.1).
	for n > 0 && (text[n-1] == ' ' || text[n-1] == '\t') {
		n--
	}
	if !isToken(text[:n]) || n > maxNameLength {
		return 0, hOther, "malformed header field name"
	}
	return uint16(n), lookupName(text[:n]), ""
}

// maxNameLength bounds the name of a field.
const maxNameLength = 1024

// newField makes a field that cannot be more than one line.
func (h *Header) newField(name, value string) field {
	name = tokenOnly(name[:min(len(name), maxNameLength)])
	b := h.open()
	off := len(b)
	b = append(b, name...)
	b = append(b, ": "...)
	b = append(b, value...)
	return h.seal(b, off, name)
}

// seal makes a field of the text that begins at off in b, the ink with a name
// and a value behind it.
func (h *Header) seal(b []byte, off int, name string) field {
	keepLine(b[off:])
	h.ink.buf = b
	return field{uint32(off), uint32(len(b) - off), uint16(len(name)), lookupName(name), inked}
}

// adopt returns the field f of src as one of h. Text of the datagram that both
// have is shared.
func (h *Header) adopt(src *Header, f field) field {
	if f.origin&inked == 0 {
		if h.datagram == "" {
			h.datagram = src.datagram
		}
		if h.datagram == src.datagram {
			return f
		}
	}
	f.off = h.write(src.text(&f))
	f.origin |= inked
	return f
}
