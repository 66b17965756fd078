package sip

import (
	"iter"
	"slices"
)

// A Header is the ordered list of a message's header fields. Names are
// compared without regard to case, and a compact form is the same name as its
// long form (RFC 3261 section 7.3.3): Get("Call-ID") finds "i: abc".
//
// Fields that nobody touches are written byte for byte as they came. Values
// given to Set, Add and Prepend have CR, LF and NUL replaced by spaces, so that
// no value can add a field of its own; in names, what may not stand in a token
// becomes a hyphen. Names are written as they are given.
//
// The zero Header is empty and ready for use. A copy by assignment shares its
// fields with the first: edit one of the two alone, or take Clone.
type Header struct {
	fields   []field
	datagram string // what the message came in
	ink      *ink   // what was added; may be nil
}

// index returns where the first field of that name at or behind i is, or -1.
func (h *Header) index(id headerID, name string, i int) int {
	for ; i < len(h.fields); i++ {
		f := &h.fields[i]
		if f.id == id && (id != hOther || equalFold(h.nameOf(f), name)) {
			return i
		}
	}
	return -1
}

// Get returns the value of the first field of that name, unfolded and
// trimmed, or "" if there is none. A list in one field comes back whole.
func (h *Header) Get(name string) string {
	i := h.index(lookupName(name), name, 0)
	if i < 0 {
		return ""
	}
	return h.value(&h.fields[i])
}

// Has tells whether there is a field of that name.
func (h *Header) Has(name string) bool {
	return h.index(lookupName(name), name, 0) >= 0
}

// Values yields each value of the fields of that name in order. Comma lists
// are taken apart where RFC 3261 lets a list stand for repeated fields
// (section 7.3.1); Authorization and the like are not lists, nor are fields
// that this package does not know. Empty values are left out.
func (h *Header) Values(name string) iter.Seq[string] {
	return func(yield func(string) bool) { h.each(name, yield) }
}

// each calls yield with each value until it returns false.
func (h *Header) each(name string, yield func(string) bool) {
	id := lookupName(name)
	list := id.isList()
	n := len(h.fields) // what yield adds is not for this round
	for i := h.index(id, name, 0); i >= 0 && i < n; i = h.index(id, name, i+1) {
		s := h.value(&h.fields[i])
		if !list {
			if s != "" && !yield(s) {
				return
			}
			continue
		}
		for next := 0; next <= len(s); {
			var start, end int
			start, end, next = nextElement(s, next)
			if start < end && !yield(s[start:end]) {
				return
			}
		}
	}
}

// A place is where a value is: in which field, and where in its text.
type place struct{ field, start, end, next int }

// first finds the first value of a name, list element or whole field; ok is
// false if there is none. A field with an empty value has one if it is no list.
func (h *Header) first(id headerID, name string) (p place, ok bool) {
	for i := h.index(id, name, 0); i >= 0; i = h.index(id, name, i+1) {
		text, start, end := h.span(&h.fields[i])
		if !id.isList() {
			return place{i, start, end, end + 1}, true
		}
		for next := start; next <= end; {
			p := place{field: i}
			p.start, p.end, next = nextElement(text[:end], next)
			if p.next = next; p.start < p.end {
				return p, true
			}
		}
	}
	return place{}, false
}

// at returns the value at p, unfolded.
func (h *Header) at(p place) string {
	f := &h.fields[p.field]
	s := h.text(f)[p.start:p.end]
	if f.origin&folded != 0 {
		return unfold(s)
	}
	return s
}

// HasToken tells whether one of the field's values equals token without regard
// to case, as for Supported, Require and Allow.
func (h *Header) HasToken(name, token string) bool {
	found := false
	h.each(name, func(s string) bool {
		found = equalFold(s, token)
		return !found
	})
	return found
}

// All yields name and unfolded value of each field in the order of the
// message. The name is as it came, compact perhaps. The header must not be
// changed meanwhile.
func (h *Header) All() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for i := 0; i < len(h.fields); i++ { //nolint:intrange // yield may remove fields
			f := &h.fields[i]
			if !yield(h.nameOf(f), h.value(f)) {
				return
			}
		}
	}
}

// Footprint returns how many octets of text keep the message in memory: those of
// the datagram that it came in, with noise behind the body, and what was added
// since. A message that was put together in parts has only the latter.
func (h *Header) Footprint() int {
	n := len(h.datagram)
	if h.ink != nil {
		n += len(h.ink.buf)
	}
	return n
}

// Len returns the number of fields.
func (h *Header) Len() int { return len(h.fields) }

