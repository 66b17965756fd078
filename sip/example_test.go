package sip_test

import (
	"errors"
	"fmt"
	"strings"

	"github.com/patchbay-sip/patchbay/sip"
)

// crlf makes a wire message of readable text.
func crlf(s string) []byte { return []byte(strings.ReplaceAll(s, "\n", "\r\n")) }

// show prints a message without its carriage returns.
func show(m sip.Message) { fmt.Print(strings.ReplaceAll(m.String(), "\r\n", "\n")) }

func ExampleParse() {
	m, err := sip.Parse(crlf(`INVITE sip:bob@example.com SIP/2.0
v: SIP/2.0/UDP 192.0.2.1:5060 ;branch=z9hG4bK1, SIP/2.0/TCP [2001:db8::1]
From: "Alice" <sip:alice@example.com>;tag=88sja8x
To: <sip:bob@example.com>
Call-ID: 987asjd97y7atg
CSeq: 9   INVITE
Max-Forwards: 70

`))
	if err != nil {
		fmt.Println(err)
		return
	}
	req := m.(*sip.Request)
	fmt.Println(req.Method, req.URI.User(), req.URI.Host())
	for via, err := range req.Vias() {
		fmt.Println(via.Transport, via.SentBy, via.Branch(), err)
	}
	from, err := req.From()
	fmt.Println(from.Display, from.URI, from.Tag(), err)
	hops, err := req.Uint("Max-Forwards")
	fmt.Println(hops, err)
	_, err = req.Address("Contact")
	fmt.Println(errors.Is(err, sip.ErrNoField))
	// Output:
	// INVITE bob example.com
	// UDP 192.0.2.1:5060 z9hG4bK1 <nil>
	// TCP [2001:db8::1]  <nil>
	// Alice sip:alice@example.com 88sja8x <nil>
	// 70 <nil>
	// true
}

// A request that cannot be processed says how it must be answered.
func ExampleRequest_Validate() {
	m, err := sip.Parse(crlf(`OPTIONS sip:bob@example.com SIP/2.0
Via: SIP/2.0/UDP 192.0.2.1
From: <sip:alice@example.com>;tag=1
To: "Bob <sip:bob@example.com>
Call-ID: 1
CSeq: 1 OPTIONS

`))
	fmt.Println(err)
	var status *sip.StatusError
	if err := m.(*sip.Request).Validate(); errors.As(err, &status) {
		fmt.Println(status.Code, status.Reason)
	}
	// Output:
	// <nil>
	// 400 Malformed To
}

func ExampleLimits_Parse() {
	limits := sip.Limits{Field: 64}
	m, err := limits.Parse(crlf(`OPTIONS sip:bob@example.com SIP/2.0
Via: SIP/2.0/UDP 192.0.2.1
From: <sip:alice@example.com>;tag=1
To: <sip:bob@example.com>;tag=2
Call-ID: 1
CSeq: 1 OPTIONS
Subject: one that goes on and on and on and on and on and on and on

`))
	var parse *sip.ParseError
	if errors.As(err, &parse) {
		fmt.Println(parse.Reason)
		show(sip.NewResponse(m.(*sip.Request), parse.Code))
	}
	// Output:
	// header field too long
	// SIP/2.0 400 Bad Request
	// Via: SIP/2.0/UDP 192.0.2.1
	// From: <sip:alice@example.com>;tag=1
	// To: <sip:bob@example.com>;tag=2
	// Call-ID: 1
	// CSeq: 1 OPTIONS
	// Content-Length: 0
}

func ExampleNewRequest() {
	alice := sip.Address{Display: "Alice", URI: sip.MustParseURI("sip:alice@example.com")}
	bob := sip.Address{URI: sip.MustParseURI("sip:bob@example.com")}
	req := sip.NewRequest(sip.MESSAGE, bob.URI, alice.WithTag("a1"), bob)
	req.Set("Call-ID", "example") // a random one otherwise
	req.SetBody("text/plain", "Hello\r\n")
	show(req)
	// Output:
	// MESSAGE sip:bob@example.com SIP/2.0
	// Max-Forwards: 70
	// From: "Alice" <sip:alice@example.com>;tag=a1
	// To: <sip:bob@example.com>
	// Call-ID: example
	// CSeq: 1 MESSAGE
	// Content-Length: 7
	// Content-Type: text/plain
	//
	// Hello
}

func ExampleNewResponse() {
	m, _ := sip.Parse(crlf(`BYE sip:bob@example.com SIP/2.0
Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1
From: <sip:alice@example.com>;tag=1
To: <sip:bob@example.com>;tag=2
Call-ID: 1
CSeq: 2 BYE

`))
	resp := sip.NewResponse(m.(*sip.Request), 481)
	resp.Add("Server", "example")
	show(resp)
	// Output:
	// SIP/2.0 481 Call/Transaction Does Not Exist
	// Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1
	// From: <sip:alice@example.com>;tag=1
	// To: <sip:bob@example.com>;tag=2
	// Call-ID: 1
	// CSeq: 2 BYE
	// Content-Length: 0
	// Server: example
}

