package transaction

import (
	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/digest"
	"github.com/patchbay-sip/patchbay/sip/transport"
)

// A ServerTx is a server transaction (RFC 3261 section 17.2): one request and
// the responses to it. Its methods may be called from several goroutines.
type ServerTx struct{}

// Respond sends a response; responses leave in the order of the calls. resp has
// been written out when Respond returns and may be used again. After a final
// response, only a further 2xx to an INVITE is sent (RFC 6026); anything else
// is ErrAnswered. For an ACK it is ErrNoTransaction, after the transaction's
// end ErrTerminated, and when it could not be sent the transport's error.
//
// The layer retransmits what RFC 3261 section 17.2 has it retransmit. A 2xx to
// an INVITE is not among that: whoever accepts a call repeats it until ACK
// comes (section 13.3.1.4), as package transaction/dialog does.
func (tx *ServerTx) Respond(resp *sip.Response) error { panic("stub") }

// Detach lets the handler return without an answer: the transaction lives on
// until it is answered. An INVITE is answered 408 when Timers.Ringing passed
// since its last provisional response. Any other request ends without an answer
// after 64*T1, when its client no longer waits for one (RFC 4320 section 4.2).
func (tx *ServerTx) Detach() { panic("stub") }

// OnCancel has f called once, on a worker of its own, when CANCEL comes for an
// INVITE that has no final response; at once if it came already. The 200 to the
// CANCEL is sent by then; f, or whoever else has the transaction, must still
// answer the INVITE: with 487, or with a 2xx that had been decided on. A
// detached transaction without OnCancel is answered 487 by itself.
func (tx *ServerTx) OnCancel(f func()) { panic("stub") }

// OnRespond has f called with each response that Respond is given, or that the
// handler's error becomes, before it is sent, so that middleware can see and
// edit it; the one set last is called first. The layer's own 100 Trying is not
// shown. It must be set before the first response.
func (tx *ServerTx) OnRespond(f func(*sip.Response)) { panic("stub") }

// Request is the request. It belongs to the handler, and to nobody once the
// handler has returned: it may be read by all and changed by none.
func (tx *ServerTx) Request() *sip.Request { panic("stub") }

// Flow is the flow that the request came on.
func (tx *ServerTx) Flow() sip.Flow { panic("stub") }

// Peer tells who sent the request.
func (tx *ServerTx) Peer() transport.Peer { panic("stub") }

// Identity is who Authenticate found the sender to be, or the zero Identity.
func (tx *ServerTx) Identity() digest.Identity { panic("stub") }
