package digest

import (
	"context"
	"errors"
)

// Secrets gives the secrets of users. A realm must offer only algorithms that
// every account of it has.
//
// HA1 is called on the goroutine of the request that it decides about, for
// several requests at once.
type Secrets interface {
	// HA1 returns H(user:realm:password), raw, 16 bytes for MD5 and 32 for the
	// others; see the function HA1. ErrUnknownUser and ErrNoAlgorithm lead to
	// the same challenge as a wrong password; they should take no other time
	// than a user who is known. Any other error is an outage: the request is
	// answered 500, never 401.
	HA1(ctx context.Context, realm, user string, alg Algorithm) ([]byte, error)
}

// Errors of Secrets.
var (
	ErrUnknownUser = errors.New("digest: unknown user")
	ErrNoAlgorithm = errors.New("digest: no secret for this algorithm")
)

// Passwords is a Secrets of clear passwords by user, the same in each realm. It
// must not be changed while it is in use.
type Passwords map[string]string

var _ Secrets = Passwords(nil)

// HA1 implements Secrets. It takes the same time for users that are not there.
func (p Passwords) HA1(_ context.Context, realm, user string, alg Algorithm) ([]byte, error) {
	if alg.Size() == 0 {
		return nil, ErrNoAlgorithm
	}
	password, ok := p[user]
	ha1 := HA1(alg, user, realm, password)
	if !ok {
		return nil, ErrUnknownUser
	}
	return ha1, nil
}
