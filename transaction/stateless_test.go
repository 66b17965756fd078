package transaction_test

import (
	"context"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/transport"
	"github.com/patchbay-sip/patchbay/transaction"
)

func TestSendRequest(t *testing.T) {
	onBoth(t, nil, func(w *world) {
		ctx := context.Background()
		ack := request(sip.ACK, peerAddr)
		before := ack.String()
		require.NoError(w.t, w.ep.Send(ctx, ack, w.toPeer()))
		first := w.peer.request(sip.ACK)
		require.NoError(w.t, w.ep.Send(ctx, ack, w.toPeer()))
		require.NotEqual(w.t, topBranch(w.t, first), topBranch(w.t, w.peer.request(sip.ACK)))
		require.Equal(w.t, before, ack.String())
		require.Zero(w.t, w.ep.Stats().Client)

		// What is forwarded keeps a branch that follows from the one it came with.
		forwarded := w.peer.newRequest(sip.INVITE)
		require.NoError(w.t, w.ep.Send(ctx, forwarded, w.toPeer()))
		first = w.peer.request(sip.INVITE)
		require.NoError(w.t, w.ep.Send(ctx, forwarded, w.toPeer()))
		second := w.peer.request(sip.INVITE)
		require.Equal(w.t, first.String(), second.String())
		require.NotEqual(w.t, topBranch(w.t, forwarded), topBranch(w.t, first))
		w.peer.pushVia(forwarded, sip.NewBranch())
		require.NoError(w.t, w.ep.Send(ctx, forwarded, w.toPeer()))
		require.NotEqual(w.t, topBranch(w.t, first), topBranch(w.t, w.peer.request(sip.INVITE)))

		// By flow, and by Route.
		require.NoError(w.t, w.ep.Send(ctx, ack, sip.Target{Flow: w.flowToPeer()}))
		w.peer.request(sip.ACK)
		ack.Set("Route", "<sip:"+peerAddr+";lr;transport="+w.peer.Network()+">")
		require.NoError(w.t, w.ep.Send(ctx, ack, sip.Target{URI: uri("sip:nowhere.invalid")}))
		require.Equal(w.t, "sip:nowhere.invalid", w.peer.request(sip.ACK).URI.String())

		require.ErrorIs(w.t, w.ep.Send(ctx, ack, sip.Target{Flow: sip.Flow{Network: "ws"}}), transaction.ErrNoTransport)
		ack.Set("Route", "<sip:192.0.2.77;lr;transport=tcp>")
		require.Error(w.t, w.ep.Send(ctx, ack, sip.Target{}), "nobody listens")
	})
}

// A response goes where its topmost Via says.
func TestSendResponse(t *testing.T) {
	inBubble(t, "udp", nil, func(w *world) {
		named := w.newPeer("udp", "192.0.2.9:5070")
		tcp := w.newPeer("tcp", "192.0.2.9:5060")
		for _, c := range []struct {
			via string
			to  *peer
		}{
			{"SIP/2.0/UDP 192.0.2.9:5070", named},
			{"SIP/2.0/UDP 192.0.2.9", w.peer},
			{"SIP/2.0/UDP 10.0.0.1:5070;received=192.0.2.9", named},
			{"SIP/2.0/UDP 10.0.0.1:99;received=192.0.2.9;rport=5070", named},
			{"SIP/2.0/UDP 10.0.0.1:99;received=192.0.2.9;rport=5070;maddr=10.0.0.1", named},
			{"SIP/2.0/UDP 10.0.0.1:5070;received=[::ffff:192.0.2.9]", named},
			{"SIP/2.0/TCP 192.0.2.9", tcp},
			{"SIP/2.0/TCP 192.0.2.9;maddr=224.0.1.75", tcp},
			{"SIP/2.0/TCP 10.0.0.1:5060;received=192.0.2.9;rport=40000", tcp}, // nobody there any more
		} {
			req := request(sip.OPTIONS, serverAddr)
			req.Prepend("Via", c.via+";branch="+sip.NewBranch())
			resp := sip.NewResponse(req, 200)
			require.NoError(t, w.ep.Send(context.Background(), resp, sip.Target{}), c.via)
			require.Equal(t, resp.String(), c.to.response(200).String(), c.via)
		}
		resp := sip.NewResponse(request(sip.OPTIONS, serverAddr), 200)
		require.ErrorIs(t, w.ep.Send(context.Background(), resp, sip.Target{}), sip.ErrNoField)
		require.NoError(t, w.ep.Send(context.Background(), resp, sip.Target{Flow: w.flowToPeer()}))
		w.peer.response(200)
	})
}

// overheard is a transport that tells where it was to connect to.
type overheard struct {
	aliased
	hops chan sip.Hop
}

func (t overheard) Connect(ctx context.Context, hop sip.Hop) (sip.Flow, error) {
	t.hops <- hop
	return t.aliased.Connect(ctx, hop)
}

