package digest

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/keyring"
)

// An Identity is who a request was proven to come from.
type Identity struct {
	User  string // empty: nobody was authenticated
	Realm string
}

// IsZero tells whether nobody was authenticated.
func (i Identity) IsZero() bool { return i == Identity{} }

// A Role is the one in which a server asks for credentials.
type Role int

// The two roles of RFC 3261 section 22.
const (
	UAS   Role = iota // 401, WWW-Authenticate, Authorization
	Proxy             // 407, Proxy-Authenticate, Proxy-Authorization
)

// fields are the status code and the names of the header fields of the role.
func (r Role) fields() (code int, challenge, credentials string) {
	if r == Proxy {
		return 407, "Proxy-Authenticate", "Proxy-Authorization"
	}
	return 401, "WWW-Authenticate", "Authorization"
}

// What a challenge is for; the Err of the *sip.StatusError that Authenticate
// returns.
var (
	// ErrNoCredentials: the request had none for the realm.
	ErrNoCredentials = errors.New("digest: no credentials for the realm")
	// ErrWrongCredentials: they were not what the user's secret gives, or the
	// user is unknown.
	ErrWrongCredentials = errors.New("digest: wrong credentials")
	// ErrStaleNonce: they were right, for a nonce that is too old or made with
	// keys that are no more. The client may try again at once.
	ErrStaleNonce = errors.New("digest: stale nonce")
)

// A Server challenges and verifies. It keeps no state: nonces are signed. It
// may be used by several goroutines.
type Server struct {
	secrets Secrets
	config
}

// NewServer makes a server that offers MD5 alone, and signs its nonces with a
// key of its own, unless options say otherwise.
func NewServer(s Secrets, opts ...Option) *Server {
	c := config{algorithms: []Algorithm{MD5}, lifetime: 5 * time.Minute}
	for _, o := range opts {
		o(&c)
	}
	if c.keys == nil {
		c.keys = keyring.New()
	}
	return &Server{secrets: s, config: c}
}

// An Option sets something about a Server.
type Option func(*config)

type config struct {
	algorithms []Algorithm
	keys       *keyring.Ring
	lifetime   time.Duration
	domains    *sip.Domains
}

// WithAlgorithms sets the algorithms that are offered, the preferred one first
// (RFC 8760 section 2.3), each in a challenge of its own; the default is MD5
// alone. It panics on none, on one that is not implemented, and on one twice,
// which RFC 8760 section 2.3 forbids.
//
// WithAlgorithms(SHA256, MD5) is what RFC 8760 recommends. It is not the
// default because many clients in use cannot take it: some read only the first
// challenge, and some fail when any of them has an algorithm they do not know.
func WithAlgorithms(algs ...Algorithm) Option {
	if len(algs) == 0 {
		panic("digest: no algorithm")
	}
	for i, a := range algs {
		switch {
		case a.Size() == 0:
			panic("digest: unknown algorithm " + string(a))
		case slices.Contains(algs[:i], a):
			panic("digest: algorithm twice: " + string(a))
		}
	}
	algs = slices.Clone(algs)
	return func(c *config) { c.algorithms = algs }
}

// WithKeys signs nonces with the keys of a farm. Without it nonces end with the
// Server, and clients that hold one are asked again with stale=true.
func WithKeys(k *keyring.Ring) Option { return func(c *config) { c.keys = k } }

// WithNonceLifetime sets for how long a nonce is good; default 5 minutes. It is
// also how long a recorded request can be replayed.
func WithNonceLifetime(d time.Duration) Option { return func(c *config) { c.lifetime = d } }

// WithDomains has a digest uri accepted whose host is another name of the
// domain in the Request-URI: a client that is pointed at sip:192.0.2.7 may call
// sip:bob@example.com with that address in its credentials.
func WithDomains(d *sip.Domains) Option { return func(c *config) { c.domains = d } }

