package registrar

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/patchbay-sip/patchbay/sip"
)

// An update is what a REGISTER wants done with the bindings of an
// address-of-record (RFC 3261 section 10.3 steps 6 and 7).
type update struct {
	aor       sip.AOR
	callID    string
	cseq      uint32
	flow      sip.Flow
	userAgent string
	at        time.Time
	removeAll bool // Contact: *
	contacts  []contact
}

// A contact is one value of Contact, with what was granted.
type contact struct {
	uri     sip.URI
	params  sip.Params
	q       sip.Q
	expires time.Duration // 0 removes
}

// isQuery tells whether the request only asks (section 10.2.3).
func (u *update) isQuery() bool { return !u.removeAll && len(u.contacts) == 0 }

// readContacts reads the Contact values of req.
func (r *Registrar) readContacts(req *sip.Request) (contacts []contact, removeAll bool, err error) {
	if req.Wildcard() {
		n := 0
		for range req.Values("Contact") {
			n++
		}
		// Section 10.2.2 and 10.3 step 6.
		if expires, err := req.Uint("Expires"); n > 1 || err != nil || expires != 0 {
			return nil, false, badRequest("Bad Contact: * Wants To Be Alone With Expires 0", err)
		}
		return nil, true, nil
	}
	usual := r.headerExpires(req)
	n := 0
	for a, err := range req.Addresses("Contact") {
		if err != nil {
			return nil, false, badContact(err)
		}
		// Twice as many: a phone may give up all that it had and bring as many.
		if n++; n > 2*r.maxContacts {
			return nil, false, tooMany()
		}
		c, err := r.readContact(a, usual)
		if err != nil {
			return nil, false, err
		}
		contacts = append(contacts, c)
	}
	return contacts, false, nil
}

func (r *Registrar) readContact(a sip.Address, usual time.Duration) (contact, error) {
	uri, params := a.URI.String(), a.Params.String()
	if len(uri)+len(params) > maxContact {
		return contact{}, badRequest(fmt.Sprintf("Bad Contact: Longer Than %d Bytes", maxContact), nil)
	}
	if !isText(uri) || !isText(params) {
		return contact{}, badRequest("Bad Contact: Not UTF-8 Text", nil)
	}
	asked := usual
	if d, ok := a.Expires(); ok {
		asked = d
	}
	// Section 10.3 step 7: too brief is what is not zero, below one hour and
	// below the minimum.
	if asked > 0 && asked < time.Hour && asked < r.expires.Min {
		e := &sip.StatusError{Code: 423}
		e.Header.Set("Min-Expires", strconv.Itoa(int(math.Ceil(r.expires.Min.Seconds()))))
		return contact{}, e
	}
	return contact{
		uri:     a.URI,
		params:  a.Params.Without("q").Without("expires"),
		q:       a.Q(),
		expires: min(asked, r.expires.Max),
	}, nil
}

// headerExpires is what holds for contacts without an expires parameter. A
// malformed field counts as one hour (section 10.2.1.1 has it so for the
// parameter).
func (r *Registrar) headerExpires(req *sip.Request) time.Duration {
	seconds, err := req.Uint("Expires")
	switch {
	case err == nil:
		return time.Duration(seconds) * time.Second
	case errors.Is(err, sip.ErrNoField):
		return r.expires.Default
	}
	return time.Hour
}

// apply makes the new bindings of the old ones, or refuses the whole (section
// 10.3: a REGISTER is processed completely or not at all). It may run several
// times and changes nothing but old.
func (u *update) apply(old []Binding, maxContacts int) ([]Binding, error) {
	switch {
	case u.overtaken(old):
		return nil, outOfOrder()
	case u.removeAll:
		return nil, nil
	}
	bindings, added := old, false
	// Each in turn: of two that are the same the last one holds.
	for _, c := range u.contacts {
		switch i := find(bindings, c.uri); {
		case c.expires == 0 && i >= 0:
			bindings = append(bindings[:i], bindings[i+1:]...)
		case c.expires == 0:
			// Gone already, which is what was wanted.
		case i >= 0:
			bindings[i] = u.binding(c, &bindings[i])
		default:
			bindings = append(bindings, u.binding(c, nil))
			added = true
		}
	}
	if added && len(bindings) > maxContacts {
		return nil, tooMany()
	}
	return bindings, nil
}

