package transport

import (
	"context"
	"errors"
	"net"
	"net/netip"

	"github.com/patchbay-sip/patchbay/sip"
)

// A Transport carries SIP messages over one listening socket. UDP, TCP and TLS
// are such, and package ws has another; a transport of your own works like any
// other. One that has UDP's method RequestLimit as well has longer requests sent by
// TCP.
//
// Methods may be called from several goroutines at once.
type Transport interface {
	// Network is "udp", "tcp", "tls", "ws" or "wss".
	Network() string
	// Serve reads until Close and hands what it reads to the Sink. It returns
	// an error that matches net.ErrClosed after Close.
	Serve(Sink) error
	// Connect gives a flow to the hop: one that is there already, or a new
	// one. It may block while it dials, until ctx ends.
	Connect(ctx context.Context, hop sip.Hop) (sip.Flow, error)
	// Send queues m for the flow and never waits: ErrFlowGone, ErrQueueFull.
	// It has m written out when it returns, so m may be changed afterwards.
	Send(f sip.Flow, m sip.Message) error
	// SentBy is what Via and Record-Route should name for a flow (RFC 3261
	// section 18.1.1), known before anything is sent.
	SentBy(f sip.Flow) sip.HostPort
	// Addrs lists the addresses it listens on; the unspecified address stands
	// for each one of this host.
	Addrs() []netip.AddrPort
	// Peer tells who is at the other end; ok is false when the flow is gone.
	Peer(f sip.Flow) (p Peer, ok bool)
	// Ping sends a keep-alive (RFC 5626 section 3.5.1; CRLF on datagrams).
	Ping(f sip.Flow) error
	// Close ends Serve, each connection and each goroutine, and waits for
	// them. It may be called before Serve, and twice, but not by a Sink.
	Close() error
}

// A Sink takes what a Transport reads. Its methods are called on the reader's
// goroutine: they must return at once and must not run code of the user. The
// transaction package has the one that programs use.
type Sink interface {
	// Message takes a whole message. The topmost Via of a request has received
	// and rport set already (RFC 3261 section 18.2.1, RFC 3581 section 4).
	Message(f sip.Flow, m sip.Message)
	// Malformed takes a request that could not be parsed. m is what could be
	// read of it, enough to answer with err.Code, or nil. If a stream cannot go
	// on behind it, the connection is closed once the answer was written.
	Malformed(f sip.Flow, m sip.Message, err *sip.ParseError)
	// FlowFailed tells that nothing more can be sent on f: the connection was
	// closed or reset. It comes once for each connection that ends otherwise
	// than by Close.
	//
	// For a datagram's flow it is a hint: an ICMP error came back (RFC 3261
	// section 18.4), which is easily forged. err is the syscall.Errno. It may
	// come at any time and often, f stays usable, and f.Local is what the
	// socket is bound to, perhaps the unspecified address.
	FlowFailed(f sip.Flow, err error)
}

// A Peer is the other end of a flow.
type Peer struct {
	Flow sip.Flow
	// Names are the verified names of its TLS certificate (RFC 5922), if it
	// showed one.
	Names []string
}

// Errors of Send and Connect.
var (
	// ErrFlowGone: the connection that the flow names is no more. A new one
	// may be had by Connect. It matches net.ErrClosed.
	ErrFlowGone error = closedError("transport: flow is gone")
	// ErrClosed: the transport was closed. It matches net.ErrClosed.
	ErrClosed error = closedError("transport: closed")
	// ErrQueueFull: the peer does not read as fast as it is written to, or the
	// network does not take datagrams that fast; the message was dropped.
	ErrQueueFull = errors.New("transport: send queue is full")
	// ErrTooLarge: the message does not fit into a datagram.
	ErrTooLarge = errors.New("transport: message is too large for a datagram")
)

type closedError string

func (e closedError) Error() string        { return string(e) }
func (e closedError) Is(target error) bool { return target == net.ErrClosed }
