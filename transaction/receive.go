package transaction

import (
	"errors"
	"strings"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/transport"
)

// A receiver is the Sink of one transport. It runs on the transport's reader:
// it matches, answers repetitions, and hands everything else to a worker.
type receiver struct {
	e         *Endpoint
	transport transport.Transport
}

var _ transport.Sink = (*receiver)(nil)

// Message implements transport.Sink.
func (r *receiver) Message(f sip.Flow, m sip.Message) {
	if r.e.isClosed() {
		return
	}
	switch m := m.(type) {
	case *sip.Response:
		r.response(f, m)
	case *sip.Request:
		r.request(f, m)
	}
}

// Malformed implements transport.Sink. What can be answered is answered with
// what the error says (RFC 3261 sections 8.2 and 18.3), but for an ACK.
func (r *receiver) Malformed(f sip.Flow, m sip.Message, err *sip.ParseError) {
	r.e.count.malformed.Add(1)
	req, ok := m.(*sip.Request)
	if !ok || r.e.isClosed() {
		return
	}
	reason := err.Reason
	if !strings.Contains(strings.ToLower(reason), strings.ToLower(err.Field)) {
		reason = err.Field + ": " + reason
	}
	r.reject(f, req, &sip.StatusError{Code: err.Code, Reason: reason})
}

// FlowFailed implements transport.Sink.
func (r *receiver) FlowFailed(f sip.Flow, err error) {
	for _, c := range r.e.flows.waiting(f) {
		c.flowFailed(err)
	}
}

// response matches a response to a client transaction (RFC 3261 section
// 17.1.3). One that names another sent-by than the request had matches none
// (18.1.2).
func (r *receiver) response(f sip.Flow, resp *sip.Response) {
	e := r.e
	via, err := resp.Via()
	if err != nil {
		e.count.malformed.Add(1)
		return
	}
	cseq, err := resp.CSeq()
	if err != nil {
		e.count.malformed.Add(1)
		return
	}
	if c := e.clients.find(e.keys.client(via, cseq.Method)); c != nil {
		if resp.Validate() != nil {
			e.count.malformed.Add(1)
			return
		}
		c.receive(f, resp)
		return
	}
	e.count.stray.Add(1)
	ours := via.SentBy == r.transport.SentBy(f) || e.listensOn(via.SentBy.Host, via.SentBy.Port)
	if e.cfg.stray == nil || !ours {
		return
	}
	if !e.acquire(false) {
		e.count.dropped.strays.Add(1)
		return
	}
	e.work(func() {
		defer e.release()
		(&callback{e, func() { e.cfg.stray(resp, f) }}).Run()
	})
}

// request matches a request to a server transaction (RFC 3261 section 17.2.3),
// or makes one.
func (r *receiver) request(f sip.Flow, req *sip.Request) {
	e := r.e
	method := req.Method
	if method == sip.ACK || method == sip.CANCEL {
		method = sip.INVITE
	}
	k, err := e.keys.server(req, method)
	if err != nil {
		r.invalid(f, req, req.Validate())
		return
	}
	s := e.servers.find(k)
	switch req.Method {
	case sip.ACK:
		r.ack(f, req, k, s)
	case sip.CANCEL:
		r.cancel(f, req, s)
	default:
		if s != nil {
			s.received()
			return
		}
		r.begin(f, req, k)
	}
}

// begin makes the transaction of a new request and has it handled.
func (r *receiver) begin(f sip.Flow, req *sip.Request, k key) {
	e := r.e
	if err := req.Validate(); err != nil {
		r.invalid(f, req, err)
		return
	}
	if why := e.admit(req, k); why != nil {
		r.refuse(f, req, k, why)
		return
	}
	tx := r.newServerTx(f, req)
	s := tx.machine
	s.key = k
	via, _ := req.Via() // it was parsed for the key
	s.flow, s.hop = wayBack(f, via)
	s.mu.Lock()
	if there := e.servers.insert(k, s); there != nil {
		s.mu.Unlock()
		e.release()
		there.received() // it came twice, by two readers
		return
	}
	if e.refused.has(k) { // by the other reader
		s.mu.Unlock()
		e.servers.remove(k, s)
		e.release()
		r.refuse(f, req, k, &e.count.refused.again)
		return
	}
	s.start()
	s.mu.Unlock()
	if e.isClosed() { // Close may have looked at the table before
		s.end(ErrClosed)
	}
	e.handle((*handling)(tx))
}

// ack takes an ACK: to the INVITE's transaction if it is for a 300 to 699, else
// to the handler.
func (r *receiver) ack(f sip.Flow, req *sip.Request, k key, s *server) {
	e := r.e
	if s != nil && s.acknowledged() {
		return
	}
	if err := req.Validate(); err != nil {
		e.count.malformed.Add(1)
		return
	}
	if to, err := req.To(); err != nil || to.Tag() == e.keys.tag(k) {
		return // for a response that was sent without a transaction
	}
	if !e.mayWait(req) || !e.acquire(true) {
		e.count.dropped.acks.Add(1)
		return
	}
	e.handle((*handling)(r.newServerTx(f, req)))
}

// cancel takes a CANCEL (RFC 3261 section 9.2): its answer is the same however
// often it comes, so no transaction is made.
func (r *receiver) cancel(f sip.Flow, req *sip.Request, s *server) {
	if err := req.Validate(); err != nil {
		r.invalid(f, req, err)
		return
	}
	var invite *ServerTx
	if s != nil {
		s.mu.Lock()
		invite = s.tx
		s.mu.Unlock()
	}
	switch {
	case s == nil:
		r.reject(f, req, &sip.StatusError{Code: 481})
	case invite == nil: // it has its final response
		r.answer(f, req, r.stateless(req, 200))
	default:
		resp := sip.NewResponse(req, 200)
		// The To tag should be that of the responses to the INVITE (9.2).
		if to := sip.NewResponse(invite.req, 487).Get("To"); to != "" {
			resp.Set("To", to)
		}
		r.answer(f, req, resp)
		s.cancel()
	}
}

// invalid answers a request that no element may process.
func (r *receiver) invalid(f sip.Flow, req *sip.Request, err error) {
	r.e.count.malformed.Add(1)
	if status, ok := errors.AsType[*sip.StatusError](err); ok {
		r.reject(f, req, status)
	}
}
