package transaction

import (
	"context"
	"errors"
	"net/netip"
	"strconv"
	"strings"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/resolve"
	"github.com/patchbay-sip/patchbay/sip/transport"
)

// Send sends a message without a transaction: the ACK to a 2xx, or what a
// stateless proxy forwards. It changes nothing of m and may block while a name
// is looked up or a connection opened. Its error is that of the last address
// that was tried.
//
// A request goes where Start would send it, with a Via on top. Its branch is
// random; if there is a Via already, it is computed from that, so that a
// repetition is forwarded as one (RFC 3261 section 16.11). A request that is too
// long for UDP goes by TCP if a connection can be opened, as with Start.
//
// A response goes over to.Flow, or where its topmost Via says (section 18.2.2);
// the rest of to does not count.
func (e *Endpoint) Send(ctx context.Context, m sip.Message, to sip.Target) error {
	if err := e.await(ctx); err != nil {
		return err
	}
	if resp, ok := m.(*sip.Response); ok {
		return e.sendResponse(ctx, resp, to.Flow)
	}
	req := m.(*sip.Request).Clone()
	next, err := route(req, to)
	if err != nil {
		return err
	}
	branch := sip.NewBranch()
	if _, err := req.Via(); err == nil {
		k, err := e.keys.server(req, req.Method)
		if err != nil {
			return err
		}
		branch = sip.MagicCookie + e.keys.tag(k) + e.keys.tag(key{k[1], k[0]})
	}
	return e.deliver(ctx, to.Flow, next, func(t transport.Transport, f sip.Flow) sip.Message {
		r := req.Clone()
		r.PushVia(newVia(t, f, branch))
		return r
	})
}

// deliver sends a message over the flow, or else to the first address of next
// that takes it.
func (e *Endpoint) deliver(ctx context.Context, f sip.Flow, next sip.URI, prepare func(transport.Transport, sip.Flow) sip.Message) error {
	if !f.IsZero() {
		t, err := e.carrier(f)
		if err != nil {
			return err
		}
		return t.Send(f, prepare(t, f))
	}
	hop, ok := resolve.Numeric(next)
	if !ok || hop.Network != "udp" { // it may block, and Close must end it
		var cancel context.CancelCauseFunc
		ctx, cancel = context.WithCancelCause(ctx)
		defer cancel(nil)
		defer context.AfterFunc(e.life, func() { cancel(ErrClosed) })()
	}
	hops := []sip.Hop{hop}
	if !ok {
		var err error
		if hops, err = e.cfg.resolver.Resolve(ctx, next); err != nil {
			return err
		}
	}
	failed := ErrNoTransport
	for _, hop := range hops {
		if failed = e.deliverTo(ctx, hop, prepare); failed == nil {
			return nil
		}
	}
	return failed
}

// deliverTo sends a message to an address; a request that is too long for UDP over
// TCP, if that is to be had (RFC 3261 section 18.1.1).
func (e *Endpoint) deliverTo(ctx context.Context, hop sip.Hop, prepare func(transport.Transport, sip.Flow) sip.Message) error {
	t, f, err := e.connect(ctx, hop)
	if err != nil {
		return err
	}
	m := prepare(t, f)
	if req, ok := m.(*sip.Request); ok && e.isTooLong(t, f, req) {
		t, f, err := e.connectTCP(ctx, f.Remote)
		if err == nil {
			err = t.Send(f, prepare(t, f))
		}
		if err == nil {
			return nil
		}
	}
	return t.Send(f, m)
}

var errNoWayBack = errors.New("transaction: topmost Via names no way back")

// sendResponse sends a response that no server transaction of ours answers
// with.
func (e *Endpoint) sendResponse(ctx context.Context, resp *sip.Response, f sip.Flow) error {
	next := sip.URI{}
	if f.IsZero() {
		via, err := resp.Via()
		if err != nil {
			return err
		}
		if next, err = responseURI(via); err != nil {
			return err
		}
	}
	return e.deliver(ctx, f, next, func(transport.Transport, sip.Flow) sip.Message { return resp })
}

// responseURI is the address that a Via names, as a URI (RFC 3261 section
// 18.2.2, RFC 3581 section 4).
func responseURI(via sip.Via) (sip.URI, error) {
	network := strings.ToLower(via.Transport)
	host, port := via.SentBy.Host, via.SentBy.Port
	if received, ok := via.Params.Get("received"); ok {
		host = received
	}
	if rport, ok := via.Params.Get("rport"); ok && rport != "" {
		n, err := strconv.ParseUint(rport, 10, 16)
		if err != nil {
			return sip.URI{}, errNoWayBack
		}
		port = uint16(n)
	}
	if maddr, ok := via.Params.Get("maddr"); ok {
		if group, err := netip.ParseAddr(maddr); err == nil && group.IsMulticast() {
			host, port = maddr, via.SentBy.Port
		}
	}
	if port == 0 {
		if _, err := netip.ParseAddr(host); err == nil {
			port = defaultPort(network)
		}
	}
	u, err := sip.ParseURI("sip:" + sip.HostPort{Host: host, Port: port}.String() + ";transport=" + network)
	if err != nil {
		return sip.URI{}, errNoWayBack
	}
	return u, nil
}
