package sip

import "time"

// dateFormat is SIP-date: RFC 1123 in GMT and nothing else (RFC 3261 section
// 20.17).
const dateFormat = "Mon, 02 Jan 2006 15:04:05 GMT"

// Date returns the Date field. Without one the error matches ErrNoField.
func (h *Header) Date() (time.Time, error) {
	p, ok := h.first(hDate, "Date")
	if !ok {
		return time.Time{}, ErrNoField
	}
	t, err := time.Parse(dateFormat, h.at(p))
	if err != nil {
		return time.Time{}, &ParseError{"Date", 0, "malformed date", "RFC 3261 20.17", 400}
	}
	return t, nil
}

// SetDate sets the Date field.
func (h *Header) SetDate(t time.Time) { h.Set("Date", t.UTC().Format(dateFormat)) }
