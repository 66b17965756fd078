package patchbay_test

import (
	"context"
	"crypto/tls"
	"errors"
	"log"
	"net"
	"os"
	"os/signal"
	"sync"

	"github.com/patchbay-sip/patchbay/proxy"
	"github.com/patchbay-sip/patchbay/registrar"
	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/digest"
	"github.com/patchbay-sip/patchbay/sip/resolve"
	"github.com/patchbay-sip/patchbay/sip/transport"
	"github.com/patchbay-sip/patchbay/sip/transport/pcap"
	"github.com/patchbay-sip/patchbay/sip/transport/ws"
	"github.com/patchbay-sip/patchbay/transaction"
)

// A registrar and a proxy on UDP, TCP, TLS and WebSocket, with passwords, limits
// for each address, and a trace for Wireshark.
func Example() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()

	// What goes over the wire is written to a file by a goroutine of its own.
	file, err := pcap.Create("sip.pcapng")
	if err != nil {
		log.Fatal(err)
	}
	tap := transport.NewTap(0)
	var tracing sync.WaitGroup
	tracing.Go(func() {
		_ = tap.Serve(func(m transport.Tapped) {
			if err := file.Write(m); err != nil {
				log.Print(err)
			}
		}) // it ends by Close alone
	})

	// Each transport counts for itself.
	limits := transport.Sources{Rate: 100, Conns: 10}
	transports, err := listen(transport.WithTap(tap), transport.WithSources(limits))
	if err != nil {
		log.Fatal(err)
	}

	// The names and addresses by which phones call this server.
	domains := sip.NewDomains("example.com", "192.0.2.7")
	bindings := registrar.New(domains, registrar.NewMemory())
	// Where neither URI nor DNS choose a transport, TLS is tried, too.
	names := resolve.New(resolve.WithNetworks("tls", "udp", "tcp"))
	defer names.Close()
	endpoint := transaction.New(transaction.WithResolver(names))

	forward := proxy.New(endpoint, domains, proxy.Location(domains, bindings))
	mux := transaction.NewMux()
	mux.Handle(sip.REGISTER, bindings)
	mux.Default(forward)

	users := digest.NewServer(digest.Passwords{"alice": "wonderland", "bob": "builder"}, digest.WithDomains(domains))
	handler := transaction.Chain(mux, transaction.Authenticate(users, asked(domains, forward)))

	err = endpoint.Serve(ctx, handler, transports...)
	_ = tap.Close()
	tracing.Wait() // all of it is in the file
	_ = file.Close()
	if !errors.Is(err, net.ErrClosed) {
		log.Print(err)
	}
}

// asked says who is asked for a password: whoever registers one of our users, or
// calls as one, but not again in a dialog that has been let through. Strangers may
// call our users and nobody else; the proxy's Gate sees to that.
func asked(domains *sip.Domains, forward *proxy.Proxy) func(*sip.Request, *transaction.ServerTx) (string, digest.Role, bool) {
	return func(req *sip.Request, _ *transaction.ServerTx) (string, digest.Role, bool) {
		user, role := req.From, digest.Proxy
		if req.Method == sip.REGISTER {
			user, role = req.To, digest.UAS
		} else if forward.InDialog(req) {
			return "", 0, false
		}
		address, err := user()
		if err != nil {
			return "", 0, false // malformed: the registrar or the proxy refuses it
		}
		realm, ours := domains.Lookup(address.URI)
		return realm, role, ours
	}
}

// listen opens the usual ports of SIP, and 8443 for browsers.
func listen(opts ...transport.Option) ([]transport.Transport, error) {
	certificate, err := transport.NewCertificate("cert.pem", "key.pem")
	if err != nil {
		return nil, err
	}
	config := &tls.Config{GetCertificate: certificate.GetCertificate}
	udp, err := transport.ListenUDP("0.0.0.0:5060", opts...)
	if err != nil {
		return nil, err
	}
	tcp, err := transport.ListenTCP("0.0.0.0:5060", opts...)
	if err != nil {
		return nil, err
	}
	secure, err := transport.ListenTLS("0.0.0.0:5061", config, opts...)
	if err != nil {
		return nil, err
	}
	browsers, err := ws.ListenTLS("0.0.0.0:8443", config, ws.WithTransport(opts...))
	if err != nil {
		return nil, err
	}
	return []transport.Transport{udp, tcp, secure, browsers}, nil
}
