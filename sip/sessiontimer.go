package sip

import "time"

// SessionExpires is the value of the Session-Expires field (RFC 4028 section
// 4): how long a session lives without a refresh, and who refreshes it.
type SessionExpires struct {
	Interval time.Duration
	// Refresher is "uac" or "uas", "" where it is not chosen yet.
	Refresher string
}

// SessionExpires returns the Session-Expires field. Without one the error
// matches ErrNoField.
func (h *Header) SessionExpires() (SessionExpires, error) {
	it, err := h.Item("Session-Expires")
	if err != nil {
		return SessionExpires{}, err
	}
	se := SessionExpires{}
	if se.Interval, err = parseSeconds("Session-Expires", it.Value); err != nil {
		return SessionExpires{}, err
	}
	refresher, _ := it.Params.Get("refresher")
	switch se.Refresher = toLower(refresher); se.Refresher {
	case "", "uac", "uas":
		return se, nil
	}
	return SessionExpires{}, &ParseError{"Session-Expires", 0, "unknown refresher", "RFC 4028 4", 400}
}

// String writes the value: "1800;refresher=uac".
func (se SessionExpires) String() string {
	var p Params
	if se.Refresher != "" {
		p = p.With("refresher", se.Refresher)
	}
	return seconds(se.Interval) + p.text
}

// MinSE returns the Min-SE field, the shortest session interval that is
// accepted (RFC 4028 section 5). Without one it is 90 seconds.
func (h *Header) MinSE() (time.Duration, error) {
	if !h.Has("Min-SE") {
		return 90 * time.Second, nil
	}
	it, err := h.Item("Min-SE")
	if err != nil {
		return 0, err
	}
	return parseSeconds("Min-SE", it.Value)
}
