package transaction

import (
	"github.com/patchbay-sip/patchbay/internal/wheel"
	"github.com/patchbay-sip/patchbay/sip"
)

// inviteAnswered is the machine of RFC 3261 section 17.2.1 (figure 7), as RFC
// 6026 section 7.1 amends it, when the final response was sent; mu is held.
func (s *server) inviteAnswered(resp *sip.Response) {
	s.resend.Stop()
	s.last = ""
	timers := &s.e.cfg.timers
	s.e.wheel.Start(&s.expire, s, timers.timeout()) // timer H or L
	if resp.StatusCode < 300 {
		s.state = accepted
		return
	}
	s.state = completed
	s.last = resp.String()
	s.hold(len(s.last))
	if !s.flow.Reliable() {
		s.interval = timers.T1
		s.e.wheel.Start(&s.resend, s, s.interval) // timer G
	}
}

// inviteExpired is a timer of an INVITE's transaction; mu is held.
func (s *server) inviteExpired(t *wheel.Timer) {
	switch {
	case t == &s.resend && s.state == proceeding:
		s.sendTrying()
	case t == &s.resend && s.state == completed: // timer G
		s.sendLast()
		s.interval = min(2*s.interval, s.e.cfg.timers.T2)
		s.e.wheel.Start(&s.resend, s, s.interval)
	case t == &s.resend:
	case s.state == proceeding: // Timers.Ringing
		tx := s.tx
		s.e.work(func() { tx.giveUp(408) })
	default: // timer H, I or L
		s.terminate(nil)
	}
}

// giveUp answers in the user's place.
func (tx *ServerTx) giveUp(code int) {
	if err := tx.Respond(sip.NewResponse(tx.req, code)); err != nil {
		tx.machine.e.cfg.log.Debug("response not sent", "status", code, "err", err)
	}
}

// acknowledged takes an ACK of the INVITE's branch. It is false if that belongs
// to the handler: the ACK to a 2xx of a client that does not give it a branch
// of its own.
func (s *server) acknowledged() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch s.state {
	case completed:
		s.state = confirmed
		s.last = ""
		s.hold(0)
		s.resend.Stop()
		wait := unlessReliable(s.flow, s.e.cfg.timers.T4) // timer I
		if wait == 0 {
			s.terminate(nil)
		} else {
			s.e.wheel.Start(&s.expire, s, wait)
		}
	case accepted:
		return false
	}
	return true
}

// cancel takes a CANCEL for the INVITE (RFC 3261 section 9.2), whose own answer
// was sent. An INVITE that has a final response is not affected.
func (s *server) cancel() {
	s.mu.Lock()
	tx := s.tx
	if s.state != proceeding || tx.canceled {
		s.mu.Unlock()
		return
	}
	tx.canceled = true
	watchers := tx.onCancel
	tx.onCancel = nil
	alone := tx.returned && tx.detached && !tx.watched
	s.mu.Unlock()
	tx.end(ErrCanceled)
	for _, f := range watchers {
		s.e.workers.Go(&callback{s.e, f})
	}
	if alone {
		s.e.work(func() { tx.giveUp(487) })
	}
}
