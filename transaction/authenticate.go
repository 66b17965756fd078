package transaction

import (
	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/digest"
)

// Authenticate is a Middleware that lets a request pass only with valid
// credentials for a realm, and sets ServerTx.Identity. realm is asked for each
// request: which realm it must prove to belong to, and in which role this
// server asks; with ok false the request passes unasked. ACK and CANCEL are
// never challenged (RFC 3261 section 22.1).
func Authenticate(d *digest.Server, realm func(req *sip.Request, tx *ServerTx) (realm string, role digest.Role, ok bool)) Middleware {
	panic("stub")
}
