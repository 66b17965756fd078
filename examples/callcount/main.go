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
	"maps"
	"net"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"

	"github.com/patchbay-sip/patchbay/proxy"
	"github.com/patchbay-sip/patchbay/registrar"
	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/transport"
	"github.com/patchbay-sip/patchbay/transaction"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:5060", "UDP `address` to listen on, one that phones can write")
	name := flag.String("office", "berlin", "what calls carry in X-Office")
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
	forward := proxy.New(endpoint, domains, proxy.First(outside(gateway), proxy.Location(domains, phones)))

	mux := transaction.NewMux()
	mux.Handle(sip.REGISTER, phones)
	mux.Handle(sip.INVITE, &desk{name, domains, calls, forward})
	mux.Default(forward)
	return endpoint.Serve(ctx, mux, udp)
}

// outside routes numbers that begin with 9 to the gateway; without one it has nothing to say.
func outside(gateway sip.URI) proxy.RouterFunc {
	return func(_ context.Context, c *proxy.Call) (proxy.Route, error) {
		number := c.Request.URI.User()
		if gateway.IsZero() || c.Domain == "" || !strings.HasPrefix(sip.Unescape(number), "9") {
			return proxy.Route{}, proxy.ErrNoRoute
		}
		exit := proxy.Branch{Target: sip.Target{URI: gateway.WithUser(number)}}
		return proxy.Route{Groups: [][]proxy.Branch{{exit}}}, nil
	}
}

// A desk is what calls pass on their way to the proxy: they are stamped, and watched to their end.
type desk struct {
	office  string
	domains *sip.Domains
	calls   *tally
	next    transaction.Handler
}

// ServeSIP implements transaction.Handler. From and To are sound: the layer below refuses what is not.
func (d *desk) ServeSIP(ctx context.Context, req *sip.Request, tx *transaction.ServerTx) error {
	if to, _ := req.To(); to.Tag() == "" { // else it changes a call that was counted
		from, _ := req.From()
		pair := fmt.Sprint(d.aor(from.URI), " -> ", d.aor(req.URI))
		var once sync.Once // each phone of a forked call may answer
		tx.OnRespond(func(resp *sip.Response) {
			if resp.StatusCode >= 200 {
				once.Do(func() { d.calls.add(pair + ": " + ending(resp.StatusCode)) })
			}
		})
	}
	stamped := req.Clone()
	stamped.Set("X-Office", d.office)
	return d.next.ServeSIP(ctx, stamped, tx)
}

// aor gives our users one name, whichever alias of the domain was written.
func (d *desk) aor(u sip.URI) sip.AOR {
	if aor, ours := d.domains.AOR(u); ours {
		return aor
	}
	return u.AOR()
}

// ending says in a word what the usual responses mean.
func ending(code int) string {
	words := map[int]string{200: "answered", 408: "no answer", 486: "busy", 487: "given up", 600: "busy"}
	return cmp.Or(words[code], fmt.Sprint(code, " ", sip.ReasonPhrase(code)))
}

// A tally counts lines.
type tally struct {
	mu    sync.Mutex
	lines map[string]int
}

// maxLines bounds a tally, since anybody can call from ever new names.
const maxLines = 10_000

func (t *tally) add(line string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, known := t.lines[line]; !known && len(t.lines) >= maxLines {
		line = "others"
	}
	t.lines[line]++
}

func (t *tally) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var list strings.Builder
	for _, line := range slices.Sorted(maps.Keys(t.lines)) {
		fmt.Fprintf(&list, "%6d  %s\n", t.lines[line], line)
	}
	return list.String()
}
