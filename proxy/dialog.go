package proxy

import (
	"context"
	"errors"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/transaction"
)

// errStrayACK: an ACK that no mark of ours vouches for. To forward it would
// make the proxy a reflector.
var errStrayACK = errors.New("proxy: ACK of no dialog that came through here")

// serveACK forwards the ACK to a 2xx, which is a request without a transaction
// and without an answer (RFC 3261 section 13.2.2.4): what cannot be forwarded
// is dropped.
func (p *Proxy) serveACK(ctx context.Context, req *sip.Request, tx *transaction.ServerTx) {
	c, err := p.receive(req, tx)
	if err == nil {
		err = p.forwardACK(ctx, c)
	}
	if err != nil {
		p.log.Debug("ACK dropped", "err", err, "call", req.CallID(), "from", tx.Flow())
	}
}

func (p *Proxy) forwardACK(ctx context.Context, c *Call) error {
	if !c.inDialog {
		return errStrayACK
	}
	route, err := p.route(ctx, c)
	if err != nil {
		return err
	}
	if len(route.Groups) == 0 {
		return ErrNoRoute
	}
	// A callee whose Contact is an address-of-record may be several phones: the
	// one that is in the dialog takes the ACK, the others ignore it.
	for i := range route.Groups[0] {
		r, to, err := p.forward(c, &route.Groups[0][i])
		if err != nil {
			return err
		}
		if err := p.ep.Send(ctx, r, to); err != nil {
			return err
		}
	}
	return nil
}
