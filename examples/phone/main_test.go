package main

import (
	"bytes"
	"context"
	"log"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/proxy"
	"github.com/patchbay-sip/patchbay/registrar"
	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/digest"
	"github.com/patchbay-sip/patchbay/sip/transport"
	"github.com/patchbay-sip/patchbay/sip/transport/memnet"
	"github.com/patchbay-sip/patchbay/transaction"
	"github.com/patchbay-sip/patchbay/transaction/dialog"
)

const serverAddr = "192.0.2.1:5060"

// serve starts a registrar and proxy that asks for passwords, and returns where it keeps its bindings.
func serve(t *testing.T, network *memnet.Network) (store *registrar.Memory, stop func()) {
	domains := sip.NewDomains("192.0.2.1")
	store = registrar.NewMemory()
	reg := registrar.New(domains, store)
	endpoint := transaction.New()
	px := proxy.New(endpoint, domains, proxy.Location(domains, reg))

	mux := transaction.NewMux()
	mux.Handle(sip.REGISTER, reg)
	mux.Default(px)
	users := digest.NewServer(digest.Passwords{"alice": "a", "bob": "b", "carol": "c"})
	ask := transaction.Authenticate(users, func(req *sip.Request, _ *transaction.ServerTx) (string, digest.Role, bool) {
		if req.Method == sip.REGISTER {
			return "office", digest.UAS, true
		}
		return "office", digest.Proxy, !px.InDialog(req)
	})
	go endpoint.Serve(t.Context(), ask(mux), listen(t, network, serverAddr))
	return store, func() { require.NoError(t, endpoint.Close()) }
}

func listen(t *testing.T, network *memnet.Network, addr string) *transport.UDP {
	conn, err := network.ListenPacket(addr)
	require.NoError(t, err)
	return transport.NewUDP(conn)
}

// newPhone makes a phone that writes what it prints to the buffer.
func newPhone(t *testing.T, user, password string) (*phone, *bytes.Buffer) {
	server, err := sip.ParseHostPort(serverAddr)
	require.NoError(t, err)
	var printed bytes.Buffer
	return &phone{
		user: user, password: password, server: server, log: log.New(&printed, "", 0),
		expires: time.Minute, ringing: 2 * time.Second, talking: 10 * time.Second,
	}, &printed
}

// hangUpAfter is the user of a phone who interrupts it after a time.
func hangUpAfter(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(d, cancel)
	return ctx
}

func TestCall(t *testing.T) {
	tests := []struct {
		name                       string
		aliceInterrupts, bobLeaves time.Duration
		alice, bob                 []string
		lasts                      time.Duration
	}{{
		name:            "caller hangs up when the time is over",
		aliceInterrupts: time.Hour, bobLeaves: time.Hour,
		alice: []string{"bob: 180 Ringing", "bob answered", "hanging up on bob"},
		bob:   []string{"alice is calling", "answered alice", "alice hung up"},
		lasts: 12 * time.Second,
	}, {
		name:            "caller is interrupted",
		aliceInterrupts: 5 * time.Second, bobLeaves: time.Hour,
		alice: []string{"bob: 180 Ringing", "bob answered", "hanging up on bob"},
		bob:   []string{"alice is calling", "answered alice", "alice hung up"},
		lasts: 5 * time.Second,
	}, {
		name:            "caller cancels",
		aliceInterrupts: time.Second, bobLeaves: time.Hour,
		alice: []string{"bob: 180 Ringing", "call to bob canceled"},
		bob:   []string{"alice is calling", "alice gave up"},
		lasts: time.Second,
	}, {
		name:            "callee hangs up",
		aliceInterrupts: time.Hour, bobLeaves: 5 * time.Second,
		alice: []string{"bob: 180 Ringing", "bob answered", "bob hung up"},
		bob:   []string{"alice is calling", "answered alice", "hanging up on alice"},
		lasts: 5 * time.Second,
	}}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				network := memnet.New()
				store, stop := serve(t, network)
				defer stop()

				bob, heard := newPhone(t, "bob", "b")
				bobLeft := make(chan error)
				bobCtx, bobStop := context.WithCancel(hangUpAfter(t, tt.bobLeaves))
				go func() { bobLeft <- bob.run(bobCtx, listen(t, network, "192.0.2.3:5060"), bob.wait) }()
				synctest.Wait()

				alice, said := newPhone(t, "alice", "a")
				began := time.Now()
				require.NoError(t, alice.run(hangUpAfter(t, tt.aliceInterrupts), listen(t, network, "192.0.2.2:5060"),
					func(ctx context.Context) error { return alice.call(ctx, "bob") }))
				require.WithinDuration(t, began.Add(tt.lasts), time.Now(), time.Second)

				bobStop()
				require.NoError(t, <-bobLeft)
				require.Equal(t, append([]string{"registered for 1m0s"}, tt.alice...), lines(said))
				require.Equal(t, append([]string{"registered for 1m0s"}, tt.bob...), lines(heard))
				require.Empty(t, bindings(t, store), "a phone that left is registered")
			})
		})
	}
}

