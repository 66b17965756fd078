package digest

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"github.com/patchbay-sip/patchbay/sip"
)

// Errors of Answer; besides, ErrNoCredentials.
var (
	// ErrUnsupported: none of the challenges can be answered, since they are
	// malformed, or want an algorithm or a quality of protection that is not
	// implemented.
	ErrUnsupported = errors.New("digest: no challenge that can be answered")
	// ErrRejected: the same credentials have just been refused. Sending them
	// again is forbidden (RFC 3261 section 22.1).
	ErrRejected = errors.New("digest: credentials were rejected")
)

// Credentials answer a challenge.
type Credentials struct{ User, Password string }

// Answer adds to req the credentials that resp, a 401 or 407, asks for,
// replacing older ones for the same realm, and raises the CSeq number (RFC
// 3261 section 22.2). creds is asked by realm, and each realm that it knows is
// answered. Of several challenges of a realm it takes the
// first that it can compute, since the server put the best one on top (RFC 8760
// section 2.4).
//
// After an error req is as it was: ErrNoCredentials if creds knows none of the
// realms, ErrRejected, or ErrUnsupported.
//
// Where a server offers qop=auth-int and, with that algorithm, nothing else, the
// credentials cover the body as well, which then must not change any more.
func Answer(req *sip.Request, resp *sip.Response, creds func(realm string) (Credentials, bool)) error {
	cseq, err := req.CSeq()
	if err != nil {
		return fmt.Errorf("digest: %w", err)
	}
	var answers []answer
	failure := ErrUnsupported
	for _, role := range [...]Role{UAS, Proxy} {
		_, field, credentials := role.fields()
		for _, c := range pick(resp, field) {
			who, ok := creds(c.realm)
			switch {
			case !ok:
				failure = ErrNoCredentials
			case !c.stale && rejected(req, credentials, c.realm, who):
				return ErrRejected
			default:
				answers = append(answers, answer{credentials, c.realm, c.answer(req, who)})
			}
		}
	}
	if len(answers) == 0 {
		return failure
	}
	for _, a := range answers {
		a.putInto(req)
	}
	cseq.Seq++
	req.Set("CSeq", cseq.String())
	return nil
}

// pick gives the challenge of each realm that is to be answered: the first one, but
// for one that wants auth-int where another does without, by the same algorithm.
func pick(resp *sip.Response, field string) (picked []challenge) {
	for value := range resp.Values(field) {
		c, supported, ok := readChallenge(value)
		if !ok || !supported {
			continue
		}
		i := slices.IndexFunc(picked, func(p challenge) bool { return p.realm == c.realm })
		switch {
		case i < 0:
			picked = append(picked, c)
		case picked[i].qop == authInt && c.qop == auth && picked[i].alg == c.alg:
			picked[i] = c
		}
	}
	return picked
}

// An answer is the value of a field for a realm.
type answer struct{ field, realm, value string }

// putInto replaces what req had for the realm, and keeps the rest in order.
func (a answer) putInto(req *sip.Request) {
	var others []string
	for value := range req.Values(a.field) {
		if realmOf(value) != a.realm {
			others = append(others, value)
		}
	}
	req.Del(a.field)
	for _, value := range others {
		req.Add(a.field, value)
	}
	req.Add(a.field, a.value)
}

// realmOf returns the realm of credentials, "" if they are no digest.
func realmOf(value string) string {
	rest, ok := cutScheme(value)
	var p params
	if !ok || p.parse(rest) != nil {
		return ""
	}
	return unescape(p.realm)
}

// rejected tells whether req had these very credentials for the realm already.
// Older ones with another user or password are no reason not to try.
func rejected(req *sip.Request, field, realm string, who Credentials) bool {
	for value := range req.Values(field) {
		rest, ok := cutScheme(value)
		var p params
		if !ok || p.parse(rest) != nil || unescape(p.realm) != realm {
			continue
		}
		c, err := readCredentials(&p)
		if err != nil || c.alg == "" || c.user != who.User {
			continue
		}
		c.method, c.body = string(req.Method), req.Body()
		var want [maxSize]byte
		c.appendTo(want[:0], HA1(c.alg, who.User, realm, who.Password))
		if want == c.response {
			return true
		}
	}
	return false
}

// answer writes the credentials for a challenge, with a new cnonce.
func (c *challenge) answer(req *sip.Request, who Credentials) string {
	var random [8]byte
	rand.Read(random[:]) // never fails
	p := proof{
		alg: c.alg, nonce: c.nonce, nc: "00000001", cnonce: hex.EncodeToString(random[:]), qop: c.qop,
		method: string(req.Method), uri: req.URI.String(), body: req.Body(),
	}
	return c.write(&p, who)
}

// write writes them. algorithm and opaque go back as they came (RFC 7616 section
// 3.4).
func (c *challenge) write(p *proof, who Credentials) string {
	b := make([]byte, 0, 384)
	b = appendQuoted(append(b, "Digest "...), "username", who.User)
	b = appendQuoted(append(b, ", "...), "realm", c.realm)
	b = appendRaw(b, "nonce", c.nonce)
	b = appendQuoted(append(b, ", "...), "uri", p.uri)
	var sum [maxSize]byte
	response := p.appendTo(sum[:0], HA1(p.alg, who.User, c.realm, who.Password))
	b = append(hex.AppendEncode(append(b, `, response="`...), response), '"')
	if c.algorithm != "" {
		b = append(append(b, ", algorithm="...), c.algorithm...)
	}
	if p.qop != "" {
		b = appendRaw(b, "cnonce", p.cnonce)
		b = append(append(append(append(b, ", qop="...), p.qop...), ", nc="...), p.nc...)
	}
	if c.opaque != "" {
		b = appendRaw(b, "opaque", c.opaque)
	}
	return string(b)
}

// appendRaw appends a quoted string whose escapes are in it already: what a
// challenge brings goes back as it came.
func appendRaw(b []byte, name, value string) []byte {
	b = append(append(append(b, ", "...), name...), '=', '"')
	return append(append(b, value...), '"')
}
