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
	qop   string // "auth", or "" for a server of RFC 2069
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
		if !offersAuth(p.qop) {
			return c, false, true
		}
		c.qop = "auth"
	}
	return c, known, true
}

// offersAuth looks for auth in the list of a challenge's qop.
func offersAuth(list string) bool {
	for qop := range strings.SplitSeq(list, ",") {
		if isAuth(strings.TrimSpace(qop)) && qop != "" {
			return true
		}
	}
	return false
}

// isAuth tells of the one quality of protection that is implemented, or none.
func isAuth(qop string) bool { return qop == "" || strings.EqualFold(qop, "auth") }
