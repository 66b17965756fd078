package transaction_test

import (
	"context"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/transport"
	"github.com/patchbay-sip/patchbay/sip/transport/memnet"
	"github.com/patchbay-sip/patchbay/transaction"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	serverAddr = "192.0.2.1:5060" // the Endpoint under test
	peerAddr   = "192.0.2.9:5060" // who speaks to it
)

// A world is an Endpoint under test and a peer that speaks to it on the wire,
// on a network of their own.
type world struct {
	t     testing.TB
	net   *memnet.Network
	ep    *transaction.Endpoint
	peer  *peer
	began time.Time
}

// inBubble runs f in virtual time with an Endpoint that serves h on a network.
func inBubble(t *testing.T, network string, h transaction.Handler, f func(w *world), opts ...transaction.Option) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, network, h, opts...)
		f(w)
		w.close()
	})
}

// onBoth runs f over UDP and over TCP.
func onBoth(t *testing.T, h transaction.Handler, f func(w *world)) {
	for _, network := range []string{"udp", "tcp"} {
		t.Run(network, func(t *testing.T) { inBubble(t, network, h, f) })
	}
}

func newWorld(t testing.TB, network string, h transaction.Handler, opts ...transaction.Option) *world {
	w := &world{t: t, net: memnet.New()}
	w.ep = w.serve(serverAddr, h, opts...)
	w.peer = w.newPeer(network, peerAddr)
	w.began = time.Now()
	return w
}

// serve starts an Endpoint on UDP and TCP.
func (w *world) serve(addr string, h transaction.Handler, opts ...transaction.Option) *transaction.Endpoint {
	ep := transaction.New(opts...)
	udp, tcp := open(w.t, w.net, "udp", addr), open(w.t, w.net, "tcp", addr)
	started := make(chan error, 1)
	go func() { started <- ep.Serve(context.Background(), h, udp, tcp) }()
	for ep.SentBy(sip.Flow{Network: "udp"}).Port == 0 {
		time.Sleep(time.Millisecond)
	}
	w.t.Cleanup(func() {
		require.NoError(w.t, ep.Close())
		require.ErrorIs(w.t, <-started, net.ErrClosed)
	})
	return ep
}

// close ends everything inside the bubble.
func (w *world) close() {
	require.NoError(w.t, w.ep.Close())
	require.NoError(w.t, w.peer.Transport.Close())
}

func open(t testing.TB, n *memnet.Network, network, addr string) transport.Transport {
	if network == "udp" {
		conn, err := n.ListenPacket(addr)
		require.NoError(t, err)
		return transport.NewUDP(conn)
	}
	l, err := n.Listen(addr)
	require.NoError(t, err)
	local := netip.MustParseAddrPort(addr).Addr()
	return transport.NewTCP(l, transport.WithDialer(n.Dialer(local)))
}

// A peer is a bare transport whose messages the test sees one by one.
type peer struct {
	transport.Transport
	t    testing.TB
	flow sip.Flow // to the Endpoint

	came chan packet
	gone chan sip.Flow
}

// A packet is a message that came to a peer.
type packet struct {
	at   time.Time
	flow sip.Flow
	req  *sip.Request
	resp *sip.Response
}

func (w *world) newPeer(network, addr string) *peer {
	p := &peer{
		Transport: open(w.t, w.net, network, addr), t: w.t,
		came: make(chan packet, 100_000), gone: make(chan sip.Flow, 100),
	}
	go func() { _ = p.Serve(p) }()
	var err error
	p.flow, err = p.Connect(context.Background(), sip.Hop{Network: network, Addr: netip.MustParseAddrPort(serverAddr)})
	require.NoError(w.t, err)
	w.t.Cleanup(func() { _ = p.Transport.Close() })
	return p
}

func (p *peer) Message(f sip.Flow, m sip.Message) {
	pk := packet{at: time.Now(), flow: f}
	pk.req, _ = m.(*sip.Request)
	pk.resp, _ = m.(*sip.Response)
	p.came <- pk
}

