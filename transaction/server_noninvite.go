package transaction

import "github.com/patchbay-sip/patchbay/sip"

// requestAnswered is the machine of RFC 3261 section 17.2.2 (figure 8) when the
// final response to a request other than INVITE was sent; mu is held.
func (s *server) requestAnswered(resp *sip.Response) {
	s.state = completed
	switch wait := unlessReliable(s.flow, s.e.cfg.timers.timeout()); { // timer J
	case s.detour != nil: // it ends with that
	case wait == 0:
		s.terminate(nil)
	default:
		s.last = resp.String()
		s.e.wheel.Start(&s.expire, s, wait)
	}
}
