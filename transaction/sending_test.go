package transaction_test

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/transport"
	"github.com/patchbay-sip/patchbay/transaction"
)

func uri(s string) sip.URI { return sip.MustParseURI(s) }

func address(t testing.TB, s string) sip.Address {
	a, err := sip.ParseAddress(s)
	require.NoError(t, err)
	return a
}

// What goes on the wire: Via, Request-URI, Route; the caller's request stays.
func TestWhatStartSends(t *testing.T) {
	onBoth(t, nil, func(w *world) {
		tp := ";transport=" + w.peer.Network()
		lr := "<sip:" + peerAddr + tp + ";lr>"
		strict := "<sip:" + peerAddr + tp + ">"
		cases := []struct {
			name   string
			routes []string // of the request
			to     sip.Target
			uri    string
			route  []string
		}{
			{"by Request-URI", nil, sip.Target{URI: uri("sip:carol@" + peerAddr + tp)}, "sip:carol@" + peerAddr + tp, nil},
			{"by Route", []string{lr}, sip.Target{URI: uri("sip:carol@nowhere.invalid")}, "sip:carol@nowhere.invalid", []string{lr}},
			{
				"by the target's Route",
				[]string{"<sip:c.invalid;lr>"},
				sip.Target{URI: uri("sip:carol@nowhere.invalid"), Route: []sip.Address{address(t, lr), address(t, "<sip:b.invalid;lr>")}},
				"sip:carol@nowhere.invalid",
				[]string{lr, "<sip:b.invalid;lr>", "<sip:c.invalid;lr>"},
			},
			{"by flow", []string{"<sip:b.invalid;lr>"}, sip.Target{Flow: w.flowToPeer()}, "sip:bob@" + peerAddr, []string{"<sip:b.invalid;lr>"}},
			{
				"strict router",
				[]string{strict, "<sip:b.invalid;lr>"},
				sip.Target{URI: uri("sip:carol@nowhere.invalid")},
				"sip:" + peerAddr + tp,
				[]string{"<sip:b.invalid;lr>", "<sip:carol@nowhere.invalid>"},
			},
		}
		for _, c := range cases {
			req := request(sip.MESSAGE, peerAddr)
			for _, r := range c.routes {
				req.Add("Route", r)
			}
			before := req.String()
			_, err := w.ep.Start(context.Background(), req, c.to, func(transaction.Event) {})
			require.NoError(w.t, err, c.name)
			got := w.peer.request(sip.MESSAGE)
			w.peer.respond(got, 200)
			require.Equal(w.t, c.uri, got.URI.String(), c.name)
			var routes []string
			for r := range got.Values("Route") {
				routes = append(routes, r)
			}
			require.Equal(w.t, c.route, routes, c.name)
			require.Equal(w.t, before, req.String(), c.name)
			via, err := got.Via()
			require.NoError(w.t, err)
			require.Equal(w.t, serverAddr, via.SentBy.String())
			require.True(w.t, via.Params.Has("rport"))
			require.Contains(w.t, via.Branch(), sip.MagicCookie)
		}
	})
}

// flowToPeer is the Endpoint's flow to the peer, as a registrar may have kept it.
func (w *world) flowToPeer() sip.Flow {
	w.t.Helper()
	c := w.start(context.Background(), sip.OPTIONS)
	req := w.peer.request(sip.OPTIONS)
	w.peer.respond(req, 200)
	return c.next().Flow
}

func TestBeforeSend(t *testing.T) {
	inBubble(t, "udp", nil, func(w *world) {
		w.start(context.Background(), sip.INVITE, transaction.BeforeSend(func(req *sip.Request, f sip.Flow) error {
			require.False(t, req.Has("Via"))
			req.Set("Contact", "<sip:alice@"+w.ep.SentBy(f).String()+">")
			return nil
		}))
		require.Equal(t, "<sip:alice@"+serverAddr+">", w.peer.request(sip.INVITE).Get("Contact"))

		why := errors.New("no contact")
		c := w.start(context.Background(), sip.INVITE, transaction.BeforeSend(func(*sip.Request, sip.Flow) error { return why }))
		c.fails(why)
	})
}

func TestFillContact(t *testing.T) {
	onBoth(t, nil, func(w *world) {
		want := "<sip:alice@" + serverAddr + ">"
		if w.peer.Network() == "tcp" {
			want = "<sip:alice@" + serverAddr + ";transport=tcp>"
		}
		w.start(context.Background(), sip.INVITE, transaction.FillContact("alice"))
		require.Equal(w.t, want, w.peer.request(sip.INVITE).Get("Contact"))
		req := request(sip.INVITE, peerAddr)
		req.Set("Contact", "<sip:other@192.0.2.55>")
		_, err := w.ep.Start(context.Background(), req, w.toPeer(), func(transaction.Event) {}, transaction.FillContact("alice"))
		require.NoError(w.t, err)
		require.Equal(w.t, "<sip:other@192.0.2.55>", w.peer.request(sip.INVITE).Get("Contact"))
	})
}

