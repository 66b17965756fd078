package dialog_test

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
	"github.com/patchbay-sip/patchbay/sip/digest"
	"github.com/patchbay-sip/patchbay/sip/transport"
	"github.com/patchbay-sip/patchbay/sip/transport/memnet"
	"github.com/patchbay-sip/patchbay/transaction"
	"github.com/patchbay-sip/patchbay/transaction/dialog"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	aliceAddr = "192.0.2.1:5060"
	bobAddr   = "192.0.2.2:5060"
)

// A phone is an Endpoint with a Set. The Set's handlers are set by the test.
type phone struct {
	*dialog.Set
	t       testing.TB
	ep      *transaction.Endpoint
	addr    string
	network string
	mux     *transaction.Mux
	ended   chan error
}

// inBubble runs f in virtual time with two phones.
func inBubble(t *testing.T, network string, f func(t *testing.T, alice, bob *phone), opts ...dialog.Option) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		alice, bob := newPhone(t, n, network, aliceAddr), newPhone(t, n, network, bobAddr, opts...)
		f(t, alice, bob)
		alice.close()
		bob.close()
		require.Zero(t, alice.Len())
		require.Zero(t, bob.Len())
	})
}

// lossy is inBubble over UDP on a network that loses 15 % of what it carries, and
// doubles and reorders some.
func lossy(t *testing.T, seed uint64, f func(t *testing.T, alice, bob *phone), opts ...dialog.Option) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.WithSeed(seed), memnet.WithLoss(0.15), memnet.WithDuplication(0.1),
			memnet.WithDelay(10*time.Millisecond), memnet.WithJitter(50*time.Millisecond))
		alice, bob := newPhone(t, n, "udp", aliceAddr, opts...), newPhone(t, n, "udp", bobAddr, opts...)
		f(t, alice, bob)
		alice.close()
		bob.close()
	})
}

func newPhone(t testing.TB, n *memnet.Network, network, addr string, opts ...dialog.Option) *phone {
	p := &phone{
		t: t, addr: addr, network: network, mux: transaction.NewMux(), ended: make(chan error, 1),
		ep: transaction.New(transaction.WithCredentials(func(string) (digest.Credentials, bool) {
			return digest.Credentials{User: "caller", Password: "secret"}, true
		})),
	}
	p.Set = dialog.NewSet(p.ep, p.mux, opts...)
	tr := open(t, n, network, addr)
	go func() { p.ended <- p.ep.Serve(context.Background(), p, tr) }()
	return p
}

func open(t testing.TB, n *memnet.Network, network, addr string) transport.Transport {
	if network == "udp" {
		conn, err := n.ListenPacket(addr)
		require.NoError(t, err)
		return transport.NewUDP(conn)
	}
	l, err := n.Listen(addr)
	require.NoError(t, err)
	return transport.NewTCP(l, transport.WithDialer(n.Dialer(netip.MustParseAddrPort(addr).Addr())))
}

func (p *phone) close() {
	require.NoError(p.t, p.ep.Close())
	require.ErrorIs(p.t, <-p.ended, net.ErrClosed)
}

// invite is an INVITE to another phone.
func (p *phone) invite(to *phone) *sip.Request {
	u := sip.MustParseURI("sip:user@" + to.addr + ";transport=" + to.network)
	req := sip.NewRequest(sip.INVITE, u,
		sip.Address{URI: sip.MustParseURI("sip:caller@example.com")},
		sip.Address{URI: sip.MustParseURI("sip:callee@example.com")})
	req.SetBody("application/sdp", "offer")
	return req
}

// accepting has the phone take each call.
func (p *phone) accepting() <-chan *dialog.Dialog {
	calls := make(chan *dialog.Dialog, 10)
	p.mux.HandleFunc(sip.INVITE, func(_ context.Context, req *sip.Request, tx *transaction.ServerTx) error {
		if err := tx.Respond(sip.NewResponse(req, 180)); err != nil {
			return err
		}
		ok := sip.NewResponse(req, 200)
		ok.SetBody("application/sdp", "answer")
		d, err := p.Accept(tx, ok)
		if err != nil {
			return err
		}
		calls <- d
		return nil
	})
	return calls
}

// ring makes a call from one phone to another.
func ring(t testing.TB, from, to *phone) (caller, callee *dialog.Dialog) {
	calls := to.accepting()
	caller, err := from.Invite(context.Background(), from.invite(to), sip.Target{})
	require.NoError(t, err)
	callee = <-calls
	<-callee.Confirmed()
	return caller, callee
}

// A wire is a bare transport, for what a phone would not do.
type wire struct {
	transport.Transport
	t    testing.TB
	flow sip.Flow
	came chan sip.Message
}

// newWire makes one that speaks to alice from bob's address.
func newWire(t testing.TB, n *memnet.Network) *wire {
	w := &wire{Transport: open(t, n, "udp", bobAddr), t: t, came: make(chan sip.Message, 1000)}
	go func() { _ = w.Serve(w) }()
	var err error
	w.flow, err = w.Connect(context.Background(), sip.Hop{Network: "udp", Addr: netip.MustParseAddrPort(aliceAddr)})
	require.NoError(t, err)
	return w
}

func (w *wire) Message(_ sip.Flow, m sip.Message)                { w.came <- m }
func (w *wire) Malformed(sip.Flow, sip.Message, *sip.ParseError) { w.t.Error("malformed") }
func (w *wire) FlowFailed(sip.Flow, error)                       {}
func (w *wire) send(m sip.Message)                               { require.NoError(w.t, w.Send(w.flow, m)) }
func (w *wire) request(m sip.Method) *sip.Request {
	w.t.Helper()
	select {
	case got := <-w.came:
		req, ok := got.(*sip.Request)
		require.True(w.t, ok, "%v", got)
		require.Equal(w.t, m, req.Method)
		return req
	case <-time.After(time.Hour):
		require.FailNow(w.t, "nothing came")
		return nil
	}
}

// response waits for a response with the code, others but 100 being errors.
func (w *wire) response(code int) *sip.Response {
	w.t.Helper()
	select {
	case got := <-w.came:
		resp, ok := got.(*sip.Response)
		require.True(w.t, ok, "%v", got)
		require.Equal(w.t, code, resp.StatusCode)
		return resp
	case <-time.After(time.Hour):
		require.FailNow(w.t, "nothing came")
		return nil
	}
}

// onWire runs f with a phone and a wire that speaks to it.
func onWire(t *testing.T, f func(t *testing.T, alice *phone, w *wire), opts ...dialog.Option) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		alice := newPhone(t, n, "udp", aliceAddr, opts...)
		w := newWire(t, n)
		f(t, alice, w)
		alice.close()
		require.NoError(t, w.Transport.Close())
	})
}

// bob is the phone that the wire stands for.
func (w *wire) bob() *phone { return &phone{addr: bobAddr, network: "udp"} }
