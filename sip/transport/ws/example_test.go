package ws_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/transport"
	"github.com/patchbay-sip/patchbay/sip/transport/ws"
	"github.com/patchbay-sip/patchbay/transaction"
)

// silent is a Sink that answers nothing. Programs have transaction.Endpoint.
type silent struct{}

func (silent) Message(sip.Flow, sip.Message)                    {}
func (silent) Malformed(sip.Flow, sip.Message, *sip.ParseError) {}
func (silent) FlowFailed(sip.Flow, error)                       {}

func ExampleListen() {
	s, err := ws.Listen("127.0.0.1:0", ws.WithOrigins("https://phone.example.com"))
	if err != nil {
		fmt.Println(err)
		return
	}
	served := make(chan error)
	go func() { served <- s.Serve(silent{}) }()

	fmt.Println(s.Network(), s.Addrs()[0].Addr())
	_ = s.Close()
	fmt.Println(errors.Is(<-served, net.ErrClosed))
	// Output:
	// ws 127.0.0.1
	// true
}

// A web server that is there already carries SIP, too: its own mux has a path for
// it. The web server ends by itself, the WebSockets with the Endpoint.
func ExampleNewSecure() {
	phones := ws.NewSecure()
	mux := http.NewServeMux()
	mux.Handle("/sip", phones)
	mux.Handle("/", http.FileServer(http.Dir("phone")))
	web := &http.Server{Addr: ":443", Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() { log.Print(web.ListenAndServeTLS("cert.pem", "key.pem")) }()

	endpoint := transaction.New()
	log.Print(endpoint.Serve(context.Background(), transaction.NewMux(), phones))
}

// Another web server in front has taken TLS off, and all connections come from its
// address.
func ExampleWithTLSInFront() {
	front := netip.MustParsePrefix("192.0.2.80/32")
	s := ws.NewSecure(ws.WithTLSInFront(),
		ws.WithTransport(transport.WithSources(transport.Sources{Unlimited: []netip.Prefix{front}})))
	defer s.Close()
	http.NewServeMux().Handle("/sip", s)
	fmt.Println(s.Network())
	// Output: wss
}

// Without TLS, for a laboratory.
func ExampleNew() {
	s := ws.New()
	defer s.Close()
	http.NewServeMux().Handle("/sip", s)
	fmt.Println(s.Network())
	// Output: ws
}

// The pages of one site may connect, and no address more than ten times.
func ExampleListenTLS() {
	certificate, err := transport.NewCertificate("cert.pem", "key.pem")
	if err != nil {
		log.Fatal(err)
	}
	phones, err := ws.ListenTLS(":8443", &tls.Config{GetCertificate: certificate.GetCertificate},
		ws.WithOrigins("https://phone.example.com"),
		ws.WithTransport(transport.WithSources(transport.Sources{Conns: 10})))
	if err != nil {
		log.Fatal(err)
	}
	log.Print(transaction.New().Serve(context.Background(), transaction.NewMux(), phones))
}
