package dialog_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/digest"
	"github.com/patchbay-sip/patchbay/sip/transport"
	"github.com/patchbay-sip/patchbay/transaction"
	"github.com/patchbay-sip/patchbay/transaction/dialog"
)

// softphone is a phone of user@example.com that says yes to everybody.
type softphone struct {
	me    sip.Address
	ep    *transaction.Endpoint
	calls *dialog.Set
	addr  string

	hungUp chan struct{} // closed when a call has ended
}

func newSoftphone(user, password string) *softphone {
	udp, err := transport.ListenUDP("127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	p := &softphone{
		me:     sip.Address{URI: sip.NewURI(user, "example.com", 0)},
		addr:   udp.Addrs()[0].String(),
		hungUp: make(chan struct{}),
		ep: transaction.New(transaction.WithCredentials(func(realm string) (digest.Credentials, bool) {
			return digest.Credentials{User: user, Password: password}, realm == "example.com"
		})),
	}
	mux := transaction.NewMux()
	mux.HandleFunc(sip.INVITE, p.rung)
	p.calls = dialog.NewSet(p.ep, mux)
	go func() { _ = p.ep.Serve(context.Background(), p.calls, udp) }()
	return p
}

// register tells the registrar where the phone is, for an hour.
func (p *softphone) register(ctx context.Context, registrar sip.URI) error {
	req := sip.NewRequest(sip.REGISTER, registrar, p.me, p.me)
	req.Set("Expires", "3600")
	resp, err := p.ep.Do(ctx, req, sip.Target{}, transaction.FillContact(p.me.URI.User()))
	if err != nil {
		return err
	}
	fmt.Println("REGISTER:", resp.StatusCode, resp.Reason)
	return nil
}

// rung answers a call.
func (p *softphone) rung(_ context.Context, req *sip.Request, tx *transaction.ServerTx) error {
	if err := tx.Respond(sip.NewResponse(req, 180)); err != nil {
		return err
	}
	ok := sip.NewResponse(req, 200)
	ok.SetBody("application/sdp", "the answer")
	call, err := p.calls.Accept(tx, ok)
	if err != nil {
		return err
	}
	go func() {
		<-call.Done()
		close(p.hungUp)
	}()
	return nil
}

// ring calls somebody and hangs up.
func (p *softphone) ring(ctx context.Context, whom sip.URI) error {
	invite := sip.NewRequest(sip.INVITE, whom, p.me, sip.Address{URI: whom})
	invite.SetBody("application/sdp", "the offer")
	call, err := p.calls.Invite(ctx, invite, sip.Target{}, dialog.OnProvisional(func(resp *sip.Response) {
		fmt.Println("alice:", resp.Reason)
	}))
	if err != nil {
		return err
	}
	fmt.Println("alice:", call.Response().Reason, call.Response().Body())
	return call.Bye(ctx)
}

// A phone that registers with a digest and rings another one.
func Example() {
	registrar := startRegistrar()
	defer registrar.stop()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	bob := newSoftphone("bob", "hidden")
	alice := newSoftphone("alice", "secret")
	if err := alice.register(ctx, registrar.uri); err != nil {
		log.Fatal(err)
	}
	if err := alice.ring(ctx, sip.MustParseURI("sip:bob@"+bob.addr)); err != nil {
		log.Fatal(err)
	}
	<-bob.hungUp
	fmt.Println("bob: the call has ended")
	_ = alice.ep.Close()
	_ = bob.ep.Close()
	// Output:
	// REGISTER: 200 OK
	// alice: Ringing
	// alice: OK the answer
	// bob: the call has ended
}

// example is the server that the phones of the examples use.
type example struct {
	uri  sip.URI
	stop func()
}

// startRegistrar starts one that knows alice's password and forgets the rest.
func startRegistrar() example {
	udp, err := transport.ListenUDP("127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	users := digest.NewServer(digest.Passwords{"alice": "secret"})
	h := transaction.Chain(
		transaction.HandlerFunc(func(_ context.Context, req *sip.Request, tx *transaction.ServerTx) error {
			return tx.Respond(sip.NewResponse(req, 200))
		}),
		transaction.Authenticate(users, func(*sip.Request, *transaction.ServerTx) (string, digest.Role, bool) {
			return "example.com", digest.UAS, true
		}))
	ep := transaction.New()
	go func() { _ = ep.Serve(context.Background(), h, udp) }()
	return example{
		uri:  sip.MustParseURI("sip:" + udp.Addrs()[0].String()),
		stop: func() { _ = ep.Close() },
	}
}

func ExampleNewSet() {
	udp, err := transport.ListenUDP("127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	ep := transaction.New()
	// A phone that is never rung needs no Handler of its own.
	calls := dialog.NewSet(ep, nil)
	served := make(chan error, 1)
	go func() { served <- ep.Serve(context.Background(), calls, udp) }()
	fmt.Println(calls.Len())
	_ = ep.Close()
	<-served
	// Output: 0
}

// A phone that lets its caller hear something before it answers, and notices
// within minutes when one of them has gone.
func ExampleSet_Progress() {
	ep := transaction.New()
	var phone *dialog.Set
	mux := transaction.NewMux()
	mux.HandleFunc(sip.INVITE, func(ctx context.Context, req *sip.Request, tx *transaction.ServerTx) error {
		early := sip.NewResponse(req, 183)
		early.SetBody("application/sdp", "where the caller hears us")
		if _, err := phone.Progress(tx, early); err != nil {
			return err
		}
		select { // somebody picks up, or the caller gives up
		case <-time.After(3 * time.Second):
		case <-ctx.Done():
			return ctx.Err()
		}
		call, err := phone.Accept(tx, sip.NewResponse(req, 200)) // waits for PRACK by itself
		if err != nil {
			return err
		}
		<-call.Done()
		return nil
	})
	phone = dialog.NewSet(ep, mux,
		dialog.WithExtensions("100rel"),
		dialog.WithSessionTimer(dialog.SessionTimer{Interval: 10 * time.Minute}))
	fmt.Println(phone.Len())
	// Output: 0
}