// Addresses are tried in turn while none takes the message.
func TestFailover(t *testing.T) {
	names := resolver(func(_ context.Context, u sip.URI) ([]sip.Hop, error) {
		switch u.Host() {
		case "unknown.example.com":
			return nil, &net.DNSError{Err: "no such host", IsNotFound: true}
		case "empty.example.com":
			return nil, nil
		case "tls.example.com":
			return hops("tls", peerAddr), nil
		case "dead.example.com":
			return hops("tcp", "192.0.2.77:5060", "192.0.2.78:5060"), nil
		}
		return append(append(hops("tcp", "192.0.2.77:5060"), hops("tls", peerAddr)...), hops("tcp", peerAddr)...), nil
	})
	inBubble(t, "tcp", nil, func(w *world) {
		var flows []sip.Flow
		c := w.startTo(context.Background(), sip.OPTIONS, sip.Target{URI: uri("sip:live.example.com")},
			transaction.BeforeSend(func(_ *sip.Request, f sip.Flow) error { flows = append(flows, f); return nil }))
		w.peer.respond(w.peer.request(sip.OPTIONS), 200)
		c.response(200)
		require.Len(t, flows, 1)

		var dns *net.DNSError
		ev := w.startTo(context.Background(), sip.OPTIONS, sip.Target{URI: uri("sip:unknown.example.com")}).next()
		require.ErrorAs(t, ev.Err, &dns)
		w.startTo(context.Background(), sip.OPTIONS, sip.Target{URI: uri("sip:empty.example.com")}).fails(transaction.ErrNoTransport)
		w.startTo(context.Background(), sip.OPTIONS, sip.Target{URI: uri("sip:tls.example.com")}).fails(transaction.ErrNoTransport)
		ev = w.startTo(context.Background(), sip.OPTIONS, sip.Target{URI: uri("sip:dead.example.com")}).next()
		require.Error(t, ev.Err)
		require.True(t, ev.Last)
	}, transaction.WithResolver(names))
}

// failures is a resolver that is told what failed.
type failures struct {
	resolver
	failed chan sip.Hop
}

func (f failures) Failed(hop sip.Hop, _ time.Duration) { f.failed <- hop }

// RFC 3263 section 4.3: a hop that nothing could be sent to is remembered.
func TestResolverIsToldWhatFailed(t *testing.T) {
	names := failures{
		resolver: func(context.Context, sip.URI) ([]sip.Hop, error) {
			return append(hops("tcp", "192.0.2.77:5060"), hops("tcp", peerAddr)...), nil
		},
		failed: make(chan sip.Hop, 2),
	}
	inBubble(t, "tcp", nil, func(w *world) {
		c := w.startTo(context.Background(), sip.OPTIONS, sip.Target{URI: uri("sip:example.com")})
		w.peer.respond(w.peer.request(sip.OPTIONS), 200)
		c.response(200)
	}, transaction.WithResolver(names))
	require.Equal(t, hops("tcp", "192.0.2.77:5060")[0], <-names.failed)
	require.Empty(t, names.failed)
}

// A connection that breaks before any response ends the wait at once.
func TestFlowFails(t *testing.T) {
	inBubble(t, "tcp", nil, func(w *world) {
		c := w.start(context.Background(), sip.INVITE)
		w.peer.request(sip.INVITE)
		ringing := w.start(context.Background(), sip.INVITE)
		w.peer.respond(w.peer.request(sip.INVITE), 180)
		ringing.response(180)
		began := time.Now()
		require.NoError(t, w.peer.Transport.Close())
		require.Error(t, c.next().Err)
		require.Less(t, time.Since(began), 500*time.Millisecond)
		ringing.silent() // the final response may come over a new connection
	})
}

func TestStartOverAFlowThatIsGone(t *testing.T) {
	inBubble(t, "tcp", nil, func(w *world) {
		f := w.flowToPeer()
		f.ID++
		w.startTo(context.Background(), sip.OPTIONS, sip.Target{Flow: f}).fails(transport.ErrFlowGone)
		f.Network = "ws"
		w.startTo(context.Background(), sip.OPTIONS, sip.Target{Flow: f}).fails(transaction.ErrNoTransport)
	})
}

