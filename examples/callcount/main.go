// Callcount serves the phones of an office and counts their calls: by who called whom, and by how it ended. Numbers
// that begin with 9 leave by a gateway. Press Enter to see the counts; they are printed at the end, too.
//
// It asks nobody for a password, so keep it on loopback or behind a firewall: who reaches it reaches the gateway.
package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"os/signal"
	"strings"

	"github.com/patchbay-sip/patchbay/proxy"
	"github.com/patchbay-sip/patchbay/registrar"
	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/transport"
	"github.com/patchbay-sip/patchbay/transaction"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:5060", "UDP `address` to listen on, one that phones can write")
	name := flag.String("office", "berlin", "what requests carry in X-Office")
	var gateway sip.URI
	flag.TextVar(&gateway, "gateway", gateway, "`URI` that numbers beginning with 9 go to")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()

	udp, err := transport.ListenUDP(*listen)
	if err != nil {
		log.Fatal(err)
	}
	calls := &tally{lines: make(map[string]int)}
	go func() {
		for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
			fmt.Print(calls)
		}
	}()
	if err := serve(ctx, udp, *name, gateway, calls); !errors.Is(err, net.ErrClosed) {
		log.Print(err)
	}
	fmt.Print(calls)
}

// serve runs an office over a transport until ctx ends.
func serve(ctx context.Context, udp transport.Transport, name string, gateway sip.URI, calls *tally) error {
	// Phones know an address, with its port unless that is 5060, and take it for the domain.
	addr := udp.Addrs()[0]
	domains := sip.NewDomains("localhost", addr.Addr().String(), addr.String())
	phones := registrar.New(domains, registrar.NewMemory())
	endpoint := transaction.New()
	forward := proxy.New(endpoint, domains, proxy.First(outside(gateway), proxy.Location(domains, phones)),
		proxy.WithEdit(func(_ *proxy.Call, req *sip.Request) error {
			req.Set("X-Office", name)
			return nil
		}),
		proxy.WithDone(func(c *proxy.Call, final *sip.Response) {
			from, _ := c.Request.From() // both are sound: a malformed request comes not so far
			to, _ := c.Request.To()
			if c.Request.Method != sip.INVITE || to.Tag() != "" {
				return // no call, or a change to one that was counted
			}
			caller, _ := domains.AOR(from.URI) // one name for our users, whichever alias was written
			calls.add(fmt.Sprint(cmp.Or(caller, from.URI.AOR()), " -> ", cmp.Or(c.AOR, c.Request.URI.AOR()), ": ", ending(final.StatusCode)))
		}))

	mux := transaction.NewMux()
	mux.Handle(sip.REGISTER, phones)
	mux.Default(forward)
	return endpoint.Serve(ctx, mux, udp)
}

// outside routes numbers that begin with 9 to the gateway; without one it has nothing to say.
func outside(gateway sip.URI) proxy.RouterFunc {
	return func(_ context.Context, c *proxy.Call) (proxy.Route, error) {
		if gateway.IsZero() || !strings.HasPrefix(string(c.AOR), "sip:9") {
			return proxy.Route{}, proxy.ErrNoRoute
		}
		return proxy.To(sip.Target{URI: gateway.WithUser(c.Request.URI.User())}), nil
	}
}

// ending says in a word what the usual responses mean.
func ending(code int) string {
	words := map[int]string{200: "answered", 408: "no answer", 486: "busy", 487: "given up", 600: "busy"}
	return cmp.Or(words[code], fmt.Sprint(code, " ", sip.ReasonPhrase(code)))
}