// RFC 3261 section 18.2.2, RFC 5922: the connection of a request is known by its
// address, and a new one has to be to whom the Via names.
func TestSendResponseByTLS(t *testing.T) {
	inBubble(t, "tcp", nil, func(w *world) {
		tr := overheard{aliased{open(t, w.net, "tcp", aliasAddr), "tls"}, make(chan sip.Hop, 10)}
		ep := transaction.New()
		ended := make(chan error, 1)
		go func() { ended <- ep.Serve(context.Background(), nil, tr) }()
		for via, want := range map[string][]string{
			"p.example.com:5060;received=192.0.2.9":             {"192.0.2.9:5060 p.example.com"},
			"192.0.2.9:5060":                                    {"192.0.2.9:5060 192.0.2.9"},
			"p.example.com;received=192.0.2.9;rport=5060":       {"192.0.2.9:5060 "},
			"p.example.com:5060;received=192.0.2.9;rport=40000": {"192.0.2.9:40000 ", "192.0.2.9:5060 p.example.com"},
		} {
			req := request(sip.OPTIONS, serverAddr)
			req.Prepend("Via", "SIP/2.0/TLS "+via+";branch="+sip.NewBranch())
			require.NoError(t, ep.Send(context.Background(), sip.NewResponse(req, 200), sip.Target{}), via)
			w.peer.response(200)
			for _, hop := range want {
				got := <-tr.hops
				require.Equal(t, hop, got.Addr.String()+" "+got.ServerName, via)
			}
			require.Empty(t, tr.hops, via)
		}
		require.NoError(t, ep.Close())
		<-ended
	})
}

func TestOwnsAndSentBy(t *testing.T) {
	inBubble(t, "udp", nil, func(w *world) {
		f := w.flowToPeer()
		for u, want := range map[string]bool{
			"sip:192.0.2.1":                 true,
			"sip:alice@192.0.2.1:5060":      true,
			"sip:192.0.2.1:5070":            false,
			"sips:192.0.2.1":                false,
			"sips:192.0.2.1:5060":           true,
			"sip:192.0.2.1;transport=tls":   false,
			"sip:192.0.2.1;transport=ws":    false,
			"sip:192.0.2.2":                 false,
			"sip:example.com":               false,
			"tel:+15551234":                 false,
			"sip:[::ffff:192.0.2.1]:5060":   true,
			"sip:alice@192.0.2.1;transport": true,
		} {
			require.Equal(t, want, w.ep.Owns(uri(u)), u)
		}
		require.Equal(t, serverAddr, w.ep.SentBy(f).String())
		require.Zero(t, w.ep.SentBy(sip.Flow{Network: "ws"}))
	})
	require.False(t, transaction.New().Owns(uri("sip:192.0.2.1")))
}

// A wildcard socket stands for each address of this host, and for no other.
func TestOwnsOnAWildcardSocket(t *testing.T) {
	tr, err := transport.ListenUDP("0.0.0.0:0")
	require.NoError(t, err)
	ep := transaction.New()
	ended := make(chan error, 1)
	go func() { ended <- ep.Serve(context.Background(), nil, tr) }()
	_, err = ep.Do(canceled(), request(sip.OPTIONS, serverAddr), sip.Target{})
	require.ErrorIs(t, err, context.Canceled)
	port := tr.Addrs()[0].Port()
	own := func(a string) bool {
		return ep.Owns(sip.NewURI("", a, port))
	}
	require.Eventually(t, func() bool { return own("127.0.0.1") }, 5e9, 1e6)
	require.False(t, own("192.0.2.99"))
	require.False(t, own("::1"), "the socket is IPv4 alone")
	require.NoError(t, ep.Close())
	<-ended
}

func canceled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// Of several transports of a network the one that suits the address is taken.
func TestChoiceOfTransport(t *testing.T) {
	inBubble(t, "udp", nil, func(w *world) {
		ep := transaction.New()
		v6, v4 := open(t, w.net, "udp", "[2001:db8::1]:5060"), open(t, w.net, "udp", "192.0.2.5:5060")
		loop := open(t, w.net, "udp", "127.0.0.1:5060")
		ended := make(chan error, 1)
		go func() { ended <- ep.Serve(context.Background(), nil, loop, v6, v4) }()
		for dest, via := range map[string]string{
			"192.0.2.9":     "192.0.2.5:5060",
			"127.0.0.1":     "127.0.0.1:5060",
			"[2001:db8::9]": "[2001:db8::1]:5060",
		} {
			var got sip.Flow
			_, err := ep.Start(context.Background(), request(sip.OPTIONS, dest), sip.Target{}, func(transaction.Event) {},
				transaction.BeforeSend(func(_ *sip.Request, f sip.Flow) error { got = f; return nil }))
			require.NoError(t, err)
			require.Equal(t, via, got.Local.String())
			require.Equal(t, netip.MustParseAddr(strings.Trim(dest, "[]")), got.Remote.Addr())
		}
		require.NoError(t, ep.Close())
		<-ended
	})
}