// bob is talking to alice when carol calls.
func TestCallRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := memnet.New()
		_, stop := serve(t, network)
		defer stop()
		bob, _ := newPhone(t, "bob", "b")
		bobLeft := make(chan error)
		go func() {
			bobLeft <- bob.run(hangUpAfter(t, time.Minute), listen(t, network, "192.0.2.3:5060"), bob.wait)
		}()
		alice, _ := newPhone(t, "alice", "a")
		aliceLeft := make(chan error)
		synctest.Wait()
		go func() {
			aliceLeft <- alice.run(t.Context(), listen(t, network, "192.0.2.2:5060"),
				func(ctx context.Context) error { return alice.call(ctx, "bob") })
		}()
		synctest.Wait()

		carol, _ := newPhone(t, "carol", "c")
		for callee, code := range map[string]int{"bob": 486, "nobody": 480} {
			err := carol.run(t.Context(), listen(t, network, "192.0.2.4:0"),
				func(ctx context.Context) error { return carol.call(ctx, callee) })
			var rejected *dialog.RejectedError
			require.ErrorAs(t, err, &rejected)
			require.Equal(t, code, rejected.Response.StatusCode)
		}
		require.NoError(t, <-aliceLeft)
		require.NoError(t, <-bobLeft)
	})
}

func TestWrongPassword(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := memnet.New()
		_, stop := serve(t, network)
		defer stop()
		alice, _ := newPhone(t, "alice", "wrong")
		err := alice.run(t.Context(), listen(t, network, "192.0.2.2:5060"), alice.wait)
		require.EqualError(t, err, "register: 401 Unauthorized")
	})
}

// A registration lives on past its first end, and comes back by itself at a server that has forgotten it. The time
// slept is the bubble's.
func TestRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := memnet.New()
		store, stop := serve(t, network)
		bob, printed := newPhone(t, "bob", "b")
		left := make(chan error)
		go func() {
			left <- bob.run(hangUpAfter(t, time.Hour), listen(t, network, "192.0.2.3:5060"), bob.wait)
		}()
		time.Sleep(30 * time.Minute)
		require.Len(t, bindings(t, store), 1)

		stop()
		time.Sleep(time.Minute)
		store, stop = serve(t, network)
		defer stop()
		time.Sleep(time.Minute)
		require.Len(t, bindings(t, store), 1)

		require.NoError(t, <-left)
		require.Empty(t, bindings(t, store))
		require.Contains(t, printed.String(), "refresh: context deadline exceeded")
	})
}

func bindings(t *testing.T, store *registrar.Memory) (all []registrar.Binding) {
	for b, err := range store.All(t.Context()) {
		require.NoError(t, err)
		all = append(all, b)
	}
	return all
}

func lines(b *bytes.Buffer) []string {
	return strings.Split(strings.TrimSpace(b.String()), "\n")
}
