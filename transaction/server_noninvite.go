package transaction

import (
	"time"

	"github.com/patchbay-sip/patchbay/sip"
)

// trying is when a request other than INVITE that has had no response must get
// a 100: once its client has set timer E to T2 (RFC 4320 section 4.1). Over an
// unreliable transport it must get none before.
func (t Timers) trying() (d time.Duration) {
	for interval := t.T1; interval < t.T2; interval *= 2 {
		d += interval
	}
	return d
}

// requestDelayed is when the layer's own 100 is due; mu is held.
func (s *server) requestDelayed() {
	if s.state == trying {
		s.state = proceeding
		s.sendTrying()
	}
}

// requestAnswered is the machine of RFC 3261 section 17.2.2 (figure 8) when the
// final response to a request other than INVITE was sent; mu is held.
func (s *server) requestAnswered(resp *sip.Response) {
	s.state = completed
	s.resend.Stop()
	switch wait := unlessReliable(s.flow, s.e.cfg.timers.timeout()); { // timer J
	case s.detour != nil: // it ends with that
	case wait == 0:
		s.terminate(nil)
	default:
		s.last = resp.String()
		s.hold(len(s.last))
		s.e.wheel.Start(&s.expire, s, wait)
	}
}
