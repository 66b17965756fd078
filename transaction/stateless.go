package transaction

import (
	"cmp"
	"context"
	"errors"
	"net/netip"
	"slices"
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
	hops := make([]sip.Hop, 1)
	var ok bool
	if hops[0], ok = resolve.Numeric(next); !ok {
		ctx, cancel := e.untilClose(ctx)
		defer cancel()
		var err error
		if hops, err = e.cfg.resolver.Resolve(ctx, next); err != nil {
			return err
		}
	}
	return e.deliverToAny(ctx, hops, prepare)
}

// untilClose is a ctx that Close ends, too, for what may block.
func (e *Endpoint) untilClose(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(e.life, func() { cancel(ErrClosed) })
	return ctx, func() {
		stop()
		cancel(nil)
	}
}

// deliverToAny sends a message to the first of some addresses that takes it.
func (e *Endpoint) deliverToAny(ctx context.Context, hops []sip.Hop, prepare func(transport.Transport, sip.Flow) sip.Message) error {
	if slices.ContainsFunc(hops, func(hop sip.Hop) bool { return hop.Network != "udp" }) {
		var cancel func()
		ctx, cancel = e.untilClose(ctx)
		defer cancel()
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
	same := func(transport.Transport, sip.Flow) sip.Message { return resp }
	if !f.IsZero() {
		return e.deliver(ctx, f, sip.URI{}, same)
	}
	via, err := resp.Via()
	if err != nil {
		return err
	}
	hops, err := waysBack(via)
	switch {
	case err != nil:
		return err
	case len(hops) > 0:
		return e.deliverToAny(ctx, hops, same)
	}
	next, err := sip.ParseURI("sip:" + via.SentBy.String() + ";transport=" + strings.ToLower(via.Transport))
	if err != nil {
		return errNoWayBack
	}
	return e.deliver(ctx, f, next, same)
}

// waysBack are the addresses that a Via names for a response without a
// transaction, in order; none where sent-by is a name that has to be resolved (RFC
// 3261 section 18.2.2, RFC 3581 section 4).
func waysBack(via sip.Via) ([]sip.Hop, error) {
	direct := sip.Hop{Network: strings.ToLower(via.Transport)}
	port := cmp.Or(via.SentBy.Port, defaultPort(direct.Network))
	if direct.Network == "udp" {
		maddr, _ := via.Params.Get("maddr")
		if group, err := netip.ParseAddr(maddr); err == nil && group.IsMulticast() {
			direct.Addr = netip.AddrPortFrom(group, port)
			return []sip.Hop{direct}, nil
		}
	}
	addr, ok := via.SentBy.Addr()
	if received, tagged := via.Params.Get("received"); tagged {
		var err error
		if addr, err = netip.ParseAddr(strings.Trim(received, "[]")); err != nil { // RFC 5118 section 4.5
			return nil, errNoWayBack
		}
	} else if !ok {
		return nil, nil
	}
	var hops []sip.Hop
	if rport, _ := via.Params.Get("rport"); rport != "" {
		n, err := strconv.ParseUint(rport, 10, 16)
		if err != nil {
			return nil, errNoWayBack
		}
		// Over a stream it is the connection of the request that is there, or it is
		// nothing: nobody listens on the port that a client has dialed from.
		direct.Addr = netip.AddrPortFrom(addr, uint16(n))
		if hops = append(hops, direct); direct.Network == "udp" {
			return hops, nil
		}
	}
	direct.Addr = netip.AddrPortFrom(addr, port)
	if (sip.Flow{Network: direct.Network}).IsSecure() {
		direct.ServerName = via.SentBy.Host
	}
	return append(hops, direct), nil
}
