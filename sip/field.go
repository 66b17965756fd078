package sip

import (
	"strings"
)

// field is one header field line.
type field struct {
	text   string // the whole field without its last line end, folding kept
	name   uint32 // length of the name as written
	val    uint32 // where the trimmed value begins in text
	end    uint32 // where it ends
	id     headerID
	folded bool // the value holds line ends
}

// scanField takes apart the text of a field. The reason says what is wrong
// with it.
func scanField(text string) (f field, reason string) {
	colon := strings.IndexByte(text, ':')
	if colon < 0 {
		return f, "header line without a colon"
	}
	// White space may stand in front of the colon (HCOLON, section 25.1).
	name := colon
	for name > 0 && (text[name-1] == ' ' || text[name-1] == '\t') {
		name--
	}
	if !isToken(text[:name]) {
		return f, "malformed header field name"
	}
	val, end := trimSpan(text, colon+1, len(text))
	return field{
		text: text, name: uint32(name), val: uint32(val), end: uint32(end),
		id: lookupName(text[:name]),
	}, ""
}

func (f *field) nameText() string { return f.text[:f.name] }

// raw returns the value as written, folds included.
func (f *field) raw() string { return f.text[f.val:f.end] }

// value returns the value, unfolded.
func (f *field) value() string {
	if f.folded {
		return unfold(f.raw())
	}
	return f.raw()
}

// is tells whether the field has that name; id is lookupName(name).
func (f *field) is(id headerID, name string) bool {
	return f.id == id && (id != hOther || equalFold(f.nameText(), name))
}

// textRoom is how much room for new field text is made at a time: what a proxy
// adds to a message fits.
const textRoom = 512

// keep makes a string of b, in the room that the message has for text.
func (h *Header) keep(b []byte) string {
	if h.room == nil {
		return string(b)
	}
	if h.room.Cap()-h.room.Len() < len(b) {
		// What was written there before stays where it is; only the builder
		// forgets it.
		h.room.Reset()
		h.room.Grow(max(len(b), textRoom))
	}
	n := h.room.Len()
	h.room.Write(b)
	return h.room.String()[n:]
}

// newField makes a field that cannot be more than one line.
func (h *Header) newField(name, value string) field {
	var buf [256]byte
	b, val := appendName(buf[:0], name)
	return h.sealField(append(b, value...), len(name), val)
}

// appendName appends the name and what separates it from the value, and returns
// where the value begins.
func appendName(b []byte, name string) ([]byte, int) {
	b = append(b, tokenOnly(name)...)
	b = append(b, ": "...)
	return b, len(b)
}

// sealField makes a field of the text b, whose value begins at val.
func (h *Header) sealField(b []byte, name, val int) field {
	for i := val; i < len(b); i++ {
		if breaksLine(b[i]) {
			b[i] = ' '
		}
	}
	text := h.keep(b)
	start, end := trimSpan(text, val, len(text))
	return field{
		text: text, name: uint32(name), val: uint32(start), end: uint32(end),
		id: lookupName(text[:name]),
	}
}
