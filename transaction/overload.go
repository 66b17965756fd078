package transaction

import (
	"sync/atomic"

	"github.com/patchbay-sip/patchbay/sip"
)

// retryAfter is what a refused client is asked to wait, in seconds.
const retryAfter = "5"

// reserve is how far the bounds may be passed by what belongs to a dialog: to
// turn that away would not lessen the load but prolong the calls there are.
const reserve = 4 // one part in so many

// inDialog tells whether a request belongs to a dialog.
func inDialog(req *sip.Request) bool {
	if req.Method == sip.BYE {
		return true
	}
	to, err := req.To()
	return err == nil && to.Tag() != ""
}

// bound is n, with the reserve for those who have it.
func bound(n int, reserved bool) int64 {
	if reserved {
		n += n / reserve
	}
	return int64(n)
}

// acquire takes the place of one more handler, if there is one.
func (e *Endpoint) acquire(reserved bool) bool {
	if e.handlers.Add(1) > bound(e.cfg.maxHandlers, reserved) {
		e.handlers.Add(-1)
		return false
	}
	e.pending.Add(1)
	return true
}

// release gives the place of a handler back.
func (e *Endpoint) release() { e.finish(&e.handlers) }

// isFull tells whether there are as many transactions as there may be.
func (e *Endpoint) isFull(reserved bool) bool {
	return e.servers.count.Load()+e.clients.count.Load() >= bound(e.cfg.maxTransactions, reserved)
}

// isHeavy tells whether they keep as much text as they may.
func (e *Endpoint) isHeavy(reserved bool) bool {
	return e.bytes.Load() >= bound(e.cfg.maxBytes, reserved)
}

// refusedBranches is how many requests that were refused are remembered, for an
// Endpoint of so many transactions.
func refusedBranches(maxTransactions int) int {
	return min(max(maxTransactions/4, 1024), 1<<18)
}

// admit takes the place of a handler for a new request; or gives the counter of
// the reason for which it is refused.
func (e *Endpoint) admit(req *sip.Request, k key) (why *atomic.Uint64) {
	inside, reasons := inDialog(req), &e.count.refused
	switch {
	case e.refused.has(k):
		return &reasons.again
	case e.draining.Load() && !inside:
		return &reasons.draining
	case e.isFull(inside):
		return &reasons.transactions
	case e.isHeavy(inside):
		return &reasons.bytes
	case !e.mayWait(req):
		return &reasons.behindACK
	case !e.acquire(inside):
		return &reasons.handlers
	}
	return nil
}

// hold counts the text that a transaction keeps, n octets from now on; mu is
// held.
func (s *server) hold(n int) {
	s.e.bytes.Add(int64(n - s.held))
	s.held = n
}

// refuse answers a request that there is no room for. For as long as its client
// may repeat it, it is refused again, though there be room: who was sent a 503 has
// gone elsewhere or hung up, and nothing may ring for a call that is over. So
// there is no 503 either, but silence, once as many branches are remembered as may
// be: then a repetition is as good as new.
func (r *receiver) refuse(f sip.Flow, req *sip.Request, k key, why *atomic.Uint64) {
	e := r.e
	if _, kept := e.refused.add(k, e.cfg.timers.timeout()); !kept {
		e.count.dropped.requests.Add(1)
		return
	}
	if s := e.servers.find(k); s != nil {
		s.received() // it came twice, by two readers, and the other one was faster
		return
	}
	why.Add(1)
	var header sip.Header
	header.Set("Retry-After", retryAfter)
	r.reject(f, req, &sip.StatusError{Code: 503, Header: header})
}

// reject answers a request without keeping state (RFC 3261 section 8.2.7). An
// ACK has no answer.
func (r *receiver) reject(f sip.Flow, req *sip.Request, why *sip.StatusError) {
	if req.Method == sip.ACK {
		return
	}
	resp := r.stateless(req, why.Code)
	if why.Reason != "" {
		resp.Reason = why.Reason
	}
	for name, value := range why.Header.All() {
		resp.Add(name, value)
	}
	r.answer(f, req, resp)
}

// stateless is a response whose To tag is the same for each repetition of the
// request, and for its ACK.
func (r *receiver) stateless(req *sip.Request, code int) *sip.Response {
	resp := sip.NewResponse(req, code)
	method := req.Method
	if method == sip.CANCEL {
		method = sip.INVITE
	}
	k, err := r.e.keys.server(req, method)
	if err != nil {
		return resp
	}
	if to, err := req.To(); err == nil && to.Tag() == "" {
		resp.Set("To", to.WithTag(r.e.keys.tag(k)).String())
	}
	return resp
}

// answer sends a response without a transaction.
func (r *receiver) answer(f sip.Flow, req *sip.Request, resp *sip.Response) {
	if via, err := req.Via(); err == nil {
		f, _ = wayBack(f, via)
	}
	if err := r.transport.Send(f, resp); err != nil {
		r.e.cfg.log.Debug("response not sent", "flow", f, "status", resp.StatusCode, "err", err)
	}
}
