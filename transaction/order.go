package transaction

import (
	"sync"
	"sync/atomic"

	"github.com/patchbay-sip/patchbay/sip"
)

// ackOrder has the requests of a call that were read behind an ACK wait until its
// handler has returned. An ACK has no answer, so that whoever sent it may send
// the next request, a BYE or a re-INVITE, at once (RFC 3261 section 14.1): it
// must not overtake on its way through. Whatever else is sent waits for an
// answer to what was sent before.
type ackOrder struct {
	running atomic.Int64 // ACKs that are handled; without any there is nothing to look up

	mu      sync.Mutex
	calls   map[string][]*handling // what waits, by the Call-ID of an ACK that is handled
	waiting int                    // of all calls
}

// maxBehindACK bounds what of one call waits. Each request has the place of a
// handler, and whoever is in a call may have an ACK go to a port that never
// answers.
const maxBehindACK = 8

// hasRoom tells whether a request of the call may come: it need not wait, or does
// so with no more than most others.
func (o *ackOrder) hasRoom(call string, most int) bool {
	if o.running.Load() == 0 {
		return true
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	waiting, waits := o.calls[call]
	return !waits || len(waiting) < maxBehindACK && o.waiting < most
}

// queue takes on a request that has to wait. An ACK that need not wait is one
// that others wait for from now on, until next is called.
func (o *ackOrder) queue(h *handling) (waits bool) {
	ack := h.req.Method == sip.ACK
	if !ack && o.running.Load() == 0 {
		return false
	}
	call := h.req.CallID()
	o.mu.Lock()
	defer o.mu.Unlock()
	waiting, waits := o.calls[call]
	switch {
	case waits:
		o.calls[call] = append(waiting, h)
		o.waiting++
	case ack:
		if o.calls == nil {
			o.calls = make(map[string][]*handling)
		}
		o.calls[call] = nil
		o.running.Add(1)
	}
	return waits
}

// next ends the wait for an ACK of the call: it returns what may be handled now,
// which is all that waits up to the next ACK.
func (o *ackOrder) next(call string) (free []*handling) {
	o.mu.Lock()
	defer o.mu.Unlock()
	waiting := o.calls[call]
	for i, h := range waiting {
		if h.req.Method == sip.ACK {
			o.calls[call] = waiting[i+1:]
			o.waiting -= i + 1
			return waiting[:i+1]
		}
	}
	delete(o.calls, call)
	o.waiting -= len(waiting)
	o.running.Add(-1)
	return waiting
}

// handle has a request handled, once it is its turn.
func (e *Endpoint) handle(h *handling) {
	if !e.order.queue(h) {
		e.run(h)
	}
}

// mayWait tells whether a request may come, as far as it is behind an ACK of its
// call. What waits takes up no more than a quarter of the handlers.
func (e *Endpoint) mayWait(req *sip.Request) bool {
	return e.order.hasRoom(req.CallID(), e.cfg.maxHandlers/4)
}

func (e *Endpoint) run(h *handling) {
	if !e.workers.Go(h) {
		e.release()
	}
}