func ExampleNewCancel() {
	m, _ := sip.Parse(crlf(`INVITE sip:bob@example.com SIP/2.0
Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1
From: <sip:alice@example.com>;tag=1
To: <sip:bob@example.com>
Call-ID: 1
CSeq: 7 INVITE
Subject: Lunch

`))
	show(sip.NewCancel(m.(*sip.Request)))
	// Output:
	// CANCEL sip:bob@example.com SIP/2.0
	// Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1
	// Max-Forwards: 70
	// From: <sip:alice@example.com>;tag=1
	// To: <sip:bob@example.com>
	// Call-ID: 1
	// CSeq: 7 CANCEL
	// Content-Length: 0
}

func ExampleNewACK() {
	m, _ := sip.Parse(crlf(`INVITE sip:bob@example.com SIP/2.0
Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1
From: <sip:alice@example.com>;tag=1
To: <sip:bob@example.com>
Call-ID: 1
CSeq: 7 INVITE

`))
	invite := m.(*sip.Request)
	resp := sip.NewResponse(invite, 200)
	resp.Set("To", "<sip:bob@example.com>;tag=2")
	resp.Add("Contact", "<sip:bob@192.0.2.4>")
	resp.Add("Record-Route", "<sip:proxy.example.com;lr>")
	ack, err := sip.NewACK(invite, resp)
	if err != nil {
		fmt.Println(err)
		return
	}
	show(ack)
	// Output:
	// ACK sip:bob@192.0.2.4 SIP/2.0
	// Max-Forwards: 70
	// From: <sip:alice@example.com>;tag=1
	// Call-ID: 1
	// CSeq: 7 ACK
	// To: <sip:bob@example.com>;tag=2
	// Route: <sip:proxy.example.com;lr>
	// Content-Length: 0
}

// A proxy pushes its Via, counts a hop and retargets the request; all other
// octets stay as they came.
func ExampleHeader() {
	m, _ := sip.Parse(crlf(`OPTIONS sip:bob@example.com SIP/2.0
v:SIP/2.0/UDP 192.0.2.1 ; branch=z9hG4bK1
Route: <sip:proxy.example.com;lr> , <sip:next.example.com;lr>
from  : <sip:alice@example.com>;tag=1
To: <sip:bob@example.com>
i: 1
Max-Forwards: 70
CSeq: 1 OPTIONS

`))
	req := m.(*sip.Request)
	req.URI = sip.MustParseURI("sip:bob@192.0.2.4")
	req.PopFirst("Route")
	req.Set("Max-Forwards", "69")
	req.PushVia(sip.Via{
		Transport: "UDP",
		SentBy:    sip.HostPort{Host: "proxy.example.com", Port: 5060},
		Params:    sip.Params{}.With("branch", "z9hG4bK2"),
	})
	show(req)
	// Output:
	// OPTIONS sip:bob@192.0.2.4 SIP/2.0
	// Via: SIP/2.0/UDP proxy.example.com:5060;branch=z9hG4bK2
	// v:SIP/2.0/UDP 192.0.2.1 ; branch=z9hG4bK1
	// Route: <sip:next.example.com;lr>
	// from  : <sip:alice@example.com>;tag=1
	// To: <sip:bob@example.com>
	// i: 1
	// Max-Forwards: 69
	// CSeq: 1 OPTIONS
}

func ExampleHeader_Values() {
	var h sip.Header
	h.Add("Supported", "timer, path")
	h.Add("k", "replaces")
	for tag := range h.Values("Supported") {
		fmt.Println(tag)
	}
	// Output:
	// timer
	// path
	// replaces
}

func ExampleNewURI() {
	fmt.Println(sip.NewURI("alice smith", "example.com", 0))
	fmt.Println(sip.NewURI("alice", "2001:db8::1", 5070))
	// Output:
	// sip:alice%20smith@example.com
	// sip:alice@[2001:db8::1]:5070
}

func ExampleURI() {
	u, err := sip.ParseURI("sip:alice:secret@Example.com:5060;transport=tcp;lr?subject=x")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(u.User(), u.Host(), u.Port(), u.Params().Has("lr"))
	fmt.Println(u.AOR())
	u = u.WithUser("bob").WithHost("192.0.2.1", 0).WithParam("transport", "udp").WithoutParam("lr").WithoutHeaders()
	fmt.Println(u)
	fmt.Println(u.Equal(sip.MustParseURI("SIP:bob:secret@192.0.2.1;Transport=UDP")))
	// Output:
	// alice Example.com 5060 true
	// sip:alice@example.com:5060
	// sip:bob:secret@192.0.2.1;transport=udp
	// true
}

