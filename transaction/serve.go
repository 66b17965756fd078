package transaction

import (
	"context"
	"errors"
	"runtime/debug"

	"github.com/patchbay-sip/patchbay/sip"
)

// handling is the task that calls the Handler with a transaction.
type handling ServerTx

// Run implements workers.Task.
func (h *handling) Run() {
	tx := (*ServerTx)(h)
	e := tx.machine.e
	var err error
	ended := false // a handler may panic, or end its goroutine
	defer func() {
		if !ended {
			err = e.caught(recover(), "handler")
		}
		tx.settle(err)
		if tx.req.Method == sip.ACK {
			for _, h := range e.order.next(tx.req.CallID()) {
				e.run(h)
			}
		}
		e.release()
	}()
	err = e.handler.ServeSIP(tx.ctx, tx.req, tx)
	ended = true
}

var errPanic = errors.New("transaction: code of the user did not return")

// caught logs a panic of the user's code.
func (e *Endpoint) caught(p any, where string) error {
	e.cfg.log.Error("panic in "+where, "panic", p, "stack", string(debug.Stack()))
	return errPanic
}

// settle is what becomes of a transaction when the handler returned.
func (tx *ServerTx) settle(err error) {
	s := tx.machine
	s.mu.Lock()
	tx.returned = true
	open := s.state.unanswered() && tx.req.Method != sip.ACK
	canceled := tx.canceled
	lives := tx.detached && err == nil && (tx.watched || !canceled)
	if _, ok := errors.AsType[refusal](err); ok {
		s.once = true
	}
	s.mu.Unlock()
	log := s.e.cfg.log
	switch {
	case open && lives:
		return
	case open:
		resp := answerTo(tx.req, err, canceled)
		if resp.StatusCode == 500 && isFailure(err) {
			log.Error("handler failed", "method", tx.req.Method, "call", tx.req.CallID(), "err", err)
		}
		if err := tx.Respond(resp); err != nil {
			log.Debug("response not sent", "call", tx.req.CallID(), "err", err)
		}
	case err != nil:
		log.Debug("handler returned an error", "method", tx.req.Method, "call", tx.req.CallID(), "err", err)
	}
	tx.end(context.Canceled)
}

// isFailure tells whether an error that became a 500 is to be logged: a panic has
// been, and a 500 that the handler chose a peer may cause as often as it likes.
func isFailure(err error) bool {
	status, ok := errors.AsType[*sip.StatusError](err)
	chosen := ok && status.Code == 500 && status.Err == nil
	return !chosen && !errors.Is(err, errPanic)
}

// answerTo is the response that the return of a handler stands for.
func answerTo(req *sip.Request, err error, canceled bool) *sip.Response {
	if status, ok := errors.AsType[*sip.StatusError](err); ok && status.Code >= 300 && status.Code <= 699 {
		resp := sip.NewResponse(req, status.Code)
		if status.Reason != "" {
			resp.Reason = status.Reason
		}
		for name, value := range status.Header.All() {
			resp.Add(name, value)
		}
		return resp
	}
	if canceled && (err == nil || errors.Is(err, ErrCanceled) || errors.Is(err, context.Canceled)) {
		return sip.NewResponse(req, 487)
	}
	return sip.NewResponse(req, 500)
}

// callback is a function of the user as a task.
type callback struct {
	e *Endpoint
	f func()
}

// Run implements workers.Task.
func (c *callback) Run() {
	ended := false
	defer func() {
		if !ended {
			_ = c.e.caught(recover(), "callback")
		}
	}()
	c.f()
	ended = true
}
