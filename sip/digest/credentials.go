package digest

import (
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/patchbay-sip/patchbay/sip"
)

// credentials are the value of Authorization or Proxy-Authorization (RFC 3261
// sections 20.7 and 20.28), checked.
type credentials struct {
	proof
	user     string // unescaped
	response [maxSize]byte
	size     int // bytes of response
}

// readCredentials checks the parameters of credentials. Method is not yet set
// in the proof. An algorithm that is not implemented is no error: alg is then
// empty.
func readCredentials(p *params) (credentials, error) {
	for _, required := range [...]struct{ name, value string }{
		{"username", p.username}, {"nonce", p.nonce}, {"uri", p.uri}, {"response", p.response},
	} {
		if required.value == "" {
			return credentials{}, fmt.Errorf("%s missing", required.name)
		}
	}
	c := credentials{
		user: unescape(p.username),
		proof: proof{
			alg: MD5, nonce: p.nonce, nc: p.nc, cnonce: p.cnonce, qop: p.qop, uri: p.uri,
		},
	}
	if len(c.user) > maxUser {
		return credentials{}, fmt.Errorf("username longer than %d bytes", maxUser)
	}
	if p.algorithm != "" {
		c.alg, _ = ParseAlgorithm(p.algorithm)
	}
	if p.qop != "" {
		// RFC 7616 section 3.4: with qop both must be there, nc with 8 digits.
		if p.cnonce == "" {
			return credentials{}, fmt.Errorf("cnonce missing")
		}
		if len(p.nc) != 8 || strings.Trim(p.nc, "0123456789abcdefABCDEF") != "" {
			return credentials{}, fmt.Errorf("malformed nc")
		}
	}
	if len(p.response) > 2*maxSize {
		return credentials{}, fmt.Errorf("malformed response")
	}
	var err error
	if c.size, err = hex.Decode(c.response[:], []byte(p.response)); err != nil {
		return credentials{}, fmt.Errorf("malformed response")
	}
	return c, nil
}

// covers tells whether the digest uri may stand for the Request-URI (RFC 7616
// section 3.4.6, RFC 3261 section 22.4 rule 6). The two must be equal by section
// 19.1.4; or name the same user at the same host, whatever their parameters
// are, since clients leave these out and elements on the way add them. A digest
// uri without a user stands for each user of its host: so do clients that put
// in the server and not the callee.
//
// ours may be nil; otherwise hosts are the same that stand for the same one of
// our domains.
func covers(digestURI string, request sip.URI, ours *sip.Domains) bool {
	if digestURI == request.String() {
		return true
	}
	u, err := sip.ParseURI(unescape(digestURI))
	if err != nil {
		return false
	}
	if u.Equal(request) {
		return true
	}
	if !u.IsSIP() || u.Scheme() != request.Scheme() {
		return false
	}
	if u.User() != "" && sip.Unescape(u.User()) != sip.Unescape(request.User()) {
		return false
	}
	if sameHost(u, request) {
		return true
	}
	if ours == nil {
		return false
	}
	a, ok := ours.Lookup(u)
	if !ok {
		return false
	}
	b, ok := ours.Lookup(request)
	return ok && a == b
}

// sameHost compares host and port, where none is the same as the default one.
func sameHost(u, v sip.URI) bool {
	port := func(u sip.URI) uint16 {
		switch {
		case u.Port() != 0:
			return u.Port()
		case u.Scheme() == "sips":
			return 5061
		}
		return 5060
	}
	return strings.EqualFold(u.Host(), v.Host()) && port(u) == port(v)
}
