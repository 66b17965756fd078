package main

import (
	"context"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/digest"
	"github.com/patchbay-sip/patchbay/sip/keyring"
	"github.com/patchbay-sip/patchbay/sip/transport"
	"github.com/patchbay-sip/patchbay/transaction"
)

// access decides who may use the server.
type access struct {
	mode     string // --auth
	users    digest.Passwords
	domains  *sip.Domains
	keys     *keyring.Ring
	inDialog func(*sip.Request) bool
}

type accessKind int

const (
	byPassword accessKind = iota // --auth on, or auto with a user
	nearOnly                     // auto without a user
	everybody                    // --auth off
)

func (a access) kind() accessKind {
	switch {
	case a.mode == "on" || a.mode == "auto" && len(a.users) > 0:
		return byPassword
	case a.mode == "off":
		return everybody
	default:
		return nearOnly
	}
}

func (a access) middleware() []transaction.Middleware {
	switch a.kind() {
	case byPassword:
		server := digest.NewServer(a.users, digest.WithKeys(a.keys), digest.WithDomains(a.domains))
		return []transaction.Middleware{transaction.Authenticate(server, a.realm)}
	case nearOnly:
		return []transaction.Middleware{a.near()}
	default:
		return nil
	}
}

// judged tells whether req is within a dialog, whose parties were let in before.
// A REGISTER never is: no dialog vouches for an address-of-record.
func (a access) judged(req *sip.Request) bool {
	return req.Method != sip.REGISTER && a.inDialog(req)
}

// realm says which domain a sender must prove to belong to: a phone that
// registers, the one of its address-of-record; a caller, the one it says that
// it is from. Strangers who call our users are not asked, and go nowhere else.
func (a access) realm(req *sip.Request, _ *transaction.ServerTx) (string, digest.Role, bool) {
	if a.judged(req) {
		return "", 0, false
	}
	claim, role := req.From, digest.Proxy
	if req.Method == sip.REGISTER {
		claim, role = req.To, digest.UAS
	}
	address, err := claim()
	if err != nil {
		return "", 0, false // malformed; what follows refuses it
	}
	domain, ours := a.domains.Lookup(address.URI)
	return domain, role, ours
}

// near lets only the neighbourhood in, until there is a user with a password.
func (a access) near() transaction.Middleware {
	var neighbourhood transport.Neighbourhood
	return func(next transaction.Handler) transaction.Handler {
		return transaction.HandlerFunc(func(ctx context.Context, req *sip.Request, tx *transaction.ServerTx) error {
			if !neighbourhood.Near(tx.Flow()) && !a.judged(req) {
				return transaction.Refusal(&sip.StatusError{Code: 403, Reason: "Not From This Network"})
			}
			return next.ServeSIP(ctx, req, tx)
		})
	}
}
