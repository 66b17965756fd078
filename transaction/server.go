package transaction

import (
	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/digest"
	"github.com/patchbay-sip/patchbay/sip/transport"
)

// A ServerTx is a server transaction (RFC 3261 section 17.2): one request and
// the responses to it. Its methods may be called from several goroutines.
type ServerTx struct{}

// Respond sends a response; responses leave in the order of the calls. After a
// final one, only a further 2xx to an INVITE is sent (RFC 6026); anything else
// is ErrAnswered. For an ACK it is ErrNoTransaction, after the transaction's
// end ErrTerminated, and when it could not be sent the transport's error.
func (tx *ServerTx) Respond(resp *sip.Response) error { panic("stub") }

// Detach lets the handler return without an answer: the transaction lives on
// until it is answered. An INVITE that is never answered ends after
// Timers.Ringing with a 408...
func (tx *ServerTx) Detach() { panic("stub") }

// OnCancel has f called once, on a worker, when CANCEL comes for an INVITE
// that has no final response; at once if it came already. The 200 to the
// CANCEL is sent by then; f, or the handler, must still answer the INVITE with
// 487. A transaction with no OnCancel whose handler is detached is answered
// 487 by itself.
func (tx *ServerTx) OnCancel(f func()) { panic("stub") }

// OnRespond has f called with each response before it is sent, so that
// middleware can see and edit it. It must be set before the first response.
func (tx *ServerTx) OnRespond(f func(*sip.Response)) { panic("stub") }

// Flow is the flow that the request came on.
func (tx *ServerTx) Flow() sip.Flow { panic("stub") }

// Peer tells who sent the request.
func (tx *ServerTx) Peer() transport.Peer { panic("stub") }

// Identity is who Authenticate found the sender to be, or the zero Identity.
func (tx *ServerTx) Identity() digest.Identity { panic("stub") }