// Set replaces the first field of that name, in its place, and removes the
// others; without one it appends.
func (h *Header) Set(name, value string) {
	if name != "" {
		h.set(h.newField(name, value))
	}
}

func (h *Header) set(f field) {
	name := h.nameOf(&f)
	i := h.index(f.id, name, 0)
	if i < 0 {
		h.fields = append(h.fields, f)
		return
	}
	h.fields[i] = f
	h.del(f.id, name, i+1)
}

// Edit replaces the value of each field of that name, a list whole, by what f
// makes of it. A field that f leaves alone stays byte for byte as it came.
func (h *Header) Edit(name string, f func(value string) string) {
	id := lookupName(name)
	for i := h.index(id, name, 0); i >= 0; i = h.index(id, name, i+1) {
		was := h.value(&h.fields[i])
		if is := f(was); is != was {
			h.fields[i] = h.newField(h.nameOf(&h.fields[i]), is)
		}
	}
}

// Add appends a field.
func (h *Header) Add(name, value string) {
	if name != "" {
		h.fields = append(h.fields, h.newField(name, value))
	}
}

// Prepend puts a field in front of the first one of that name, or in front of
// all fields if there is none.
func (h *Header) Prepend(name, value string) {
	if name != "" {
		h.prepend(h.newField(name, value))
	}
}

func (h *Header) prepend(f field) {
	i := max(0, h.index(f.id, h.nameOf(&f), 0))
	h.fields = slices.Insert(h.fields, i, f)
}

// Del removes each field of that name.
func (h *Header) Del(name string) { h.del(lookupName(name), name, 0) }

// del removes each field of that name from index i on.
func (h *Header) del(id headerID, name string, i int) {
	if i = h.index(id, name, i); i < 0 {
		return
	}
	rest := slices.DeleteFunc(h.fields[i:], func(f field) bool { return h.is(&f, id, name) })
	h.fields = h.fields[:i+len(rest)]
}

// PopFirst removes the first value of the field, a list's first element
// included, and returns it; the rest of the list stays as it is.
func (h *Header) PopFirst(name string) (string, bool) {
	p, ok := h.first(lookupName(name), name)
	if !ok {
		return "", false
	}
	value := h.at(p)
	h.replace(p, nil)
	return value, true
}

// replace puts value in the place of the one at p, or takes it out of its list,
// or its field out of the header, if value is empty. What stands around it
// stays.
func (h *Header) replace(p place, value []byte) {
	f := &h.fields[p.field]
	text, _, end := h.span(f)
	rest := p.end
	if len(value) == 0 {
		if rest = p.next; rest < end {
			rest, _ = trimSpan(text, rest, end)
		}
		if rest >= end {
			h.fields = slices.Delete(h.fields, p.field, p.field+1)
			return
		}
	}
	b := h.open()
	off := len(b)
	b = append(b, text[:p.start]...)
	b = append(b, value...)
	b = append(b, text[rest:]...)
	h.ink.buf = b
	f.off, f.size = uint32(off), uint32(len(b)-off)
	f.origin |= inked
}

// Copy appends the fields of that name from src, in order and byte for byte.
func (h *Header) Copy(src *Header, name string) {
	id := lookupName(name)
	n := len(src.fields) // src may be h
	for i := src.index(id, name, 0); i >= 0 && i < n; i = src.index(id, name, i+1) {
		h.fields = append(h.fields, h.adopt(src, src.fields[i]))
	}
}

// Clone returns a copy that shares no state with h.
func (h *Header) Clone() Header {
	c := Header{fields: slices.Clone(h.fields)}
	c.shareText(h)
	return c
}

// shareText gives h the texts of src: the datagram, and a copy of the ink.
func (h *Header) shareText(src *Header) {
	h.datagram = src.datagram
	if src.ink != nil {
		h.write(src.ink.text())
	}
}

// append appends the fields as they go on the wire, and the empty line. Fields
// that follow each other in the datagram with a CRLF between go at once.
func (h *Header) append(b []byte) []byte {
	for i := 0; i < len(h.fields); {
		f := &h.fields[i]
		end := f.off + f.size
		i++
		for i < len(h.fields) && f.origin&inked == 0 && h.fields[i].origin&inked == 0 && h.fields[i].off == end+2 {
			end += 2 + h.fields[i].size
			i++
		}
		source := h.datagram
		if f.origin&inked != 0 {
			source = h.ink.text()
		}
		b = append(b, source[f.off:end]...)
		b = append(b, '\r', '\n')
	}
	return append(b, '\r', '\n')
}

// size returns how many octets append appends.
func (h *Header) size() int {
	n := 2
	for i := range h.fields {
		n += int(h.fields[i].size) + 2
	}
	return n
}
