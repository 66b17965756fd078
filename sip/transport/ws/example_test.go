package ws_test

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/transport"
	"github.com/patchbay-sip/patchbay/sip/transport/ws"
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

// A web server that is there already carries SIP, too; another one in front of it
// has taken TLS off.
func ExampleNewSecure() {
	front := netip.MustParsePrefix("192.0.2.80/32") // where all connections come from
	s := ws.NewSecure(ws.WithTLSInFront(),
		ws.WithTransport(transport.WithSources(transport.Sources{Unlimited: []netip.Prefix{front}})))
	defer s.Close()
	mux := http.NewServeMux()
	mux.Handle("/sip", s)
	mux.Handle("/", http.FileServer(http.Dir("phone")))
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

func ExampleListenTLS() {
	_, err := ws.ListenTLS("127.0.0.1:0", nil)
	fmt.Println(err)
	// Output: ws: tls config has no certificate
}
