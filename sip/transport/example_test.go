package transport_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/transport"
	"github.com/patchbay-sip/patchbay/sip/transport/memnet"
)

// answerer is a Sink that answers each request with 200. What a Sink does must
// not block; sends do not.
type answerer struct{ t transport.Transport }

func (a answerer) Message(f sip.Flow, m sip.Message) {
	req, ok := m.(*sip.Request)
	if !ok || req.Method == sip.ACK {
		return
	}
	if err := a.t.Send(f, sip.NewResponse(req, 200)); err != nil {
		fmt.Println(err)
	}
}

func (a answerer) Malformed(f sip.Flow, m sip.Message, err *sip.ParseError) {
	if req, ok := m.(*sip.Request); ok {
		_ = a.t.Send(f, sip.NewResponse(req, err.Code)) // who cannot be told is not
	}
}

func (a answerer) FlowFailed(sip.Flow, error) {}

// A program gives its transports to transaction.Endpoint.Serve; this one does
// without transactions.
func ExampleListenUDP() {
	u, err := transport.ListenUDP("127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	served := make(chan error)
	go func() { served <- u.Serve(answerer{u}) }()

	fmt.Println(u.Network(), u.Addrs()[0].Addr())
	_ = u.Close()
	fmt.Println(errors.Is(<-served, net.ErrClosed))
	// Output:
	// udp 127.0.0.1
	// true
}

func ExampleListenTCP() {
	t, err := transport.ListenTCP("127.0.0.1:0", transport.WithSources(transport.Sources{Conns: 50}))
	if err != nil {
		fmt.Println(err)
		return
	}
	served := make(chan error)
	go func() { served <- t.Serve(answerer{t}) }()

	fmt.Println(t.Network(), t.Addrs()[0].Addr())
	_ = t.Close()
	fmt.Println(errors.Is(<-served, net.ErrClosed))
	// Output:
	// tcp 127.0.0.1
	// true
}

func ExampleListenTLS() {
	certificate, err := transport.NewCertificate("cert.pem", "key.pem")
	if err != nil {
		log.Fatal(err)
	}
	t, err := transport.ListenTLS(":5061", &tls.Config{GetCertificate: certificate.GetCertificate})
	if err != nil {
		log.Fatal(err)
	}
	log.Print(t.Serve(answerer{t}))
}

// A certificate that was renewed is read again at SIGHUP. One that cannot be read
// leaves the old one in use.
func ExampleNewCertificate() {
	certificate, err := transport.NewCertificate("cert.pem", "key.pem")
	if err != nil {
		log.Fatal(err)
	}
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	go func() {
		for range hangup {
			if err := certificate.Reload(); err != nil {
				log.Print(err)
			}
		}
	}()
	_ = &tls.Config{
		GetCertificate:       certificate.GetCertificate,       // to clients
		GetClientCertificate: certificate.GetClientCertificate, // to servers that ask for one
	}
}

// Phones may send 20 requests a second and hold four connections, from each
// address; the provider's trunk may send what it likes, and one network nothing.
func ExampleWithSources() {
	udp, err := transport.ListenUDP("127.0.0.1:0", transport.WithSources(transport.Sources{
		Rate:      20,
		Conns:     4,
		Unlimited: []netip.Prefix{netip.MustParsePrefix("203.0.113.5/32")},
		Deny:      []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")},
	}))
	if err != nil {
		log.Fatal(err)
	}
	defer udp.Close()
	fmt.Println(udp.Stats().Dropped.OverRate)
	// Output: 0
}

// A client that believes the servers that the system believes.
func ExampleNewTLS() {
	client, err := transport.NewTLS(nil, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	fmt.Println(client.Network(), len(client.Addrs()))
	// Output: tls 0
}

// answers is a Sink that passes responses on.
type answers struct {
	answerer
	c chan *sip.Response
}

func (a answers) Message(_ sip.Flow, m sip.Message) {
	if resp, ok := m.(*sip.Response); ok {
		a.c <- resp
	}
}

// Two transports on a network in memory, as a test would have them.
func ExampleNewUDP() {
	network := memnet.New()
	open := func(addr string) *transport.UDP {
		conn, err := network.ListenPacket(addr)
		if err != nil {
			panic(err)
		}
		return transport.NewUDP(conn)
	}
	alice, bob := open("192.0.2.1:5060"), open("192.0.2.2:5060")
	defer alice.Close()
	defer bob.Close()
	atAlice := answers{c: make(chan *sip.Response, 1)}
	go func() { _ = alice.Serve(atAlice) }()
	go func() { _ = bob.Serve(answerer{bob}) }()

	hop := sip.Hop{Network: "udp", Addr: netip.MustParseAddrPort("192.0.2.2:5060")}
	flow, err := alice.Connect(context.Background(), hop)
	if err != nil {
		panic(err)
	}
	req := sip.NewRequest(sip.OPTIONS, sip.MustParseURI("sip:bob@192.0.2.2"),
		sip.Address{URI: sip.MustParseURI("sip:alice@192.0.2.1")},
		sip.Address{URI: sip.MustParseURI("sip:bob@192.0.2.2")})
	via, err := sip.ParseVia("SIP/2.0/UDP " + alice.SentBy(flow).String() + ";rport;branch=" + sip.NewBranch())
	if err != nil {
		panic(err)
	}
	req.PushVia(via)
	if err := alice.Send(flow, req); err != nil {
		panic(err)
	}
	resp := <-atAlice.c
	via, err = resp.Via()
	if err != nil {
		panic(err)
	}
	rport, _ := via.Params.Get("rport")
	fmt.Println(resp.StatusCode, resp.Reason, rport)
	// Output: 200 OK 5060
}

// A client that only dials needs no listener.
func ExampleNewTCP() {
	network := memnet.New()
	listener, err := network.Listen("192.0.2.2:5060")
	if err != nil {
		panic(err)
	}
	server := transport.NewTCP(listener)
	defer server.Close()
	go func() { _ = server.Serve(answerer{server}) }()

	client := transport.NewTCP(nil, transport.WithDialer(network.Dial))
	defer client.Close()
	flow, err := client.Connect(context.Background(), sip.Hop{
		Network: "tcp", Addr: netip.MustParseAddrPort("192.0.2.2:5060"),
	})
	if err != nil {
		panic(err)
	}
	fmt.Println(flow.Remote, flow.Reliable())
	// Output: 192.0.2.2:5060 true
}

// A trace of what a transport receives and sends. The goroutine that serves the
// tap may take its time; package pcap writes files for Wireshark.
func ExampleNewTap() {
	tap := transport.NewTap(0)
	network := memnet.New()
	open := func(addr string, opts ...transport.Option) *transport.UDP {
		conn, err := network.ListenPacket(addr)
		if err != nil {
			panic(err)
		}
		return transport.NewUDP(conn, opts...)
	}
	alice, bob := open("192.0.2.1:5060"), open("192.0.2.2:5060", transport.WithTap(tap))
	atAlice := answers{c: make(chan *sip.Response, 1)}
	go func() { _ = alice.Serve(atAlice) }()
	go func() { _ = bob.Serve(answerer{bob}) }()

	req, err := sip.Parse([]byte("OPTIONS sip:bob@192.0.2.2 SIP/2.0\r\n" +
		"Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nMax-Forwards: 70\r\n" +
		"From: <sip:alice@192.0.2.1>;tag=1\r\nTo: <sip:bob@192.0.2.2>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n\r\n"))
	if err != nil {
		panic(err)
	}
	flow := sip.Flow{Network: "udp", Remote: netip.MustParseAddrPort("192.0.2.2:5060")}
	if err := alice.Send(flow, req); err != nil {
		panic(err)
	}
	<-atAlice.c
	_ = alice.Close()
	_ = bob.Close()
	_ = tap.Close() // last: Serve shows what is left, and returns

	err = tap.Serve(func(m transport.Tapped) {
		line, _, _ := strings.Cut(m.Text, "\r\n")
		fmt.Println(m.Flow, m.Sent, line)
	})
	fmt.Println(errors.Is(err, net.ErrClosed), tap.Dropped())
	// Output:
	// udp 192.0.2.2:5060 <- 192.0.2.1:5060 false OPTIONS sip:bob@192.0.2.2 SIP/2.0
	// udp 192.0.2.2:5060 <- 192.0.2.1:5060 true SIP/2.0 200 OK
	// true 0
}
