// Hello is a SIP server in thirty lines: phones register with it, without a
// password, and call one another.
package main

import (
	"context"
	"errors"
	"log"
	"net"
	"os"
	"os/signal"

	"github.com/patchbay-sip/patchbay/proxy"
	"github.com/patchbay-sip/patchbay/registrar"
	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/transport"
	"github.com/patchbay-sip/patchbay/transaction"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()

	udp, err := transport.ListenUDP("127.0.0.1:5060")
	if err != nil {
		log.Fatal(err)
	}
	domains := sip.NewDomains("localhost", "127.0.0.1")
	reg := registrar.New(domains, registrar.NewMemory())
	endpoint := transaction.New()

	mux := transaction.NewMux()
	mux.Handle(sip.REGISTER, reg)
	mux.Default(proxy.New(endpoint, domains, proxy.Location(domains, reg)))

	log.Print("register phones as anyone@127.0.0.1, and let them call one another")
	if err := endpoint.Serve(ctx, mux, udp); !errors.Is(err, net.ErrClosed) {
		log.Fatal(err)
	}
}