func ExampleParseParams() {
	p, err := sip.ParseParams(`;q=0.7; +sip.instance="<urn:uuid:0001>";ob`)
	if err != nil {
		fmt.Println(err)
		return
	}
	instance, _ := p.Get("+SIP.instance")
	fmt.Println(instance, p.Has("ob"))
	fmt.Println(p.With("q", "1").With("reason", "not here").Without("ob"))
	// Output:
	// <urn:uuid:0001> true
	// ;q=1; +sip.instance="<urn:uuid:0001>";reason="not here"
}

func ExampleParseAddress() {
	a, err := sip.ParseAddress(`"Bell, A." <sip:agb@example.com;lr>;tag=1;expires=60`)
	if err != nil {
		fmt.Println(err)
		return
	}
	d, _ := a.Expires()
	fmt.Println(a.Display, a.URI, a.Tag(), d, a.Q())
	a.Display = `Alexander "G." Bell`
	fmt.Println(a.WithTag("2"))
	// Output:
	// Bell, A. sip:agb@example.com;lr 1 1m0s 1
	// "Alexander \"G.\" Bell" <sip:agb@example.com;lr>;tag=2;expires=60
}

func ExampleNewDomains() {
	d := sip.NewDomains("example.com", "192.0.2.7", "sip.example.com:5070")
	for _, text := range []string{"sips:Alice@EXAMPLE.com", "sip:alice@192.0.2.7:5060", "sip:alice@elsewhere.example"} {
		fmt.Println(d.AOR(sip.MustParseURI(text)))
	}
	// Output:
	// sip:Alice@example.com true
	// sip:alice@example.com true
	//  false
}

// A phone that reaches everybody by its provider's proxy, over TLS.
func ExampleTarget() {
	outbound := sip.Target{Route: []sip.Address{{URI: sip.MustParseURI("sip:proxy.example.com;transport=tls;lr")}}}
	fmt.Println(outbound.Route[0])
	// transaction.Endpoint.Do and dialog.Set.Invite take it.

	// Output: <sip:proxy.example.com;transport=tls;lr>
}

// An INVITE with an offer, and with something beside it.
func ExampleNewMultipart() {
	offer, note := &sip.Part{Body: "v=0\r\n"}, &sip.Part{Body: "about the invoice"}
	offer.Header.Set("Content-Type", "application/sdp")
	note.Header.Set("Content-Type", "text/plain")

	bob := sip.Address{URI: sip.MustParseURI("sip:bob@example.com")}
	invite := sip.NewRequest(sip.INVITE, bob.URI, sip.Address{URI: sip.MustParseURI("sip:alice@example.com")}, bob)
	invite.SetBody(sip.NewMultipart("mixed", offer, note))

	found, err := sip.FindPart(invite, "text/plain")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(found.Body)
	// Output: about the invoice
}

// A Framer takes a stream as it comes, here in two pieces.
func ExampleFramer() {
	stream := crlf("MESSAGE sip:bob@example.com SIP/2.0\nContent-Length: 5\n\nhello\n\n")
	var f sip.Framer
	var buf []byte
	for _, piece := range [][]byte{stream[:20], stream[20:]} {
		buf = append(buf, piece...)
		for {
			kind, n, err := f.Next(buf)
			if err != nil {
				fmt.Println(err) // answer what can be answered, then close
				return
			}
			if kind == sip.FrameNone {
				break
			}
			switch kind {
			case sip.FrameMessage:
				m, _ := sip.Parse(buf[:n])
				fmt.Printf("message %q\n", m.Body())
			case sip.FramePing:
				fmt.Println("ping") // answer with CRLF
			}
			buf = buf[n:]
		}
	}
	// Output:
	// message "hello"
	// ping
}

// A body holds an offer and something else; the offer is found wherever it lies.
func ExampleFindPart() {
	offer, info := &sip.Part{Body: "v=0\r\n"}, &sip.Part{Body: "hello"}
	offer.Header.Set("Content-Type", "application/sdp")
	info.Header.Set("Content-Type", "text/plain")
	bob := sip.Address{URI: sip.MustParseURI("sip:bob@example.com")}
	req := sip.NewRequest(sip.INVITE, bob.URI, bob, bob)
	req.SetBody(sip.NewMultipart("mixed", info, offer))

	part, err := sip.FindPart(req, "application/sdp")
	fmt.Printf("%q %v\n", part.Body, err)
	_, err = sip.FindPart(req, "image/png")
	fmt.Println(errors.Is(err, sip.ErrNoPart))
	for part, err := range sip.Parts(req) {
		fmt.Println(part.Header.Get("Content-Type"), err)
	}
	// Output:
	// "v=0\r\n" <nil>
	// true
	// text/plain <nil>
	// application/sdp <nil>
}

func ExampleHeader_Item() {
	var h sip.Header
	h.Add("o", "presence;id=7")
	event, err := h.Item("Event")
	id, _ := event.Params.Get("id")
	fmt.Println(event.Value, id, err)
	// Output:
	// presence 7 <nil>
}
