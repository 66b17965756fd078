package main

import (
	"context"
	"fmt"
	"net"
	"testing"
	"testing/synctest"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/transport"
	"github.com/patchbay-sip/patchbay/sip/transport/memnet"
	"github.com/patchbay-sip/patchbay/transaction"
	"github.com/patchbay-sip/patchbay/transaction/dialog"
	"github.com/stretchr/testify/require"
)

const (
	server  = "192.0.2.1:5067"
	gateway = "192.0.2.90:5080"
)

// open starts the office of berlin on a network of its own.
func open(t *testing.T, exit sip.URI) (*memnet.Network, *tally) {
	network := memnet.New()
	calls := &tally{lines: make(map[string]int)}
	udp := listen(t, network, server)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- serve(ctx, udp, "berlin", exit, calls) }()
	t.Cleanup(func() {
		stop()
		require.ErrorIs(t, <-done, net.ErrClosed)
	})
	return network, calls
}

func listen(t *testing.T, network *memnet.Network, addr string) *transport.UDP {
	conn, err := network.ListenPacket(addr)
	require.NoError(t, err)
	return transport.NewUDP(conn)
}

// counted waits until what was done is counted: the caller has its answer first.
func counted(calls *tally) string {
	synctest.Wait()
	return calls.String()
}

// A phone keeps the INVITEs that reach it and answers them all alike.
type phone struct {
	me       sip.URI
	endpoint *transaction.Endpoint
	dialogs  *dialog.Set
	invites  chan *sip.Request
}

// connect makes a phone. answer is 200 to take calls, 180 to let them ring, or the status that refuses them.
func connect(t *testing.T, network *memnet.Network, name, addr string, answer int) *phone {
	p := &phone{
		me:       sip.MustParseURI("sip:" + name + "@192.0.2.1"),
		endpoint: transaction.New(),
		invites:  make(chan *sip.Request, 10),
	}
	mux := transaction.NewMux()
	mux.HandleFunc(sip.INVITE, func(ctx context.Context, req *sip.Request, tx *transaction.ServerTx) error {
		p.invites <- req
		switch {
		case answer >= 300:
			return &sip.StatusError{Code: answer}
		case answer >= 200:
			ok := sip.NewResponse(req, answer)
			ok.SetBody("application/sdp", "v=0\r\n")
			_, err := p.dialogs.Accept(tx, ok)
			return err
		}
		if err := tx.Respond(sip.NewResponse(req, answer)); err != nil {
			return err
		}
		<-ctx.Done()
		return context.Cause(ctx)
	})
	p.dialogs = dialog.NewSet(p.endpoint, mux)
	udp := listen(t, network, addr)
	done := make(chan error)
	go func() { done <- p.endpoint.Serve(context.Background(), p.dialogs, udp) }()
	t.Cleanup(func() {
		require.NoError(t, p.endpoint.Close())
		require.ErrorIs(t, <-done, net.ErrClosed)
	})
	return p
}

func (p *phone) register(t *testing.T) {
	req := sip.NewRequest(sip.REGISTER, sip.MustParseURI("sip:"+server), sip.Address{URI: p.me}, sip.Address{URI: p.me})
	resp, err := p.endpoint.Do(t.Context(), req, sip.Target{}, transaction.FillContact(p.me.User()))
	require.NoError(t, err)
	require.Equal(t, 200, resp.StatusCode)
}

func (p *phone) call(ctx context.Context, callee string, opts ...dialog.InviteOption) (*dialog.Dialog, error) {
	to := sip.MustParseURI("sip:" + callee)
	invite := sip.NewRequest(sip.INVITE, to, sip.Address{URI: p.me}, sip.Address{URI: to})
	invite.Set("X-Office", "paris")
	invite.SetBody("application/sdp", "v=0\r\n")
	office := sip.Address{URI: sip.MustParseURI("sip:" + server + ";lr")}
	return p.dialogs.Invite(ctx, invite, sip.Target{Route: []sip.Address{office}}, opts...)
}

func TestCallsAreStampedAndCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network, calls := open(t, sip.URI{})
		alice := connect(t, network, "alice", "192.0.2.10:5060", 200)
		bob := connect(t, network, "bob", "192.0.2.20:5060", 200)
		bob.register(t)

		for _, alias := range []string{"192.0.2.1", server, "localhost"} {
			call, err := alice.call(t.Context(), "bob@"+alias)
			require.NoError(t, err)
			require.Equal(t, "berlin", (<-bob.invites).Get("X-Office"))
			require.NoError(t, call.Bye(t.Context()))
		}
		require.Equal(t, "     3  sip:alice@localhost -> sip:bob@localhost: answered\n", counted(calls))
	})
}

func TestAReinviteIsNoCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network, calls := open(t, sip.URI{})
		alice := connect(t, network, "alice", "192.0.2.10:5060", 200)
		connect(t, network, "bob", "192.0.2.20:5060", 200).register(t)
		call, err := alice.call(t.Context(), "bob@192.0.2.1")
		require.NoError(t, err)

		again := call.NewRequest(sip.INVITE)
		again.SetBody("application/sdp", "v=0\r\n")
		_, err = call.Do(t.Context(), again)
		require.NoError(t, err)
		require.Equal(t, "     1  sip:alice@localhost -> sip:bob@localhost: answered\n", counted(calls))
		require.NoError(t, call.Bye(t.Context()))
	})
}

func TestNumbersWithNineLeaveByTheGateway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network, calls := open(t, sip.MustParseURI("sip:"+gateway))
		alice := connect(t, network, "alice", "192.0.2.10:5060", 200)
		out := connect(t, network, "gateway", gateway, 200)

		for _, number := range []string{"9030123", "%39030123"} {
			call, err := alice.call(t.Context(), number+"@192.0.2.1")
			require.NoError(t, err)
			invite := <-out.invites
			require.Equal(t, "sip:"+number+"@"+gateway, invite.URI.String())
			require.Equal(t, "berlin", invite.Get("X-Office"))
			require.NoError(t, call.Bye(t.Context()))
		}
		require.Equal(t, "     2  sip:alice@localhost -> sip:9030123@localhost: answered\n", counted(calls))

		_, err := alice.call(t.Context(), "9030123@elsewhere.example")
		var refused *sip.StatusError
		require.ErrorAs(t, err, &refused)
		require.Equal(t, 403, refused.Code)
		require.Empty(t, out.invites)
	})
}

func TestWithoutAGatewayNineIsLikeAnyOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network, calls := open(t, sip.URI{})
		alice := connect(t, network, "alice", "192.0.2.10:5060", 200)
		connect(t, network, "90", "192.0.2.20:5060", 200).register(t)

		call, err := alice.call(t.Context(), "90@192.0.2.1")
		require.NoError(t, err)
		require.NoError(t, call.Bye(t.Context()))
		require.Equal(t, "     1  sip:alice@localhost -> sip:90@localhost: answered\n", counted(calls))
	})
}

func TestHowCallsEnd(t *testing.T) {
	for _, test := range []struct {
		callee string
		answer int
		ended  string
	}{
		{"busy", 486, "busy"},
		{"busy-everywhere", 600, "busy"},
		{"shy", 603, "603 Decline"},
		{"slow", 180, "no answer"},
		{"gone", 0, "480 Temporarily Unavailable"},
	} {
		t.Run(test.callee, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				network, calls := open(t, sip.URI{})
				alice := connect(t, network, "alice", "192.0.2.10:5060", 200)
				if test.answer != 0 {
					connect(t, network, test.callee, "192.0.2.20:5060", test.answer).register(t)
				}
				_, err := alice.call(t.Context(), test.callee+"@192.0.2.1")
				require.ErrorAs(t, err, new(*dialog.RejectedError))
				require.Equal(t, fmt.Sprintf("     1  sip:alice@localhost -> sip:%s@localhost: %s\n", test.callee, test.ended), counted(calls))
			})
		})
	}
}

func TestTheCallerGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network, calls := open(t, sip.URI{})
		alice := connect(t, network, "alice", "192.0.2.10:5060", 200)
		connect(t, network, "bob", "192.0.2.20:5060", 180).register(t)

		ctx, hangUp := context.WithCancel(t.Context())
		_, err := alice.call(ctx, "bob@192.0.2.1", dialog.OnProvisional(func(*sip.Response) { hangUp() }))
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, "     1  sip:alice@localhost -> sip:bob@localhost: given up\n", counted(calls))
	})
}

func TestATallyIsBounded(t *testing.T) {
	calls := &tally{lines: make(map[string]int)}
	for i := range maxLines + 5 {
		calls.add(fmt.Sprint("call ", i))
	}
	calls.add("call 0")
	require.Len(t, calls.lines, maxLines+1)
	require.Equal(t, 2, calls.lines["call 0"])
	require.Equal(t, 5, calls.lines["others"])
}
