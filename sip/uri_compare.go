package sip

import "strings"

// Equal compares by RFC 3261 section 19.1.4 (and RFC 3966 section 4 for tel).
// URIs of other schemes are equal if their texts are, the scheme's case apart,
// and so are those with more than 128 parameters or headers. Zero URIs are
// equal.
func (u URI) Equal(v URI) bool {
	switch {
	case u.text == v.text:
		return true
	case u.kind != v.kind || u.isCrowded() || v.isCrowded():
		return false
	}
	switch u.kind {
	case telURI:
		return equalTel(u, v)
	case otherURI:
		return u.Scheme() == v.Scheme() && u.text[u.scheme:] == v.text[v.scheme:]
	}
	return u.port == v.port && u.hasPort() == v.hasPort() &&
		u.hasUserinfo() == v.hasUserinfo() && (u.pass > u.user) == (v.pass > v.user) &&
		equalEscaped(u.User(), v.User(), false) &&
		equalEscaped(u.Password(), v.Password(), false) &&
		canonicalHost(u.Host()) == canonicalHost(v.Host()) &&
		paramsMatch(u.Params(), v.Params()) && paramsMatch(v.Params(), u.Params()) &&
		equalHeaders(u.Headers(), v.Headers())
}

// isCrowded tells whether u has so many parameters or headers that to look for
// each of them in another URI would take long.
func (u URI) isCrowded() bool {
	const most = 128
	tail := u.text[u.params:]
	return len(tail) > most && (strings.Count(tail, ";") > most || strings.Count(tail, "&") > most)
}

// hasPort tells a port that is written as 0 from none.
func (u URI) hasPort() bool {
	end := u.hostEnd
	if int(end) < len(u.text) && u.text[end] == ']' {
		end++
	}
	return end < u.params
}

// paramsMatch tells whether each parameter of p agrees with q: the same value
// there, or none and one that may be left out.
func paramsMatch(p, q Params) bool {
	for name, value := range p.All() {
		other, ok := q.raw(name)
		if ok && !equalEscaped(value, other, true) {
			return false
		}
		if !ok && neverOmitted(name) {
			return false
		}
	}
	return true
}

// neverOmitted tells whether a parameter must be in both URIs or in none.
func neverOmitted(name string) bool {
	switch toLower(Unescape(name)) {
	case "user", "ttl", "method", "maddr", "transport":
		return true
	}
	return false
}

// equalHeaders compares the header components of two URIs in any order. They
// are compared as text, escapes apart: what a field means is not looked at.
func equalHeaders(a, b string) bool {
	if a == b {
		return true
	}
	return strings.Count(a, "&") == strings.Count(b, "&") && headersIn(a, b) && headersIn(b, a)
}

// headersIn tells whether each name=value pair of a is in b as often.
func headersIn(a, b string) bool {
	for pair := range strings.SplitSeq(a, "&") {
		if countHeader(a, pair) != countHeader(b, pair) {
			return false
		}
	}
	return true
}

func countHeader(list, pair string) (n int) {
	name, value, _ := strings.Cut(pair, "=")
	for p := range strings.SplitSeq(list, "&") {
		pn, pv, _ := strings.Cut(p, "=")
		if equalEscaped(pn, name, true) && equalEscaped(pv, value, false) {
			n++
		}
	}
	return n
}

// equalTel compares two tel URIs: numbers without visual separators, and
// parameters without regard to order and case.
func equalTel(u, v URI) bool {
	if phoneDigits(u.User()) != phoneDigits(v.User()) {
		return false
	}
	return telParamsIn(u.Params(), v.Params()) && telParamsIn(v.Params(), u.Params())
}

// telParamsIn tells whether each parameter of p is in q with the same value.
func telParamsIn(p, q Params) bool {
	for name, value := range p.All() {
		other, ok := q.raw(name)
		if !ok {
			return false
		}
		if equalFold(name, "ext") || equalFold(name, "phone-context") {
			value, other = telParam(value), telParam(other)
		}
		if !equalEscaped(value, other, true) {
			return false
		}
	}
	return true
}

// telParam removes the separators of a value that is itself a number.
func telParam(value string) string {
	for i := range len(value) {
		if !isPhoneOctet(value[i]) || lower(value[i])-'a' < 6 {
			return value
		}
	}
	return phoneDigits(value)
}

// phoneDigits returns a number without visual separators (RFC 3966 section
// 5.1.1) and in lower case.
func phoneDigits(number string) string {
	b := make([]byte, 0, len(number))
	for i := range len(number) {
		switch c := number[i]; c {
		case '-', '.', '(', ')':
		default:
			b = append(b, lower(c))
		}
	}
	return string(b)
}

// An AOR is a canonical address-of-record, "sip:alice@example.com". Make one
// with URI.AOR.
type AOR string

// AOR returns the address-of-record that u names, canonical as RFC 3261
// section 10.3 asks: no parameters, no password, host in lower case and with
// its port if one is written. Escapes in the user are undone, and then those
// alone made again that a URI needs, so that an AOR is a URI, equal for equal
// users and safe to print. sips becomes sip: the two schemes name the same
// subscriber.
//
// Of a tel URI it is the number without separators, with its phone-context; of
// another scheme the text.
func (u URI) AOR() AOR {
	switch u.kind {
	case telURI:
		aor := "tel:" + phoneDigits(u.User())
		if context, ok := u.Param("phone-context"); ok {
			aor += ";phone-context=" + toLower(telParam(context))
		}
		return AOR(aor)
	case otherURI:
		return AOR(u.text)
	}
	return newAOR(u.User(), HostPort{canonicalHost(u.Host()), u.port})
}

// newAOR puts an AOR together from a user as it is written and a canonical
// host.
func newAOR(user string, at HostPort) AOR {
	b := append(make([]byte, 0, 64), "sip:"...)
	if user != "" {
		b = appendEscaped(b, Unescape(user), false)
		b = append(b, '@')
	}
	return AOR(at.append(b))
}

// URI returns the AOR as a URI, the zero URI if it is none.
func (a AOR) URI() URI { return reparse([]byte(a)) }
