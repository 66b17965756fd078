// Callme connects two phones: it rings the first, and when that answers the second, and the two then talk to each other. It is
// what stands behind a button "call me" on a web page.
//
//	callme sip:alice@192.0.2.11 sip:bob@192.0.2.12
//
// This is third party call control by flow I of RFC 3725: the first phone is invited without an offer and makes one, which the
// second phone answers; that answer goes back in the ACK. The flow's weakness is that the first phone waits for its ACK while
// the second one rings: it cannot hang up before that, and gives up after 32 seconds; -ring ends the ringing in time. An
// interrupt ends the call.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"os/signal"
	"time"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/transport"
	"github.com/patchbay-sip/patchbay/transaction"
	"github.com/patchbay-sip/patchbay/transaction/dialog"
)

func main() {
	c := controller{}
	flag.DurationVar(&c.ring, "ring", 25*time.Second, "how long the second phone rings")
	me := flag.String("as", "sip:callme@localhost", "`URI` that the phones see as the caller")
	flag.Parse()
	if flag.NArg() != 2 {
		log.Fatal("usage: callme [flags] FIRST SECOND")
	}
	var uris [3]sip.URI
	for i, text := range []string{*me, flag.Arg(0), flag.Arg(1)} {
		var err error
		if uris[i], err = sip.ParseURI(text); err != nil {
			log.Fatal(err)
		}
	}
	c.me = sip.Address{URI: uris[0]}
	udp, err := transport.ListenUDP("0.0.0.0:0")
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	context.AfterFunc(ctx, stop) // a second interrupt ends the program at once
	endpoint := c.start(udp)
	if err := c.connect(ctx, uris[1], uris[2]); err != nil {
		log.Print(err)
	}
	leaving, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_ = endpoint.Shutdown(leaving) // whoever has not answered the BYE by then never will
}

// A controller makes calls between others.
type controller struct {
	me    sip.Address
	ring  time.Duration
	calls *dialog.Set
}

// start begins to serve. What a phone changes within a call, it cannot: it is answered 488, and the session stays as it is.
func (c *controller) start(t transport.Transport) *transaction.Endpoint {
	endpoint := transaction.New()
	c.calls = dialog.NewSet(endpoint, nil, dialog.WithSessionTimer(dialog.SessionTimer{Interval: 30 * time.Minute}))
	go func() {
		if err := endpoint.Serve(context.Background(), c.calls, t); !errors.Is(err, net.ErrClosed) {
			log.Fatal(err)
		}
	}()
	return endpoint
}

// connect rings two phones and returns when one of them has hung up, or hangs up on both at the end of ctx.
func (c *controller) connect(ctx context.Context, first, second sip.URI) error {
	var b *dialog.Dialog
	a, err := c.calls.Invite(ctx, c.invite(first, ""), sip.Target{},
		dialog.OnOffer(func(_ *dialog.Dialog, offer string) (answer string, err error) {
			log.Printf("%v has answered", first)
			ringing, stop := context.WithTimeout(ctx, c.ring)
			defer stop()
			if b, err = c.calls.Invite(ringing, c.invite(second, offer), sip.Target{}); err != nil {
				return "", fmt.Errorf("%v: %w", second, err)
			}
			log.Printf("%v has answered", second)
			return b.Response().Body(), nil
		}))
	if err != nil {
		if b != nil {
			err = errors.Join(err, b.Bye(context.WithoutCancel(ctx)))
		}
		return err
	}
	select {
	case <-a.Done():
		log.Printf("%v has hung up", first)
	case <-b.Done():
		log.Printf("%v has hung up", second)
	case <-ctx.Done():
	}
	goodbye := context.WithoutCancel(ctx)
	return errors.Join(a.Bye(goodbye), b.Bye(goodbye)) // whoever has hung up is not bothered
}

func (c *controller) invite(to sip.URI, offer string) *sip.Request {
	req := sip.NewRequest(sip.INVITE, to, c.me, sip.Address{URI: to})
	if offer != "" {
		req.SetBody("application/sdp", offer)
	}
	return req
}
