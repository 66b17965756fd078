package proxy

import (
	"context"
	"errors"
	"sync"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/resolve"
	"github.com/patchbay-sip/patchbay/transaction"
)

// errStrayACK: an ACK that no mark of ours vouches for. To forward it would
// make the proxy a reflector.
var errStrayACK = errors.New("proxy: ACK of no dialog that came through here")

// errLoopedACK: an ACK for one of our domains that came back to us. It goes to
// each target, and would come back from each of those that is the proxy itself.
var errLoopedACK = errors.New("proxy: ACK came back")

// errBusyACK: so many ACKs wait already.
var errBusyACK = errors.New("proxy: too many ACKs wait for an address or a connection")

// maxWaitingACKs bounds the ACKs that wait for an address or a connection. Each
// of them holds a handler, and whoever is in a dialog may send as many as he
// likes to a port that never answers.
const maxWaitingACKs = 256

// serveACK forwards the ACK to a 2xx, which is a request without a transaction
// and without an answer (RFC 3261 section 13.2.2.4): what cannot be forwarded
// is dropped.
func (p *Proxy) serveACK(ctx context.Context, req *sip.Request, tx *transaction.ServerTx) {
	c, err := p.receive(req, tx)
	if err == nil {
		err = p.forwardACK(ctx, c)
	}
	if err != nil {
		p.log.Debug("ACK not forwarded", "err", err, "call", req.CallID(), "from", tx.Flow())
	}
}

func (p *Proxy) forwardACK(ctx context.Context, c *Call) error {
	if !c.inDialog {
		return errStrayACK
	}
	// Without a transaction there is no Max-Breadth that would bound it.
	if c.Domain != "" && p.wasHere(c.Request) {
		return errLoopedACK
	}
	route, err := p.route(ctx, c)
	if err != nil {
		return err
	}
	targets := distinct(route.Groups)
	if len(targets) == 0 {
		return ErrNoRoute
	}
	// A callee whose Contact is an address-of-record may be any of these, in
	// whatever group: the one that is in the dialog takes the ACK and the others
	// ignore it. None waits for another that cannot be reached.
	errs := make([]error, len(targets))
	var others sync.WaitGroup
	for i, b := range targets {
		r, to, err := p.forward(c, b)
		if err != nil {
			errs[i] = err
			continue
		}
		send := func() {
			errs[i] = p.guard("Resolver", func() error { return p.sendACK(ctx, r, to) })
		}
		if i < len(targets)-1 {
			others.Go(send)
		} else {
			send()
		}
	}
	others.Wait()
	return errors.Join(errs...)
}

func (p *Proxy) sendACK(ctx context.Context, r *sip.Request, to sip.Target) error {
	hop, numeric := resolve.Numeric(nextHop(r))
	if to.Flow.IsZero() && (isSecure(r.URI) || !numeric || hop.Network != "udp") { // it may wait
		defer p.waitingACKs.Add(-1)
		if p.waitingACKs.Add(1) > maxWaitingACKs {
			return errBusyACK
		}
	}
	return p.ep.Send(ctx, r, to)
}
