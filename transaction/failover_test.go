package transaction_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/transaction"
)

// A pause is what a resolver was told of a hop.
type pause struct {
	addr string
	wait time.Duration
}

// pauses is a resolver that is told how long hops want to be left alone.
type pauses struct {
	resolver
	told chan pause
}

func (p pauses) Failed(hop sip.Hop, wait time.Duration) { p.told <- pause{hop.Addr.String(), wait} }

const firstAddr = "192.0.2.77:5060"

// twoHops is a resolver that knows a first address, and then the peer's.
func twoHops() pauses {
	return pauses{
		resolver: func(context.Context, sip.URI) ([]sip.Hop, error) { return hops("udp", firstAddr, peerAddr), nil },
		told:     make(chan pause, 10),
	}
}

// busy answers a request with 503, and with Retry-After unless that is "".
func (p *peer) busy(req *sip.Request, retryAfter string) {
	resp := sip.NewResponse(req, 503)
	if retryAfter != "" {
		resp.Set("Retry-After", retryAfter)
	}
	p.send(resp)
	if req.Method == sip.INVITE {
		p.request(sip.ACK)
	}
}

// RFC 3263 section 4.3: a 503 leads to the next address, and whoever started the
// request is told of the last one alone.
func TestFailoverAfter503(t *testing.T) {
	names := twoHops()
	inBubble(t, "udp", nil, func(w *world) {
		first := w.newPeer("udp", firstAddr)
		for _, m := range []sip.Method{sip.INVITE, sip.OPTIONS} {
			c := w.startTo(context.Background(), m, sip.Target{URI: uri("sip:example.com")})
			req := first.request(m)
			if m == sip.INVITE {
				first.respond(req, 180)
				c.response(180)
			}
			first.busy(req, "")
			again := w.peer.request(m)
			require.NotEqual(t, req.Get("Via"), again.Get("Via"), "a transaction of its own")
			w.peer.busy(again, "")
			require.Equal(t, again.Get("Via"), c.response(503).Get("Via"))
			c.silent()
		}
		require.Empty(t, names.told, "without Retry-After it is a 500 (RFC 3261 section 21.5.4)")

		c := w.startTo(context.Background(), sip.OPTIONS, sip.Target{URI: uri("sip:example.com")})
		first.busy(first.request(sip.OPTIONS), "")
		require.Error(t, c.fails(transaction.ErrTimeout).Err, "what came last is told")
		w.peer.all()
		<-names.told

		// A flow was given: there is no other address.
		c = w.startTo(context.Background(), sip.OPTIONS, sip.Target{Flow: w.flowToPeer()})
		w.peer.busy(w.peer.request(sip.OPTIONS), "60")
		c.response(503)
		require.Empty(t, names.told)
	}, transaction.WithResolver(names))
}

// RFC 3261 section 21.5.4: who says for how long it wants to be left alone is.
func TestRetryAfterIsTold(t *testing.T) {
	names := twoHops()
	inBubble(t, "udp", nil, func(w *world) {
		first := w.newPeer("udp", firstAddr)
		c := w.startTo(context.Background(), sip.INVITE, sip.Target{URI: uri("sip:example.com")})
		first.busy(first.request(sip.INVITE), "120 (maintenance);duration=60")
		w.peer.busy(w.peer.request(sip.INVITE), "5")
		c.response(503)
		require.Equal(t, pause{firstAddr, 2 * time.Minute}, <-names.told)
		require.Equal(t, pause{peerAddr, 5 * time.Second}, <-names.told)

		c = w.startTo(context.Background(), sip.OPTIONS, sip.Target{URI: uri("sip:example.com")})
		first.busy(first.request(sip.OPTIONS), "soon")
		w.peer.respond(w.peer.request(sip.OPTIONS), 200)
		c.response(200)
		require.Empty(t, names.told)
	}, transaction.WithResolver(names))
}

// Nobody calls on when the caller has hung up.
func TestNoFailoverAfterCancel(t *testing.T) {
	inBubble(t, "udp", nil, func(w *world) {
		first := w.newPeer("udp", firstAddr)
		c := w.startTo(context.Background(), sip.INVITE, sip.Target{URI: uri("sip:example.com")})
		invite := first.request(sip.INVITE)
		first.respond(invite, 180)
		c.response(180)
		c.Cancel()
		first.respond(first.request(sip.CANCEL), 200)
		first.busy(invite, "")
		c.response(503)
		w.peer.quiet(time.Minute)
	}, transaction.WithResolver(twoHops()))
}

// A server that refuses a long request over TCP is not asked by UDP as well.
func TestNoUDPAfter503OverTCP(t *testing.T) {
	inBubble(t, "udp", nil, func(w *world) {
		first, tcp := w.newPeer("udp", firstAddr), w.newPeer("tcp", firstAddr)
		c := w.sends(context.Background(), long(sip.MESSAGE), sip.Target{URI: uri("sip:example.com")})
		pk := tcp.next()
		require.NoError(t, tcp.Send(pk.flow, sip.NewResponse(pk.req, 503)))
		c.answered(w.peer, 200)
		require.Empty(t, first.all())
	}, transaction.WithResolver(twoHops()))
}
