package sip

// Replaces is the value of the Replaces field (RFC 3891 section 6.1): the
// dialog that an INVITE takes over.
type Replaces struct {
	CallID  string
	ToTag   string
	FromTag string
	// EarlyOnly asks for the dialog only if it is not confirmed.
	EarlyOnly bool
}

// Replaces returns the Replaces field. Both tags must be there. Without the
// field the error matches ErrNoField.
func (h *Header) Replaces() (Replaces, error) {
	it, err := h.Item("Replaces")
	if err != nil {
		return Replaces{}, err
	}
	to, ok1 := it.Params.Get("to-tag")
	from, ok2 := it.Params.Get("from-tag")
	if !ok1 || !ok2 {
		return Replaces{}, &ParseError{"Replaces", 0, "missing tag", "RFC 3891 6.1", 400}
	}
	return Replaces{it.Value, to, from, it.Params.Has("early-only")}, nil
}

// String writes the value: "callid;to-tag=a;from-tag=b".
func (r Replaces) String() string {
	p := Params{}.With("to-tag", r.ToTag).With("from-tag", r.FromTag)
	if r.EarlyOnly {
		p = p.With("early-only", "")
	}
	return oneLine(r.CallID) + p.text
}
