package transaction

import (
	"context"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/digest"
)

// Authenticate is a Middleware that lets a request pass only with valid
// credentials for a realm, and sets ServerTx.Identity. realm is asked for each
// request: which realm its sender must prove to belong to, and in which role
// this server asks; with ok false the request passes unasked. ACK is never
// challenged, since it has no response (RFC 3261 section 22.1), and CANCEL does
// not come to a Handler.
//
// A registrar asks as digest.UAS, a proxy as digest.Proxy, and not again within
// the dialogs that it has let through (proxy.Proxy.InDialog). The example of the
// module's root package is a server that does both.
func Authenticate(d *digest.Server, realm func(req *sip.Request, tx *ServerTx) (realm string, role digest.Role, ok bool)) Middleware {
	return func(next Handler) Handler {
		return HandlerFunc(func(ctx context.Context, req *sip.Request, tx *ServerTx) error {
			if req.Method == sip.ACK || req.Method == sip.CANCEL {
				return next.ServeSIP(ctx, req, tx)
			}
			name, role, ok := realm(req, tx)
			if !ok {
				return next.ServeSIP(ctx, req, tx)
			}
			id, err := d.Authenticate(ctx, req, name, role)
			if err != nil {
				return Refusal(err)
			}
			tx.setIdentity(id)
			return next.ServeSIP(ctx, req, tx)
		})
	}
}
