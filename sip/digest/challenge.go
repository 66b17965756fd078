package digest

import "strings"

// writeChallenge writes the value of WWW-Authenticate or Proxy-Authenticate
// (RFC 3261 sections 20.44 and 20.27). The algorithm is always named: some
// clients fail without.
func writeChallenge(realm, nonce string, alg Algorithm, stale bool) string {
	b := make([]byte, 0, 192)
	b = appendQuoted(append(b, "Digest "...), "realm", realm)
	b = appendQuoted(append(b, ", "...), "nonce", nonce)
	b = append(append(b, ", algorithm="...), alg...)
	b = append(b, `, qop="auth"`...)
	if stale {
		b = append(b, ", stale=true"...)
	}
	return string(b)
}

// A challenge is one that was received and can be answered.
type challenge struct {
	realm string // unescaped
	alg   Algorithm
	qop   string // auth; authInt where that is all there is; "" for a server of RFC 2069
	stale bool
	// As they stand between their quotes; algorithm is empty if none was named.
	nonce, opaque, algorithm string
}

// readChallenge reads a challenge. ok is false for another scheme and for what
// is malformed; supported is false if the algorithm, or each quality of
// protection, is none of those implemented.
func readChallenge(value string) (c challenge, supported, ok bool) {
	rest, ok := cutScheme(value)
	if !ok {
		return c, false, false
	}
	var p params
	if p.parse(rest) != nil || p.nonce == "" {
		return c, false, false
	}
	c = challenge{
		realm: unescape(p.realm), alg: MD5,
		nonce: p.nonce, opaque: p.opaque, algorithm: p.algorithm,
		stale: strings.EqualFold(p.stale, "true"),
	}
	known := true
	if p.algorithm != "" {
		c.alg, known = ParseAlgorithm(p.algorithm)
	}
	if p.qop != "" {
		if c.qop = pickQOP(p.qop); c.qop == "" {
			return c, false, true
		}
	}
	return c, known, true
}

// The qualities of protection (RFC 7616 section 3.3).
const (
	auth    = "auth"
	authInt = "auth-int"
)

// pickQOP picks from the list of a challenge's qop. auth-int is the second choice:
// it breaks when anybody on the way edits the body, as what helps media through a
// NAT does.
func pickQOP(list string) (picked string) {
	for qop := range strings.SplitSeq(list, ",") {
		switch qop = strings.TrimSpace(qop); {
		case strings.EqualFold(qop, auth):
			return auth
		case strings.EqualFold(qop, authInt):
			picked = authInt
		}
	}
	return picked
}

// isAuth tells of the one quality of protection that a Server takes, or none.
func isAuth(qop string) bool { return qop == "" || strings.EqualFold(qop, auth) }
