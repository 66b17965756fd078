package transaction_test

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/transport"
	"github.com/patchbay-sip/patchbay/transaction"
)

// asked is a Resolver that tells which URI it was asked for.
type asked chan string

func (a asked) Resolve(_ context.Context, u sip.URI) ([]sip.Hop, error) {
	a <- u.String()
	return []sip.Hop{{Network: "tls", Addr: netip.MustParseAddrPort(peerAddr)}}, nil
}

// RFC 3261 sections 8.1.2 and 16.6 item 7: where Request-URI is sips, the next hop
// is found as if its URI were one, too.
func TestSIPSWherever(t *testing.T) {
	names := make(asked, 10)
	inBubble(t, "udp", nil, func(w *world) {
		tcp := w.newPeer("tcp", peerAddr)
		for _, c := range []struct{ uri, route, want string }{
			{"sips:bob@example.com", "<sip:proxy.example.com;lr>", "sips:proxy.example.com;lr"},
			{"sips:bob@example.com", "<sip:proxy.example.com:5070;lr;transport=tcp>", "sips:proxy.example.com:5070;lr;transport=tcp"},
			{"sips:bob@example.com", "<sip:strict.example.com>", "sips:strict.example.com"},
			{"sips:bob@example.com", "<sips:proxy.example.com;lr>", "sips:proxy.example.com;lr"},
			{"sips:bob@example.com", "", "sips:bob@example.com"},
			{"sip:bob@example.com", "<sips:proxy.example.com;lr>", "sips:proxy.example.com;lr"},
			{"sips:bob@example.com", "<sip:" + peerAddr + ";lr>", ""},
			{"sips:bob@example.com", "<sip:" + peerAddr + ";lr;transport=tcp>", ""},
			{"sips:bob@example.com", "<sip:" + peerAddr + ">", ""},
		} {
			req := request(sip.OPTIONS, peerAddr)
			req.URI = uri(c.uri)
			if c.route != "" {
				req.Set("Route", c.route)
			}
			_, err := w.ep.Do(context.Background(), req, sip.Target{})
			require.ErrorIs(t, err, transaction.ErrNoTransport, c.route)
			req.Method = sip.ACK
			require.ErrorIs(t, w.ep.Send(context.Background(), req, sip.Target{}), transaction.ErrNoTransport, c.route)
			if c.want != "" {
				require.Equal(t, c.want, <-names, c.route)
				require.Equal(t, c.want, <-names, c.route)
			}
			require.Empty(t, names, c.route)
		}
		w.peer.quiet(time.Second)
		tcp.quiet(0)
	}, transaction.WithResolver(names))
}

// RFC 3261 section 8.1.2: "any alternate destinations MUST be contacted with TLS".
func TestSIPSByFlow(t *testing.T) {
	onBoth(t, nil, func(w *world) {
		to := sip.Target{URI: uri("sips:bob@example.com"), Flow: w.flowToPeer()}
		_, err := w.ep.Do(context.Background(), request(sip.OPTIONS, peerAddr), to)
		require.ErrorIs(w.t, err, transaction.ErrNotSecure)
		require.ErrorIs(w.t, w.ep.Send(context.Background(), request(sip.ACK, peerAddr), to), transaction.ErrNotSecure)
		w.peer.quiet(time.Second)
	})
	for _, network := range []string{"tls", "wss"} {
		inBubble(t, "tcp", nil, func(w *world) {
			ep, flow := w.named(network)
			c := make(chan transaction.Event, 1)
			_, err := ep.Start(context.Background(), request(sip.OPTIONS, peerAddr),
				sip.Target{URI: uri("sips:bob@example.com"), Flow: flow}, func(ev transaction.Event) { c <- ev })
			require.NoError(t, err)
			w.peer.respondOn(w.peer.next(), 200)
			require.NoError(t, (<-c).Err)
		})
	}
}

// aliased is a TCP transport under the name of another network, which saves tests
// the handshakes.
type aliased struct {
	transport.Transport
	network string
}

func (a aliased) Network() string { return a.network }

func (a aliased) real(f sip.Flow) sip.Flow {
	f.Network = a.Transport.Network()
	return f
}

func (a aliased) named(f sip.Flow) sip.Flow {
	f.Network = a.network
	return f
}

func (a aliased) Connect(ctx context.Context, hop sip.Hop) (sip.Flow, error) {
	hop.Network = a.Transport.Network()
	f, err := a.Transport.Connect(ctx, hop)
	return a.named(f), err
}

func (a aliased) Send(f sip.Flow, m sip.Message) error   { return a.Transport.Send(a.real(f), m) }
func (a aliased) SentBy(f sip.Flow) sip.HostPort         { return a.Transport.SentBy(a.real(f)) }
func (a aliased) Peer(f sip.Flow) (transport.Peer, bool) { return a.Transport.Peer(a.real(f)) }
func (a aliased) Serve(sink transport.Sink) error        { return a.Transport.Serve(aliasedSink{sink, a}) }

type aliasedSink struct {
	transport.Sink
	a aliased
}

func (s aliasedSink) Message(f sip.Flow, m sip.Message) { s.Sink.Message(s.a.named(f), m) }
func (s aliasedSink) FlowFailed(f sip.Flow, err error)  { s.Sink.FlowFailed(s.a.named(f), err) }

// aliasAddr is where the Endpoint of named listens.
const aliasAddr = "192.0.2.1:5061"

// named starts an Endpoint on a network of that name, TCP beneath, and gives a
// flow of it to the peer.
func (w *world) named(network string, opts ...transaction.Option) (*transaction.Endpoint, sip.Flow) {
	tr := aliased{open(w.t, w.net, "tcp", aliasAddr), network}
	ep := transaction.New(opts...)
	ended := make(chan error, 1)
	go func() { ended <- ep.Serve(context.Background(), nil, tr) }()
	f, err := tr.Connect(context.Background(), sip.Hop{Network: network, Addr: netip.MustParseAddrPort(peerAddr)})
	require.NoError(w.t, err)
	w.t.Cleanup(func() {
		require.NoError(w.t, ep.Close())
		<-ended
	})
	return ep, f
}

// respondOn answers a request on the flow that it came on.
func (p *peer) respondOn(pk packet, code int) {
	p.t.Helper()
	require.NoError(p.t, p.Send(pk.flow, sip.NewResponse(pk.req, code)))
}
