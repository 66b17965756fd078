package transaction

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/digest"
	"github.com/patchbay-sip/patchbay/sip/transport"
)

// A ServerTx is a server transaction (RFC 3261 section 17.2): one request and
// the responses to it. Its methods may be called from several goroutines.
type ServerTx struct {
	machine *server
	req     *sip.Request
	flow    sip.Flow // the one of the request; responses may need another
	ctx     context.Context
	end     context.CancelCauseFunc
	came    time.Time

	// Guarded by machine.mu.
	identity  digest.Identity
	onRespond []func(*sip.Response)
	onCancel  []func()
	watched   bool // onCancel was set
	detached  bool
	returned  bool // the handler has
	canceled  bool
}

// newServerTx makes the transaction of a request that came over a flow.
func (r *receiver) newServerTx(f sip.Flow, req *sip.Request) *ServerTx {
	s := &server{e: r.e, transport: r.transport, flow: f, invite: req.Method == sip.INVITE}
	tx := &ServerTx{machine: s, req: req, flow: f, came: time.Now()}
	tx.ctx, tx.end = context.WithCancelCause(r.e.base)
	s.tx = tx
	return tx
}

// Respond sends a response; responses leave in the order of the calls. resp has
// been written out when Respond returns and may be used again. After a final
// response, only a further 2xx to an INVITE is sent (RFC 6026); anything else
// is ErrAnswered. For an ACK it is ErrNoTransaction, after the transaction's
// end ErrTerminated, and when it could not be sent the transport's error; the
// response then counts as sent, and is sent again when the request is.
//
// To a request other than INVITE 101 to 199 and 408 are ErrStatus, and nothing is
// sent (RFC 4320); one that gets no other final response ends without any. A 100
// over an unreliable transport is dropped while it would come too early: the
// layer sends its own when the time has come.
//
// It goes over the flow of the request (RFC 3261 section 18.2.2). If a
// connection is gone, a new one is opened in the background, to the address
// that the request came from and the port in its Via; whether that succeeds is
// only logged.
//
// The layer retransmits what RFC 3261 section 17.2 has it retransmit. A 2xx to
// an INVITE is not among that: whoever accepts a call repeats it until ACK
// comes (section 13.3.1.4), as package transaction/dialog does.
func (tx *ServerTx) Respond(resp *sip.Response) error {
	if resp.StatusCode < 100 || resp.StatusCode > 699 {
		return fmt.Errorf("transaction: %d is no status code", resp.StatusCode)
	}
	s := tx.machine
	s.mu.Lock()
	err := s.mayRespond(resp.StatusCode)
	hooks := tx.onRespond
	s.mu.Unlock()
	if err != nil {
		return err
	}
	for _, f := range slices.Backward(hooks) {
		f(resp)
	}
	return s.respond(resp)
}

// Detach lets the handler return without an answer: the transaction lives on
// until it is answered. An INVITE is answered 408 when Timers.Ringing passed
// since its last provisional response. Any other request ends without an answer
// after 64*T1, when its client no longer waits for one (RFC 4320 section 4.2).
func (tx *ServerTx) Detach() {
	tx.machine.mu.Lock()
	defer tx.machine.mu.Unlock()
	tx.detached = true
}

// OnCancel has f called once, on a worker of its own, when CANCEL comes for an
// INVITE that has no final response; at once if it came already. The 200 to the
// CANCEL is sent by then; f, or whoever else has the transaction, must still
// answer the INVITE: with 487, or with a 2xx that had been decided on. A
// detached transaction without OnCancel is answered 487 by itself, so it is set
// before Detach is called.
func (tx *ServerTx) OnCancel(f func()) {
	s := tx.machine
	s.mu.Lock()
	tx.watched = true
	late := tx.canceled
	if !late {
		tx.onCancel = append(tx.onCancel, f)
	}
	s.mu.Unlock()
	if late {
		s.e.workers.Go(&callback{s.e, f})
	}
}

// OnRespond has f called with each response that Respond is given, or that the
// handler's error becomes, before it is sent, so that middleware can see and
// edit it; the one set last is called first. The layer's own 100 Trying is not
// shown. It must be set before the first response.
func (tx *ServerTx) OnRespond(f func(*sip.Response)) {
	tx.machine.mu.Lock()
	defer tx.machine.mu.Unlock()
	// A Respond under way has the old slice.
	tx.onRespond = append(slices.Clip(tx.onRespond), f)
}

// Request is the request. It must not be changed: Clone it for that.
func (tx *ServerTx) Request() *sip.Request { return tx.req }

// Flow is the flow that the request came on.
func (tx *ServerTx) Flow() sip.Flow { return tx.flow }

// Peer tells who sent the request. When the flow is gone, that is all it tells.
func (tx *ServerTx) Peer() transport.Peer {
	p, ok := tx.machine.transport.Peer(tx.flow)
	if !ok {
		p.Flow = tx.flow
	}
	return p
}

// Contact is where this Endpoint can be reached by whoever sent the request:
// what a 2xx to INVITE or SUBSCRIBE should have in Contact. user may be empty. It
// is a sips URI where the request has one (RFC 3261 section 12.1.1).
func (tx *ServerTx) Contact(user string) string {
	return contact(user, tx.machine.transport, tx.flow, wantsSecure(tx.req))
}

// Identity is who Authenticate found the sender to be, or the zero Identity.
func (tx *ServerTx) Identity() digest.Identity {
	tx.machine.mu.Lock()
	defer tx.machine.mu.Unlock()
	return tx.identity
}

func (tx *ServerTx) setIdentity(id digest.Identity) {
	tx.machine.mu.Lock()
	defer tx.machine.mu.Unlock()
	tx.identity = id
}