// Authenticate proves who sent req. Its error is what the handler should
// return: a *sip.StatusError with 401 or 407 and fresh challenges where
// credentials for the realm are missing, wrong or stale (errors.Is tells which:
// ErrNoCredentials, ErrWrongCredentials, ErrStaleNonce); 400 where they are
// malformed or their uri is not the Request-URI; another error where Secrets
// failed.
//
// An unknown user is answered as a wrong password is. The digest uri must name
// the same scheme, user and host as the Request-URI; parameters may differ, and
// a digest uri without a user stands for each user of its host.
func (s *Server) Authenticate(ctx context.Context, req *sip.Request, realm string, role Role) (Identity, error) {
	c, err := s.find(req, realm, role)
	if err != nil {
		return Identity{}, err
	}
	if !s.offered(c) { // it says nothing of the password, so nothing is looked up
		return Identity{}, s.challenge(realm, role, ErrWrongCredentials)
	}
	if !covers(c.uri, req.URI, s.domains) {
		return Identity{}, badRequest(role, errors.New("uri is not the Request-URI"))
	}
	c.method = string(req.Method)
	right, err := s.verify(ctx, c, realm)
	switch {
	case err != nil:
		return Identity{}, err
	case !right:
		return Identity{}, s.challenge(realm, role, ErrWrongCredentials)
	case !s.fresh(c.nonce, realm):
		return Identity{}, s.challenge(realm, role, ErrStaleNonce)
	}
	return Identity{User: c.user, Realm: realm}, nil
}

// find returns the credentials of req for the realm. Of several, which elements
// that share a realm can cause (RFC 3261 section 22.3), it is the first that
// answers a challenge of ours.
func (s *Server) find(req *sip.Request, realm string, role Role) (*credentials, error) {
	_, _, field := role.fields()
	var found *credentials
	n := 0
	for value := range req.Values(field) {
		if n++; n > maxFields {
			return nil, badRequest(role, fmt.Errorf("more than %d of them", maxFields))
		}
		rest, ok := cutScheme(value)
		if !ok {
			continue
		}
		var p params
		err := p.parse(rest)
		if unescape(p.realm) != realm && (err == nil || p.realm != "") {
			continue // for another element on the way; it is no business of ours
		}
		if err != nil {
			return nil, badRequest(role, err)
		}
		c, err := readCredentials(&p)
		if err != nil {
			return nil, badRequest(role, err)
		}
		if found == nil || s.aptness(found, realm) < s.aptness(&c, realm) {
			found = &c
		}
	}
	if found == nil {
		return nil, s.challenge(realm, role, ErrNoCredentials)
	}
	return found, nil
}

// offered tells whether credentials are of a kind that was asked for, or that
// clients of RFC 2069 have. What was not is no proof.
func (s *Server) offered(c *credentials) bool {
	return slices.Contains(s.algorithms, c.alg) && isAuth(c.qop) && (c.qop != "" || c.alg == MD5)
}

// aptness tells how well credentials fit a challenge of ours.
func (s *Server) aptness(c *credentials, realm string) int {
	switch {
	case !s.offered(c):
		return 0
	case !s.fresh(c.nonce, realm):
		return 1
	}
	return 2
}

// verify compares the response with the one that the user's secret gives. For a
// user without one the same is computed with a dummy, so that the time does not
// tell who is known.
func (s *Server) verify(ctx context.Context, c *credentials, realm string) (bool, error) {
	var dummy [maxSize]byte
	known := true
	ha1, err := s.secrets.HA1(ctx, realm, c.user, c.alg)
	switch {
	case errors.Is(err, ErrUnknownUser), errors.Is(err, ErrNoAlgorithm):
		ha1, known = dummy[:c.alg.Size()], false
	case err != nil:
		return false, fmt.Errorf("digest: secrets: %w", err)
	case len(ha1) != c.alg.Size():
		return false, fmt.Errorf("digest: secrets: HA1 of %d bytes for %s", len(ha1), c.alg)
	}
	var want [maxSize]byte
	c.appendTo(want[:0], ha1)
	same := c.size == c.alg.Size() && subtle.ConstantTimeCompare(c.response[:], want[:]) == 1
	return same && known, nil
}

// challenge is the error that asks for credentials.
func (s *Server) challenge(realm string, role Role, why error) error {
	code, field, _ := role.fields()
	e := &sip.StatusError{Code: code, Err: why}
	nonce := s.newNonce(realm)
	for _, alg := range s.algorithms {
		e.Header.Add(field, writeChallenge(realm, nonce, alg, errors.Is(why, ErrStaleNonce)))
	}
	return e
}

// badRequest is the error for credentials that cannot be read.
func badRequest(role Role, err error) error {
	_, _, field := role.fields()
	return &sip.StatusError{Code: 400, Reason: "Bad " + field + ": " + err.Error(), Err: err}
}
