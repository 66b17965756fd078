package transport_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/netip"
	"sync/atomic"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/transport"
	"github.com/patchbay-sip/patchbay/sip/transport/memnet"
	"github.com/patchbay-sip/patchbay/transaction"
)

// counted is a Transport that counts what it sends. What it does not do itself, UDP
// does; RequestLimit, which is no method of the interface, among it.
type counted struct {
	*transport.UDP
	sent atomic.Int64
}

func (c *counted) Send(f sip.Flow, m sip.Message) error {
	c.sent.Add(1)
	return c.UDP.Send(f, m)
}

func ExampleTransport() {
	conn, err := memnet.New().ListenPacket("192.0.2.1:5060")
	if err != nil {
		panic(err)
	}
	udp := &counted{UDP: transport.NewUDP(conn)}
	ep := transaction.New()
	served := make(chan error)
	go func() { served <- ep.Serve(context.Background(), nil, udp) }()

	// It asks itself.
	us := sip.Address{URI: sip.MustParseURI("sip:192.0.2.1")}
	resp, err := ep.Do(context.Background(), sip.NewRequest(sip.OPTIONS, us.URI, us, us), sip.Target{})
	if err != nil {
		panic(err)
	}
	_ = ep.Close()
	<-served
	fmt.Println(resp.StatusCode, udp.sent.Load())
	// Output: 200 2
}

// talker is a Sink that prints what comes.
type talker struct{ heard chan struct{} }

func (t talker) Message(f sip.Flow, m sip.Message) {
	fmt.Println(f.Network, m.Head().CallID())
	t.heard <- struct{}{}
}

func (t talker) Malformed(_ sip.Flow, _ sip.Message, err *sip.ParseError) { fmt.Println(err) }

func (t talker) FlowFailed(f sip.Flow, err error) { fmt.Println(f, err) }

// A Sink takes the place of transaction.Endpoint, here for a program that only
// listens. Its methods keep up with the network: the one that prints may not take
// long.
func ExampleSink() {
	network := memnet.New()
	conn, err := network.ListenPacket("192.0.2.1:5060")
	if err != nil {
		panic(err)
	}
	udp := transport.NewUDP(conn)
	sink := talker{make(chan struct{}, 1)}
	served := make(chan error)
	go func() { served <- udp.Serve(sink) }()

	phone, err := network.Dial(context.Background(), "udp", "192.0.2.1:5060")
	if err != nil {
		panic(err)
	}
	if _, err := io.WriteString(phone, "OPTIONS sip:192.0.2.1 SIP/2.0\r\n"+
		"Via: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK1\r\nMax-Forwards: 70\r\n"+
		"From: <sip:alice@127.0.0.1>;tag=1\r\nTo: <sip:192.0.2.1>\r\nCall-ID: first\r\nCSeq: 1 OPTIONS\r\n\r\n"); err != nil {
		panic(err)
	}
	<-sink.heard
	_ = udp.Close()
	fmt.Println(errors.Is(<-served, net.ErrClosed))
	// Output:
	// udp first
	// true
}

// lengths is a Framing: each message stands behind its length, four octets.
type lengths struct{}

func (lengths) AppendMessage(b []byte, m sip.Message) []byte {
	start := len(b)
	b = m.Append(append(b, 0, 0, 0, 0))
	binary.BigEndian.PutUint32(b[start:], uint32(len(b)-start-4))
	return b
}

func (lengths) AppendPing(b []byte) []byte { return append(b, 0, 0, 0, 0) }

func ExampleFraming() {
	var framing transport.Framing = lengths{}
	us := sip.Address{URI: sip.MustParseURI("sip:192.0.2.1")}
	req := sip.NewRequest(sip.OPTIONS, us.URI, us, us)
	b := framing.AppendMessage(nil, req)
	fmt.Println(int(binary.BigEndian.Uint32(b)) == req.Size(), framing.AppendPing(nil))
	// Output: true [0 0 0 0]
}

// read takes messages that are framed so, until the connection ends.
func (lengths) read(s *transport.Stream) error {
	var head [4]byte
	for {
		if _, err := io.ReadFull(s, head[:]); err != nil {
			return err
		}
		n := binary.BigEndian.Uint32(head[:])
		switch {
		case n == 0:
			s.KeepAlive()
			continue
		case n > uint32(s.Limit()):
			s.Broken()
			return errors.New("a message is too long")
		}
		s.Begin()
		text := make([]byte, n)
		if _, err := io.ReadFull(s, text); err != nil {
			return err
		}
		s.Message(text)
	}
}

// Connections that something else accepts, with a framing of its own; package ws
// does this for WebSockets.
func ExampleNewHosted() {
	hosted := transport.NewHosted("ws", lengths{}, netip.AddrPort{},
		transport.WithSources(transport.Sources{Conns: 10}))
	defer hosted.Close()

	// Whoever accepts connections hands each of them over.
	_ = func(ctx context.Context, conn net.Conn) {
		remote, err := netip.ParseAddrPort(conn.RemoteAddr().String())
		if err != nil {
			log.Print(err)
			return
		}
		slot, err := hosted.Reserve(ctx, remote) // before a handshake, which costs more
		if err != nil {
			_ = conn.Close()
			return
		}
		defer slot.Release() // unless it is carried
		if err := slot.Carry(conn, nil, lengths{}.read); err != nil {
			log.Print(err)
		}
	}
	fmt.Println(hosted.Network())
	// Output: ws
}
