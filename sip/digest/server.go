// Package digest is SIP digest authentication (RFC 3261 section 22, RFC 7616,
// RFC 8760): challenge, verify, answer.
package digest

import (
	"context"
	"errors"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/keyring"
)

// An Algorithm is a digest algorithm as it stands in a challenge.
type Algorithm string

// The algorithms of RFC 7616 that are implemented.
const (
	MD5    Algorithm = "MD5"
	SHA256 Algorithm = "SHA-256"
)

// Secrets gives the secrets of users. A realm must offer only algorithms that
// every account of it has.
type Secrets interface {
	// HA1 returns H(user:realm:password), raw, 16 bytes for MD5 and 32 for
	// SHA-256; see the function HA1. ErrUnknownUser leads to the same
	// challenge as a wrong password. Any other error is an outage: the request
	// is answered 500, never 401.
	HA1(ctx context.Context, realm, user string, alg Algorithm) ([]byte, error)
}

// Errors of Secrets.
var (
	ErrUnknownUser = errors.New("digest: unknown user")
	ErrNoAlgorithm = errors.New("digest: no secret for this algorithm")
)

// Passwords is a Secrets of clear passwords by user, the same in each realm.
type Passwords map[string]string

// HA1 implements Secrets.
func (p Passwords) HA1(_ context.Context, realm, user string, alg Algorithm) ([]byte, error) {
	panic("stub")
}

// HA1 computes H(user:realm:password), raw.
func HA1(alg Algorithm, user, realm, password string) []byte { panic("stub") }

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

// A Server challenges and verifies. It keeps no state: nonces are signed.
type Server struct{}

// NewServer makes a server that offers SHA-256 and MD5 and signs its nonces
// with a key of its own unless WithKeys gives one.
func NewServer(s Secrets, opts ...Option) *Server { panic("stub") }

// An Option sets something about a Server.
type Option func(*config)
type config struct{}

// WithKeys signs nonces with the keys of a farm.
func WithKeys(k *keyring.Ring) Option { panic("stub") }

// Authenticate proves who sent req. Its error is what the handler should
// return: a *sip.StatusError with 401 or 407 and fresh challenges where
// credentials for the realm are missing, wrong or stale; 400 where they are
// malformed; another error where Secrets failed.
func (s *Server) Authenticate(ctx context.Context, req *sip.Request, realm string, role Role) (Identity, error) {
	panic("stub")
}

// Credentials answer a challenge.
type Credentials struct{ User, Password string }

// Answer adds to req the credentials that resp, a 401 or 407, asks for,
// replacing older ones for the same realm, and raises the CSeq number (RFC
// 3261 section 22.2, RFC 8760 section 2.4). creds is asked by realm.
func Answer(req *sip.Request, resp *sip.Response, creds func(realm string) (Credentials, bool)) error {
	panic("stub")
}