// RFC 3261 section 18.2.2: when the connection of a request is gone, responses
// go over a new one, in order.
func TestResponsesOverANewConnection(t *testing.T) {
	txs := make(chan *transaction.ServerTx, 1)
	inBubble(t, "tcp", detached(txs), func(w *world) {
		caller := w.newPeer("tcp", "192.0.2.10:5060")
		invite := caller.newRequest(sip.INVITE)
		caller.send(invite)
		tx := <-txs
		require.NoError(t, caller.Transport.Close())
		time.Sleep(time.Millisecond)
		again := w.newPeer("tcp", "192.0.2.10:5060") // listens where the Via says
		for _, code := range []int{180, 183, 486} {
			require.NoError(t, tx.Respond(sip.NewResponse(invite, code)))
		}
		again.response(180)
		again.response(183)
		resp := again.response(486)
		again.send(again.ack(invite, resp))
		time.Sleep(time.Second)
		require.Zero(t, w.ep.Stats().Server)

		// Nobody listens: the transaction ends all the same.
		options := again.newRequest(sip.OPTIONS)
		again.send(options)
		tx = <-txs
		require.NoError(t, again.Transport.Close())
		time.Sleep(time.Millisecond)
		require.NoError(t, tx.Respond(sip.NewResponse(options, 200)))
		time.Sleep(time.Second)
		require.Zero(t, w.ep.Stats().Server)
	})
}

// RFC 3261 section 18.2.2 and RFC 3581: where responses over UDP go.
func TestWayBackOverUDP(t *testing.T) {
	inBubble(t, "udp", answer(200), func(w *world) {
		named := w.newPeer("udp", "192.0.2.9:5070")
		group := w.newPeer("udp", "224.0.1.75:5060")
		third := w.newPeer("udp", "192.0.2.66:5060")
		for _, c := range []struct {
			name, sentBy, params string
			to                   *peer
		}{
			{"rport", "192.0.2.9:5070", ";rport", w.peer},
			{"the port of sent-by", "192.0.2.9:5070", "", named},
			{"no port", "192.0.2.9", "", w.peer},
			{"the source, not sent-by", "192.0.2.66:5060", "", w.peer},
			{"forged received", "192.0.2.66:5060", ";received=192.0.2.66", w.peer},
			{"maddr of a third party", "192.0.2.9:5060", ";maddr=192.0.2.66", w.peer},
			{"maddr of a group", "192.0.2.9:5060", ";maddr=224.0.1.75", w.peer},
		} {
			req := request(sip.OPTIONS, serverAddr)
			req.Prepend("Via", "SIP/2.0/UDP "+c.sentBy+";branch="+sip.NewBranch()+c.params)
			w.peer.send(req)
			require.Equal(t, 200, c.to.next().resp.StatusCode, c.name)
		}
		third.quiet(time.Second)
		group.quiet(0)
	})
}

// RFC 3263 section 4.3: an address that never answers is a failure, too.
func TestFailoverAfterTimeout(t *testing.T) {
	names := failures{
		resolver: func(context.Context, sip.URI) ([]sip.Hop, error) {
			return hops("udp", "192.0.2.77:5060", peerAddr), nil
		},
		failed: make(chan sip.Hop, 10),
	}
	inBubble(t, "udp", nil, func(w *world) {
		silent := w.newPeer("udp", "192.0.2.77:5060")
		for _, m := range []sip.Method{sip.INVITE, sip.OPTIONS} {
			began := time.Now()
			c := w.startTo(context.Background(), m, sip.Target{URI: uri("sip:example.com")})
			pk := w.peer.next()
			require.InDelta(t, 32*time.Second, pk.at.Sub(began), float64(2*grain))
			first := silent.request(m)
			require.NotEqual(t, first.Get("Via"), pk.req.Get("Via"), "a transaction of its own")
			silent.all()
			w.peer.respond(pk.req, 404)
			c.response(404)
			require.Equal(t, hops("udp", "192.0.2.77:5060")[0], <-names.failed)
			w.peer.all()
		}
		time.Sleep(time.Minute)

		// Whoever answered is no failure, and the last one ends it.
		c := w.startTo(context.Background(), sip.OPTIONS, sip.Target{URI: uri("sip:example.com")})
		silent.respond(silent.request(sip.OPTIONS), 100)
		c.response(100)
		c.fails(transaction.ErrTimeout)
		require.Empty(t, w.peer.all())
		require.Empty(t, names.failed)
		silent.all()
		ctx, cancel := context.WithTimeout(context.Background(), 50*time.Second)
		defer cancel()
		began := time.Now()
		w.startTo(ctx, sip.OPTIONS, sip.Target{URI: uri("sip:example.com")}).fails(context.DeadlineExceeded)
		require.InDelta(t, 50*time.Second, time.Since(began), float64(grain))
		w.startTo(context.Background(), sip.OPTIONS, sip.Target{URI: uri("sip:example.com")}).fails(transaction.ErrTimeout)
		time.Sleep(time.Minute)
		require.Zero(t, w.ep.Stats().Client)
	}, transaction.WithResolver(names))
}
