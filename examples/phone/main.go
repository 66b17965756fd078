// Phone is a telephone for the command line. It registers at a server, and then rings somebody or waits to be rung:
//
//	phone -user alice -password wonderland -server 192.0.2.7:5060 call bob
//	phone -user bob -password builder -server 192.0.2.7:5060 wait
//
// Interrupt it to hang up and leave. It does the signalling alone: it offers G.711, but there is no sound.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"time"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/digest"
	"github.com/patchbay-sip/patchbay/sip/transport"
	"github.com/patchbay-sip/patchbay/transaction"
	"github.com/patchbay-sip/patchbay/transaction/dialog"
)

const (
	patience = 5 * time.Second  // with a server that does not answer
	retry    = 10 * time.Second // after a refresh that failed
)

func main() {
	p := &phone{log: log.New(os.Stdout, "", log.Ltime)}
	flag.StringVar(&p.user, "user", "", "`name` to register as")
	flag.StringVar(&p.password, "password", "", "password of that user")
	server := flag.String("server", "127.0.0.1:5060", "`address` of the server")
	flag.DurationVar(&p.expires, "expires", 5*time.Minute, "how long a registration should last; it is refreshed halfway")
	flag.DurationVar(&p.ringing, "ringing", 2*time.Second, "how long to ring before answering")
	flag.DurationVar(&p.talking, "talking", 10*time.Second, "how long to talk before hanging up a call of our own")
	flag.Usage = func() {
		_, _ = fmt.Fprintln(flag.CommandLine.Output(), "usage: phone [flags] wait\n       phone [flags] call NAME")
		flag.PrintDefaults()
	}
	flag.Parse()
	job := p.wait
	switch {
	case flag.NArg() == 1 && flag.Arg(0) == "wait":
	case flag.NArg() == 2 && flag.Arg(0) == "call":
		job = func(ctx context.Context) error { return p.call(ctx, flag.Arg(1)) }
	default:
		flag.Usage()
		os.Exit(2)
	}

	var err error
	if p.server, err = sip.ParseHostPort(*server); err != nil {
		log.Fatal(err)
	}
	udp, err := transport.ListenUDP("0.0.0.0:0")
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	context.AfterFunc(ctx, stop) // a second interrupt ends the program at once
	if err := p.run(ctx, udp, job); err != nil {
		log.Fatal(err)
	}
}

// A phone is a user agent with one line.
type phone struct {
	user, password            string
	server                    sip.HostPort
	expires, ringing, talking time.Duration
	log                       *log.Logger

	endpoint *transaction.Endpoint
	calls    *dialog.Set
	line     sync.Mutex // held during a call

	register *sip.Request // the next one to send
	media    netip.Addr   // where a call of ours takes audio
}

// run registers the phone, does the job and leaves. The end of ctx ends the job.
func (p *phone) run(ctx context.Context, t transport.Transport, job func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	mux := transaction.NewMux()
	mux.HandleFunc(sip.INVITE, func(ringing context.Context, req *sip.Request, tx *transaction.ServerTx) error {
		return p.answer(ctx, ringing, req, tx)
	})
	p.endpoint = transaction.New(transaction.WithCredentials(func(string) (digest.Credentials, bool) {
		return digest.Credentials{User: p.user, Password: p.password}, true
	}))
	defer p.endpoint.Close()
	p.calls = dialog.NewSet(p.endpoint, mux)
	go func() {
		defer cancel()
		// The endpoint outlives ctx: at its end there is a call to hang up and a registration to remove.
		once := transaction.Chain(p.calls, transaction.RefuseMerged())
		if err := p.endpoint.Serve(context.WithoutCancel(ctx), once, t); !errors.Is(err, net.ErrClosed) {
			p.log.Printf("network: %v", err)
		}
	}()

	me := p.address(p.user)
	p.register = sip.NewRequest(sip.REGISTER, me.URI.WithUser(""), me, me)
	contact, granted, err := p.bind(p.expires)
	if err != nil {
		return fmt.Errorf("register: %w", err)
	}
	p.log.Printf("registered for %v", granted)
	p.media, _ = contact.HostPort().Addr()

	var refreshing sync.WaitGroup
	refreshing.Go(func() { p.refresh(ctx, granted) })
	err = job(ctx)
	cancel()
	refreshing.Wait()

	if _, _, err := p.bind(0); err != nil {
		p.log.Printf("unregister: %v", err)
	}
	leaving, stop := context.WithTimeout(context.Background(), patience)
	defer stop()
	if p.endpoint.Shutdown(leaving) != nil { // it waits for answer to hang up
		p.log.Print("leaving without an answer to all that was sent")
	}
	return err
}

// bind registers our contact, or removes it when expires is 0, and tells how long the server will keep it.
func (p *phone) bind(expires time.Duration) (contact sip.URI, granted time.Duration, err error) {
	var ours sip.Address
	// The end of the program abandons no REGISTER: the next one has to know which CSeq number it used.
	ctx, stop := context.WithTimeout(context.Background(), patience)
	defer stop()
	p.register.Set("Expires", strconv.Itoa(int(expires.Seconds())))
	resp, err := p.endpoint.Do(ctx, p.register, sip.Target{}, transaction.FillContact(p.user),
		transaction.BeforeSend(func(req *sip.Request, _ sip.Flow) (err error) {
			ours, err = req.Address("Contact")
			return err
		}))
	if err != nil {
		return contact, 0, err
	}
	// The registrations of a phone count on (RFC 3261 section 10.2); a challenge that was answered took a number too.
	cseq, err := resp.CSeq()
	if err != nil {
		return contact, 0, err
	}
	p.register.Set("CSeq", sip.CSeq{Seq: cseq.Seq + 1, Method: sip.REGISTER}.String())
	if resp.StatusCode != 200 {
		return contact, 0, fmt.Errorf("%d %s", resp.StatusCode, resp.Reason)
	}
	// The response lists each phone of this user with a time of its own (section 10.2.4).
	for a, err := range resp.Addresses("Contact") {
		if d, ok := a.Expires(); ok && err == nil && a.URI.Equal(ours.URI) {
			return ours.URI, d, nil
		}
	}
	return ours.URI, expires, nil
}

// refresh registers again, halfway to the end of each registration, until ctx ends.
func (p *phone) refresh(ctx context.Context, granted time.Duration) {
	for wait := granted / 2; ; {
		select {
		case <-ctx.Done():
			return
		case <-time.After(max(wait, time.Second)):
		}
		_, granted, err := p.bind(p.expires)
		if wait = granted / 2; err != nil {
			p.log.Printf("refresh: %v", err)
			wait = retry
		}
	}
}
