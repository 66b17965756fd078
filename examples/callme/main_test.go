package main

import (
	"context"
	"io"
	"log"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/transport"
	"github.com/patchbay-sip/patchbay/sip/transport/memnet"
	"github.com/patchbay-sip/patchbay/transaction"
	"github.com/patchbay-sip/patchbay/transaction/dialog"
)

func TestMain(m *testing.M) {
	log.SetOutput(io.Discard)
	os.Exit(m.Run())
}

// A phone rings for a while, and answers; or refuses, if its code is another than 200.
type phone struct {
	uri   sip.URI
	name  string
	rings time.Duration
	code  int
	talks time.Duration // and hangs up

	calls *dialog.Set
	heard chan string // what the other side's descriptions were
	ended chan error
}

func (p *phone) answer(ctx context.Context, req *sip.Request, tx *transaction.ServerTx) error {
	if err := tx.Respond(sip.NewResponse(req, 180)); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(p.rings):
	}
	if p.code != 200 {
		return &sip.StatusError{Code: p.code}
	}
	ok := sip.NewResponse(req, 200)
	ok.SetBody("application/sdp", p.name)
	call, err := p.calls.Accept(tx, ok)
	if err != nil {
		return err
	}
	go func() {
		select {
		case <-call.Confirmed():
			p.heard <- req.Body() + call.ACK().Body()
		case <-call.Done():
		}
		select {
		case <-time.After(p.talks):
			_ = call.Bye(context.Background())
		case <-call.Done():
		}
		p.ended <- call.Err()
	}()
	return nil
}

// connected runs f in virtual time with a controller and two phones.
func connected(t *testing.T, a, b *phone, f func(t *testing.T, c *controller)) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		listen := func(addr string) transport.Transport {
			conn, err := n.ListenPacket(addr)
			require.NoError(t, err)
			return transport.NewUDP(conn)
		}
		var endpoints []*transaction.Endpoint
		for i, p := range []*phone{a, b} {
			addr := []string{"192.0.2.11:5060", "192.0.2.12:5060"}[i]
			p.uri, p.name = sip.MustParseURI("sip:"+addr), []string{"alice", "bob"}[i]
			p.heard, p.ended = make(chan string, 1), make(chan error, 1)
			endpoint, mux := transaction.New(), transaction.NewMux()
			mux.HandleFunc(sip.INVITE, p.answer)
			p.calls = dialog.NewSet(endpoint, mux)
			go endpoint.Serve(context.Background(), p.calls, listen(addr))
			endpoints = append(endpoints, endpoint)
		}
		c := &controller{me: sip.Address{URI: sip.MustParseURI("sip:callme@localhost")}, ring: 25 * time.Second}
		endpoints = append(endpoints, c.start(listen("192.0.2.1:5060")))
		f(t, c)
		time.Sleep(time.Minute)
		require.Zero(t, c.calls.Len()+a.calls.Len()+b.calls.Len(), "no call is left")
		for _, e := range endpoints {
			require.NoError(t, e.Close())
		}
	})
}

func TestConnect(t *testing.T) {
	for name, talks := range map[string][2]time.Duration{
		"the first hangs up":  {time.Minute, time.Hour},
		"the second hangs up": {time.Hour, time.Minute},
		"they are told to":    {time.Hour, time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			alice := &phone{code: 200, rings: 3 * time.Second, talks: talks[0]}
			bob := &phone{code: 200, rings: 20 * time.Second, talks: talks[1]}
			connected(t, alice, bob, func(t *testing.T, c *controller) {
				ctx, stop := context.WithTimeout(context.Background(), 2*time.Minute)
				defer stop()
				require.NoError(t, c.connect(ctx, alice.uri, bob.uri))
				require.Equal(t, "bob", <-alice.heard)
				require.Equal(t, "alice", <-bob.heard)
				require.NoError(t, <-alice.ended)
				require.NoError(t, <-bob.ended)
			})
		})
	}
}

func TestNobodyToTalkTo(t *testing.T) {
	for name, c := range map[string]struct {
		alice, bob phone
		err        error
		code       int
	}{
		"the first is busy":          {alice: phone{code: 486}, code: 486},
		"the second is busy":         {alice: phone{code: 200, talks: time.Hour}, bob: phone{code: 486}, code: 486},
		"the second does not answer": {alice: phone{code: 200, talks: time.Hour}, bob: phone{code: 200, rings: time.Hour}, err: context.DeadlineExceeded},
	} {
		t.Run(name, func(t *testing.T) {
			connected(t, &c.alice, &c.bob, func(t *testing.T, ctl *controller) {
				err := ctl.connect(context.Background(), c.alice.uri, c.bob.uri)
				if c.err != nil {
					require.ErrorIs(t, err, c.err)
					return
				}
				var rejected *dialog.RejectedError
				require.ErrorAs(t, err, &rejected)
				require.Equal(t, c.code, rejected.Response.StatusCode)
			})
		})
	}
}