func (p *peer) Malformed(f sip.Flow, m sip.Message, err *sip.ParseError) {
	p.t.Errorf("malformed message at the peer: %v\n%v", err, m)
}

func (p *peer) FlowFailed(f sip.Flow, _ error) {
	select {
	case p.gone <- f:
	default:
	}
}

// send sends a message to the Endpoint.
func (p *peer) send(m sip.Message) {
	p.t.Helper()
	require.NoError(p.t, p.Send(p.flow, m))
}

// next waits for a message.
func (p *peer) next() packet {
	p.t.Helper()
	select {
	case pk := <-p.came:
		return pk
	case <-time.After(time.Hour):
		require.FailNow(p.t, "nothing came within an hour")
		return packet{}
	}
}

// response waits for a response with the code.
func (p *peer) response(code int) *sip.Response {
	p.t.Helper()
	pk := p.next()
	require.NotNil(p.t, pk.resp, "%v", pk.req)
	require.Equal(p.t, code, pk.resp.StatusCode, "%v", pk.resp)
	return pk.resp
}

// request waits for a request with the method.
func (p *peer) request(m sip.Method) *sip.Request {
	p.t.Helper()
	pk := p.next()
	require.NotNil(p.t, pk.req, "%v", pk.resp)
	require.Equal(p.t, m, pk.req.Method, "%v", pk.req)
	return pk.req
}

// quiet waits and makes sure that nothing came.
func (p *peer) quiet(d time.Duration) {
	p.t.Helper()
	time.Sleep(d)
	synctest.Wait()
	select {
	case pk := <-p.came:
		require.FailNow(p.t, "unexpected message", "%v %v", pk.req, pk.resp)
	default:
	}
}

// newRequest makes a request of the peer to the Endpoint, with a Via.
func (p *peer) newRequest(m sip.Method) *sip.Request {
	req := request(m, serverAddr)
	p.pushVia(req, sip.NewBranch())
	return req
}

func (p *peer) pushVia(req *sip.Request, branch string) {
	params := ";rport"
	if branch != "" {
		params = ";branch=" + branch + params
	}
	v, err := sip.ParseParams(params)
	require.NoError(p.t, err)
	name := map[string]string{"udp": "UDP", "tcp": "TCP"}[p.Network()]
	req.PushVia(sip.Via{Transport: name, SentBy: p.SentBy(p.flow), Params: v})
}

// respond answers a request that came.
func (p *peer) respond(req *sip.Request, code int) *sip.Response {
	p.t.Helper()
	resp := sip.NewResponse(req, code)
	p.send(resp)
	return resp
}

// ack makes the ACK to a final response.
func (p *peer) ack(invite *sip.Request, resp *sip.Response) *sip.Request {
	ack, err := sip.NewACK(invite, resp)
	require.NoError(p.t, err)
	return ack
}

// request makes a request to an address, without Via.
func request(m sip.Method, addr string) *sip.Request {
	return sip.NewRequest(m, sip.MustParseURI("sip:bob@"+addr),
		sip.Address{URI: sip.MustParseURI("sip:alice@example.com")},
		sip.Address{URI: sip.MustParseURI("sip:bob@example.com")})
}

// answer is a Handler that answers with these codes, one after the other.
func answer(codes ...int) transaction.Handler {
	return transaction.HandlerFunc(func(_ context.Context, req *sip.Request, tx *transaction.ServerTx) error {
		if req.Method == sip.ACK {
			return nil
		}
		for _, c := range codes {
			if err := tx.Respond(sip.NewResponse(req, c)); err != nil {
				return err
			}
		}
		return nil
	})
}

// detached is a Handler that hands the transaction to the test.
func detached(txs chan<- *transaction.ServerTx) transaction.Handler {
	return transaction.HandlerFunc(func(_ context.Context, _ *sip.Request, tx *transaction.ServerTx) error {
		tx.Detach()
		txs <- tx
		return nil
	})
}
