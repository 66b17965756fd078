package transaction_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/netip"
	"time"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/digest"
	"github.com/patchbay-sip/patchbay/sip/resolve"
	"github.com/patchbay-sip/patchbay/sip/transport"
	"github.com/patchbay-sip/patchbay/transaction"
)

// serveOn serves h on a free port of this host until stop is called.
func serveOn(h transaction.Handler, opts ...transaction.Option) (ep *transaction.Endpoint, addr string, stop func()) {
	udp, err := transport.ListenUDP("127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	ep = transaction.New(opts...)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := ep.Serve(context.Background(), h, udp); !errors.Is(err, net.ErrClosed) {
			log.Print(err)
		}
	}()
	return ep, udp.Addrs()[0].String(), func() { _ = ep.Close(); <-done }
}

// hello is a request from alice to bob at an address.
func hello(m sip.Method, addr string) *sip.Request {
	alice := sip.Address{URI: sip.MustParseURI("sip:alice@example.com")}
	bob := sip.Address{URI: sip.MustParseURI("sip:bob@example.com")}
	return sip.NewRequest(m, sip.MustParseURI("sip:bob@"+addr), alice, bob)
}

// A server that answers OPTIONS, and a client that asks it.
func ExampleNew() {
	udp, err := transport.ListenUDP("127.0.0.1:0") // a server takes "0.0.0.0:5060"
	if err != nil {
		log.Fatal(err)
	}
	mux := transaction.NewMux()
	mux.HandleFunc(sip.OPTIONS, func(_ context.Context, req *sip.Request, tx *transaction.ServerTx) error {
		return tx.Respond(sip.NewResponse(req, 200))
	})
	server := transaction.New()
	served := make(chan error, 1)
	go func() { served <- server.Serve(context.Background(), mux, udp) }()

	// A client is an Endpoint as well; without a Handler it only asks.
	socket, err := transport.ListenUDP("127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	client := transaction.New()
	go func() { served <- client.Serve(context.Background(), nil, socket) }()

	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	resp, err := client.Do(ctx, hello(sip.OPTIONS, udp.Addrs()[0].String()), sip.Target{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(resp.StatusCode, resp.Reason)

	_ = client.Close()
	_ = server.Close()
	fmt.Println(errors.Is(<-served, net.ErrClosed), errors.Is(<-served, net.ErrClosed))
	// Output:
	// 200 OK
	// true true
}

// moved is a Handler that answers each call with where it has to go.
type moved map[string]sip.URI // by user

// ServeSIP implements transaction.Handler. The error that it returns is the
// answer.
func (m moved) ServeSIP(_ context.Context, req *sip.Request, _ *transaction.ServerTx) error {
	if req.Method == sip.ACK {
		return nil
	}
	to, ok := m[req.URI.User()]
	if !ok {
		return &sip.StatusError{Code: 404}
	}
	redirect := &sip.StatusError{Code: 302}
	redirect.Header.Set("Contact", sip.Address{URI: to}.String())
	return redirect
}

func ExampleHandler() {
	h := moved{"bob": sip.MustParseURI("sip:bob@192.0.2.7")}
	ep, addr, stop := serveOn(h)
	defer stop()
	resp, err := ep.Do(context.Background(), hello(sip.INVITE, addr), sip.Target{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(resp.StatusCode, resp.Get("Contact"))
	// Output: 302 <sip:bob@192.0.2.7>
}

func ExampleMux() {
	mux := transaction.NewMux()
	mux.HandleFunc(sip.MESSAGE, func(_ context.Context, req *sip.Request, tx *transaction.ServerTx) error {
		fmt.Println(req.Body())
		return tx.Respond(sip.NewResponse(req, 200))
	})
	ep, addr, stop := serveOn(mux)
	defer stop()

	req := hello(sip.MESSAGE, addr)
	req.SetBody("text/plain", "hello")
	_, _ = ep.Do(context.Background(), req, sip.Target{})
	resp, _ := ep.Do(context.Background(), hello(sip.INFO, addr), sip.Target{})
	fmt.Println(resp.StatusCode, resp.Get("Allow"))
	// Output:
	// hello
	// 405 MESSAGE, OPTIONS
}

// logged is a Middleware that tells each request and what was answered.
func logged(next transaction.Handler) transaction.Handler {
	return transaction.HandlerFunc(func(ctx context.Context, req *sip.Request, tx *transaction.ServerTx) error {
		tx.OnRespond(func(resp *sip.Response) {
			fmt.Println(req.Method, "->", resp.StatusCode)
		})
		return next.ServeSIP(ctx, req, tx)
	})
}

func ExampleMiddleware() {
	ep, addr, stop := serveOn(transaction.Chain(moved{}, logged))
	defer stop()
	_, _ = ep.Do(context.Background(), hello(sip.MESSAGE, addr), sip.Target{})
	// Output: MESSAGE -> 404
}

// Only users of example.com get through; the client has what they are asked
// for.
func ExampleAuthenticate() {
	users := digest.NewServer(digest.Passwords{"alice": "secret"})
	realm := func(req *sip.Request, _ *transaction.ServerTx) (string, digest.Role, bool) {
		return "example.com", digest.UAS, req.Method == sip.MESSAGE
	}
	greet := transaction.HandlerFunc(func(_ context.Context, req *sip.Request, tx *transaction.ServerTx) error {
		fmt.Println("hello,", tx.Identity().User)
		return tx.Respond(sip.NewResponse(req, 200))
	})
	_, addr, stop := serveOn(transaction.Chain(greet, transaction.Authenticate(users, realm)))
	defer stop()

	client, _, stopClient := serveOn(nil, transaction.WithCredentials(func(realm string) (digest.Credentials, bool) {
		return digest.Credentials{User: "alice", Password: "secret"}, realm == "example.com"
	}))
	defer stopClient()
	resp, err := client.Do(context.Background(), hello(sip.MESSAGE, addr), sip.Target{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(resp.StatusCode)
	// Output:
	// hello, alice
	// 200
}

// A call that is told each response. The handler lets it ring without a
// goroutine of its own.
func ExampleEndpoint_Start() {
	ringing := transaction.HandlerFunc(func(_ context.Context, req *sip.Request, tx *transaction.ServerTx) error {
		tx.OnCancel(func() {
			_ = tx.Respond(sip.NewResponse(req, 487))
		})
		tx.Detach()
		return tx.Respond(sip.NewResponse(req, 180))
	})
	ep, addr, stop := serveOn(ringing)
	defer stop()

	ctx, hangUp := context.WithCancel(context.Background())
	done := make(chan struct{})
	_, err := ep.Start(ctx, hello(sip.INVITE, addr), sip.Target{}, func(ev transaction.Event) {
		switch {
		case ev.Err != nil:
			fmt.Println(ev.Err)
		case ev.Response.StatusCode == 180:
			fmt.Println(ev.Response.Reason)
			hangUp() // sends CANCEL
		default:
			fmt.Println(ev.Response.Reason)
		}
		if ev.Last {
			close(done)
		}
	})
	if err != nil {
		log.Fatal(err)
	}
	<-done
	// Output:
	// Ringing
	// Request Terminated
}

// The address that a request leaves from is known only when it is sent:
// FillContact and BeforeSend write it into the request.
func ExampleBeforeSend() {
	ep, addr, stop := serveOn(transaction.HandlerFunc(func(_ context.Context, req *sip.Request, tx *transaction.ServerTx) error {
		contact, err := req.Address("Contact")
		if err != nil {
			return err
		}
		fmt.Println(contact.URI.User(), contact.URI.Host(), req.Get("X-Network"))
		return tx.Respond(sip.NewResponse(req, 200))
	}))
	defer stop()
	_, err := ep.Do(context.Background(), hello(sip.SUBSCRIBE, addr), sip.Target{},
		transaction.FillContact("alice"),
		transaction.BeforeSend(func(req *sip.Request, flow sip.Flow) error {
			req.Set("X-Network", flow.Network)
			return nil
		}))
	if err != nil {
		log.Fatal(err)
	}
	// Output: alice 127.0.0.1 udp
}

// static is a Resolver that knows one server.
type static netip.AddrPort

// Resolve implements transaction.Resolver.
func (s static) Resolve(context.Context, sip.URI) ([]sip.Hop, error) {
	return []sip.Hop{{Network: "udp", Addr: netip.AddrPort(s)}}, nil
}

func ExampleResolver() {
	_, addr, stop := serveOn(nil)
	defer stop()
	client, _, stopClient := serveOn(nil, transaction.WithResolver(static(netip.MustParseAddrPort(addr))))
	defer stopClient()
	resp, err := client.Do(context.Background(), hello(sip.OPTIONS, "example.com"), sip.Target{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(resp.StatusCode)
	// Output: 200
}

// watched is a FailureResolver that tells which servers failed, before the one that
// it stands for gives others.
type watched struct{ *resolve.Resolver }

func (w watched) Failed(hop sip.Hop, retryAfter time.Duration) {
	fmt.Println(hop.Network, hop.Addr.Addr(), retryAfter)
	w.Resolver.Failed(hop, retryAfter)
}

func ExampleFailureResolver() {
	busy := transaction.HandlerFunc(func(context.Context, *sip.Request, *transaction.ServerTx) error {
		err := &sip.StatusError{Code: 503}
		err.Header.Set("Retry-After", "60")
		return err
	})
	_, addr, stop := serveOn(busy)
	defer stop()

	names := resolve.New(resolve.WithHosts(map[string][]netip.Addr{
		"example.com": {netip.MustParseAddr("127.0.0.1")},
	}))
	defer names.Close() // an Endpoint closes none that it was given
	client, _, stopClient := serveOn(nil, transaction.WithResolver(watched{names}))
	defer stopClient()
	port := netip.MustParseAddrPort(addr).Port()
	resp, err := client.Do(context.Background(), hello(sip.OPTIONS, fmt.Sprintf("example.com:%d", port)), sip.Target{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(resp.StatusCode)
	// Output:
	// udp 127.0.0.1 1m0s
	// 503
}

// Only one network gets in. Nothing is kept of those who are turned away, and
// nothing is sent again to an address that may be forged.
func ExampleRefusal() {
	inside := netip.MustParsePrefix("192.0.2.0/24")
	guard := func(next transaction.Handler) transaction.Handler {
		return transaction.HandlerFunc(func(ctx context.Context, req *sip.Request, tx *transaction.ServerTx) error {
			if !inside.Contains(tx.Flow().Remote.Addr()) {
				return transaction.Refusal(&sip.StatusError{Code: 403})
			}
			return next.ServeSIP(ctx, req, tx)
		})
	}
	ep, addr, stop := serveOn(transaction.Chain(moved{}, guard))
	defer stop()
	resp, err := ep.Do(context.Background(), hello(sip.INVITE, addr), sip.Target{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(resp.StatusCode)
	// Output: 403
}

// A proxy forks a message to two addresses, and both lead here: it is told once.
func ExampleRefuseMerged() {
	inbox := transaction.HandlerFunc(func(_ context.Context, req *sip.Request, tx *transaction.ServerTx) error {
		fmt.Println("a message came")
		return tx.Respond(sip.NewResponse(req, 200))
	})
	ep, addr, stop := serveOn(transaction.Chain(inbox, transaction.RefuseMerged()))
	defer stop()
	message := hello(sip.MESSAGE, addr)
	for range 2 {
		resp, err := ep.Do(context.Background(), message, sip.Target{})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(resp.StatusCode, resp.Reason)
	}
	// Output:
	// a message came
	// 200 OK
	// 482 Loop Detected
}