// overtaken tells whether a binding that the request names was made by a later
// request of the same client, or by this one.
func (u *update) overtaken(bindings []Binding) bool {
	for i := range bindings {
		b := &bindings[i]
		if b.CallID == u.callID && u.cseq <= b.CSeq && (u.removeAll || u.names(b.Contact)) {
			return true
		}
	}
	return false
}

// names tells whether the request has a contact that is the same as uri.
func (u *update) names(uri sip.URI) bool {
	return slices.ContainsFunc(u.contacts, func(c contact) bool { return c.uri.Equal(uri) })
}

// find returns the index of the binding with that contact, or -1. Equality is
// not transitive (section 19.1.4), so the same text goes first.
func find(bindings []Binding, uri sip.URI) int {
	for i := range bindings {
		if bindings[i].Contact == uri {
			return i
		}
	}
	for i := range bindings {
		if bindings[i].Contact.Equal(uri) {
			return i
		}
	}
	return -1
}

// binding makes the binding of a contact. Strings of a message keep the whole
// message in memory, so they are copied; and those of old are taken where they
// are the same, since most requests are refreshes.
func (u *update) binding(c contact, old *Binding) Binding {
	b := Binding{
		AOR: u.aor, Contact: c.uri, Params: c.params, Q: c.q, Expires: u.at.Add(c.expires),
		CallID: u.callID, CSeq: u.cseq, Flow: u.flow, UserAgent: u.userAgent, Updated: u.at,
	}
	if old != nil && old.AOR == b.AOR && old.Contact == c.uri && old.Params == c.params &&
		old.CallID == b.CallID && old.UserAgent == b.UserAgent {
		b.AOR, b.Contact, b.Params, b.CallID, b.UserAgent = old.AOR, old.Contact, old.Params, old.CallID, old.UserAgent
		return b
	}
	b.Contact = clone(c.uri, sip.ParseURI)
	b.Params = clone(c.params, sip.ParseParams)
	b.CallID = strings.Clone(b.CallID)
	b.UserAgent = strings.Clone(b.UserAgent)
	return b
}

// clone makes a copy of a value over text that shares no text with it.
func clone[T interface{ String() string }](v T, parse func(string) (T, error)) T {
	own, err := parse(strings.Clone(v.String()))
	if err != nil {
		return v // it was parsed from the same text before
	}
	return own
}

// isText tells whether a store has to be able to keep s.
func isText(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] >= 0x7f {
			return utf8.ValidString(s) && strings.IndexFunc(s, unicode.IsControl) < 0
		}
	}
	return true
}

// cutUserAgent bounds what a client says of itself. Nothing depends on it, so
// what is no text is taken out.
func cutUserAgent(s string) string {
	s = s[:min(len(s), maxUserAgent)]
	if isText(s) {
		return s
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
}

func outOfOrder() error {
	// Section 10.3 leaves the code open; 12.2.2 has 500 for a CSeq that is too
	// low.
	return &sip.StatusError{Code: 500, Reason: "CSeq Out Of Order"}
}

func tooMany() error { return &sip.StatusError{Code: 403, Reason: "Too Many Contacts"} }

func tooManyAddresses() error {
	e := &sip.StatusError{Code: 503, Reason: "Too Many Addresses"}
	e.Header.Set("Retry-After", retryAfter)
	return e
}

func badRequest(reason string, cause error) error {
	return &sip.StatusError{Code: 400, Reason: reason, Err: cause}
}

func badContact(err error) error {
	reason := "Bad Contact"
	var parse *sip.ParseError
	if errors.As(err, &parse) {
		reason += ": " + parse.Reason
	}
	return badRequest(reason, err)
}
