package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/transaction"
	"github.com/patchbay-sip/patchbay/transaction/dialog"
)

const audioPort = 40000

// wait leaves the work to answer.
func (p *phone) wait(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

// call rings somebody. The end of ctx cancels or hangs up.
func (p *phone) call(ctx context.Context, name string) error {
	p.line.Lock()
	defer p.line.Unlock()
	callee := p.address(name)
	invite := sip.NewRequest(sip.INVITE, callee.URI, p.address(p.user), callee)
	invite.SetBody("application/sdp", sdp(p.media))
	call, err := p.calls.Invite(ctx, invite, sip.Target{}, dialog.OnProvisional(func(resp *sip.Response) {
		p.log.Printf("%s: %d %s", name, resp.StatusCode, resp.Reason)
	}))
	if errors.Is(err, context.Canceled) {
		p.log.Printf("call to %s canceled", name)
		return nil
	}
	if err != nil {
		return fmt.Errorf("call %s: %w", name, err)
	}
	p.log.Printf("%s answered", name)
	ctx, stop := context.WithTimeout(ctx, p.talking)
	defer stop()
	return p.talk(ctx, call, name)
}

// answer takes a call after a moment of ringing. The end of ctx refuses or hangs up, that of ringing means CANCEL.
func (p *phone) answer(ctx, ringing context.Context, req *sip.Request, tx *transaction.ServerTx) error {
	if !p.line.TryLock() {
		return &sip.StatusError{Code: 486}
	}
	defer p.line.Unlock()
	caller, err := req.From()
	if err != nil {
		return err
	}
	name := caller.URI.User()
	p.log.Printf("%s is calling", name)
	if err := tx.Respond(sip.NewResponse(req, 180)); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return &sip.StatusError{Code: 480}
	case <-ringing.Done():
		p.log.Printf("%s gave up", name)
		return context.Cause(ringing)
	case <-time.After(p.ringing):
	}
	ok := sip.NewResponse(req, 200)
	ok.SetBody("application/sdp", sdp(tx.Flow().Local.Addr()))
	call, err := p.calls.Accept(tx, ok)
	if err != nil {
		return err
	}
	p.log.Printf("answered %s", name)
	if err := p.talk(ctx, call, name); err != nil {
		p.log.Print(err)
	}
	return nil
}

// talk returns when the other side has hung up. The end of ctx hangs up.
func (p *phone) talk(ctx context.Context, call *dialog.Dialog, name string) error {
	select {
	case <-call.Done():
		if err := call.Err(); err != nil {
			return fmt.Errorf("lost %s: %w", name, err)
		}
		p.log.Printf("%s hung up", name)
		return nil
	case <-ctx.Done():
	}
	p.log.Printf("hanging up on %s", name)
	goodbye, stop := context.WithTimeout(context.Background(), patience)
	defer stop()
	if err := call.Bye(goodbye); err != nil {
		return fmt.Errorf("hang up on %s: %w", name, err)
	}
	return nil
}

// address is that of a user of our server.
func (p *phone) address(user string) sip.Address {
	return sip.Address{URI: sip.NewURI(user, p.server.Host, p.server.Port)}
}

// sdp offers, or takes, a stream of G.711 in either law (RFC 4566, RFC 3551).
func sdp(media netip.Addr) string {
	family := "IP4"
	if media.Is6() {
		family = "IP6"
	}
	return fmt.Sprintf("v=0\r\no=- 0 0 IN %[1]s %[2]s\r\ns=-\r\nc=IN %[1]s %[2]s\r\nt=0 0\r\nm=audio %[3]d RTP/AVP 0 8\r\n",
		family, media, audioPort)
}
