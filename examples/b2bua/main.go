// B2bua is a back-to-back user agent: it answers each call with one of its own to a gateway, so that neither side sees more of
// the other than it has to. The sound goes from phone to phone. Nobody is asked for a password: listen where only friends are.
//
//	b2bua -listen 192.0.2.7:5060 -to sip:gateway.example.com
package main

import (
	"context"
	"errors"
	"flag"
	"log"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"time"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/transport"
	"github.com/patchbay-sip/patchbay/transaction"
	"github.com/patchbay-sip/patchbay/transaction/dialog"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:5060", "`address` to listen on")
	to := flag.String("to", "sip:127.0.0.1:5070", "`URI` of the gateway, which gets every call")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	gateway, err := sip.ParseURI(*to)
	if err != nil {
		log.Fatal(err)
	}
	udp, err := transport.ListenUDP(*listen)
	if err != nil {
		log.Fatal(err)
	}
	log.Printf("calls to UDP %v go to %v", udp.Addrs(), gateway)
	if err := serve(ctx, gateway, udp); ctx.Err() == nil {
		log.Fatal(err)
	}
}

func serve(ctx context.Context, gateway sip.URI, t transport.Transport) error {
	b := &bridge{gateway: gateway, other: make(map[*dialog.Dialog]*dialog.Dialog)}
	mux, endpoint := transaction.NewMux(), transaction.New()
	mux.HandleFunc(sip.INVITE, b.call)
	b.calls = dialog.NewSet(endpoint, mux, dialog.WithExtensions("100rel"), dialog.OnRequest(b.pass))
	context.AfterFunc(ctx, func() {
		goodbye, stop := context.WithTimeout(context.Background(), 5*time.Second)
		defer stop()
		_ = errors.Join(b.calls.Shutdown(goodbye), endpoint.Shutdown(goodbye), endpoint.Close())
	})
	return endpoint.Serve(context.WithoutCancel(ctx), b.calls, t)
}

// A bridge joins calls, two by two.
type bridge struct {
	gateway sip.URI
	calls   *dialog.Set
	mu      sync.Mutex
	other   map[*dialog.Dialog]*dialog.Dialog
}

// call rings the gateway, and answers the caller as the gateway answers. CANCEL ends ctx, and with it Invite.
func (b *bridge) call(ctx context.Context, req *sip.Request, tx *transaction.ServerTx) error {
	from, _ := req.From() // a request that gets here has one
	hops, err := req.Uint("Max-Forwards")
	if err == nil && hops == 0 {
		return &sip.StatusError{Code: 483} // a bridge can be part of a loop as a proxy can
	}
	if req.Body() == "" {
		return &sip.StatusError{Code: 488} // whoever calls makes the offer
	}
	number := b.gateway.WithUser(req.URI.User())
	invite := sip.NewRequest(sip.INVITE, number, sip.Address{Display: from.Display, URI: from.URI}, sip.Address{URI: number})
	if err == nil {
		invite.Set("Max-Forwards", strconv.Itoa(int(hops-1)))
	}
	invite.SetBody(req.Get("Content-Type"), req.Body())
	callee, err := b.calls.Invite(ctx, invite, sip.Target{}, dialog.OnProvisional(func(resp *sip.Response) {
		_, _ = b.calls.Progress(tx, copied(req, resp)) // one that is lost does no harm
	}))
	if err != nil {
		return err // a *RejectedError goes to the caller as it came
	}
	ctx = context.WithoutCancel(ctx)
	b.mu.Lock() // pass waits until the two know each other
	caller, err := b.calls.Accept(tx, copied(req, callee.Response()))
	if err == nil {
		b.other[caller], b.other[callee] = callee, caller
	}
	b.mu.Unlock()
	if err != nil {
		return errors.Join(err, callee.Bye(ctx))
	}
	go b.hangUp(ctx, caller, callee)
	return nil
}

// copied is a response of one side for the other.
func copied(req *sip.Request, resp *sip.Response) *sip.Response {
	r := sip.NewResponse(req, resp.StatusCode)
	r.Reason = resp.Reason
	r.SetBody(resp.Get("Content-Type"), resp.Body())
	return r
}

// pass sends a request within a call to the other side, and the answer back: a re-INVITE for instance, or INFO.
func (b *bridge) pass(ctx context.Context, d *dialog.Dialog, req *sip.Request, tx *transaction.ServerTx) error {
	b.mu.Lock()
	other := b.other[d]
	b.mu.Unlock()
	switch {
	case other == nil:
		return &sip.StatusError{Code: 491} // the other side has not answered yet
	case req.Method == sip.INVITE && req.Body() == "":
		return &sip.StatusError{Code: 488}
	}
	passed := other.NewRequest(req.Method)
	passed.SetBody(req.Get("Content-Type"), req.Body())
	resp, err := other.Do(ctx, passed)
	switch {
	case errors.Is(err, dialog.ErrPending):
		return &sip.StatusError{Code: 491}
	case err != nil:
		return err
	case req.Method == sip.INVITE && resp.StatusCode < 300:
		return d.Accept(tx, copied(req, resp))
	}
	return tx.Respond(copied(req, resp))
}

// hangUp waits for one side of a call to end, and ends the other one.
func (b *bridge) hangUp(ctx context.Context, caller, callee *dialog.Dialog) {
	select {
	case <-caller.Done():
	case <-callee.Done():
	}
	b.mu.Lock()
	delete(b.other, caller)
	delete(b.other, callee)
	b.mu.Unlock()
	ctx, stop := context.WithTimeout(ctx, 5*time.Second)
	defer stop()
	_ = errors.Join(caller.Bye(ctx), callee.Bye(ctx)) // one of the two has nothing to do
}
