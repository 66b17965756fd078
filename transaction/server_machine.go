package transaction

import (
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/patchbay-sip/patchbay/internal/wheel"
	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/transport"
)

// server is the machine of a server transaction: what stays in the table while
// a transaction lingers, when the request and the handler's ServerTx are long
// gone.
type server struct {
	e         *Endpoint
	transport transport.Transport
	key       key
	invite    bool
	hop       sip.Hop // where a new connection for responses goes

	mu       sync.Mutex // not held while code of the user runs
	state    state
	flow     sip.Flow // where responses go
	last     string   // the response that a retransmitted request gets
	interval time.Duration
	resend   wheel.Timer // the layer's own 100, then timer G
	expire   wheel.Timer // Ringing, then timer H, I, J or L
	tx       *ServerTx   // nil once no final response is to come
	detour   *detour     // while a new connection is being opened
	rerouted bool        // that was tried, and is not tried again
	once     bool        // the final response is sent once, and nothing kept
	held     int         // octets of text that are kept; see hold
}

var _ wheel.Owner = (*server)(nil)

// tryingDelay is when the layer sends 100 for an INVITE that has had no
// response: early enough to be out within the 200 ms of RFC 3261 section 17.2.1.
const tryingDelay = 150 * time.Millisecond

// sendTrying answers a request that the handler takes its time over (RFC 3261
// section 17.2.1, RFC 4320 section 4.1); mu is held.
func (s *server) sendTrying() {
	resp := sip.NewResponse(s.tx.req, 100)
	// RFC 3261 section 8.2.6.1: the delay goes behind the client's own value.
	if sent := resp.Get("Timestamp"); sent != "" && !strings.ContainsAny(sent, " \t") {
		delay := time.Since(s.tx.came).Seconds()
		resp.Set("Timestamp", sent+" "+strconv.FormatFloat(delay, 'f', 3, 64))
	}
	s.last = resp.String()
	if err := s.send(resp); err != nil {
		s.e.cfg.log.Debug("100 not sent", "flow", s.flow, "err", err)
	}
}

// start begins the transaction; mu is held.
func (s *server) start() {
	s.e.begin(&s.e.answering)
	s.hold(s.tx.req.Footprint())
	if !s.invite {
		s.state = trying
		s.e.wheel.Start(&s.resend, s, s.e.cfg.timers.trying())
		s.e.wheel.Start(&s.expire, s, s.e.cfg.timers.timeout())
		return
	}
	s.state = proceeding
	s.e.wheel.Start(&s.resend, s, tryingDelay)
	s.e.wheel.Start(&s.expire, s, s.e.cfg.timers.Ringing)
}

// mayRespond tells whether a response with that code may be sent; mu is held.
func (s *server) mayRespond(code int) error {
	switch {
	case s.tx != nil && s.tx.req.Method == sip.ACK:
		return ErrNoTransaction
	case s.state == terminated:
		return ErrTerminated
	case s.state.unanswered():
		if !s.invite && (code > 100 && code < 200 || code == 408) {
			return ErrStatus
		}
		return nil
	case s.state == accepted && code >= 200 && code < 300:
		return nil
	}
	return ErrAnswered
}

// respond sends a response of the user. The lock makes the order of the calls
// the order on the wire.
func (s *server) respond(resp *sip.Response) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.mayRespond(resp.StatusCode); err != nil {
		return err
	}
	if s.once && s.last == "" && (resp.StatusCode >= 300 || resp.StatusCode >= 200 && !s.invite) {
		return s.respondOnce(resp)
	}
	if s.flow.Reliable() && !resp.Has("Content-Length") {
		resp.Set("Content-Length", strconv.Itoa(len(resp.Body()))) // RFC 3261 section 20.14
	}
	if resp.StatusCode < 200 {
		if s.state == trying && !s.flow.Reliable() {
			return nil // too early: the layer's own comes in time
		}
		s.state = proceeding
		s.last = resp.String()
		s.resend.Stop()
		if s.invite {
			s.e.wheel.Start(&s.expire, s, s.e.cfg.timers.Ringing)
		}
		return s.send(resp)
	}
	err := s.send(resp)
	if s.state.unanswered() {
		s.answered()
		if s.invite {
			s.inviteAnswered(resp)
		} else {
			s.requestAnswered(resp)
		}
	}
	return err
}

// answered lets go of what a transaction with a final response has no more use
// for; mu is held.
func (s *server) answered() {
	tx := s.tx
	s.tx = nil
	tx.onCancel = nil
	if tx.returned {
		tx.end(nil)
	}
	s.hold(0)
	s.e.finish(&s.e.answering)
}

// received takes a retransmission of the request.
func (s *server) received() {
	s.mu.Lock()
	defer s.mu.Unlock()
	// RFC 6026 section 7.1 has INVITEs absorbed once it is accepted.
	if s.state == proceeding || s.state == completed {
		s.sendLast()
	}
}

// sendLast sends the last response again; mu is held.
func (s *server) sendLast() {
	if s.last == "" || s.detour != nil {
		return
	}
	if err := s.send(reread(s.last)); err != nil {
		s.e.cfg.log.Debug("response not sent again", "flow", s.flow, "err", err)
	}
}

// Expired implements wheel.Owner.
func (s *server) Expired(t *wheel.Timer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !t.Due() {
		return
	}
	switch {
	case s.invite:
		s.inviteExpired(t)
	case t == &s.resend:
		s.requestDelayed()
	case s.state.unanswered():
		// Whoever asked has given up (RFC 4320 section 4.2).
		s.terminate(ErrTimeout)
	default:
		s.terminate(nil) // timer J
	}
}

// terminate ends the transaction; mu is held. cause is what the handler's ctx
// tells if there was no final response.
func (s *server) terminate(cause error) {
	if s.state == terminated {
		return
	}
	s.state = terminated
	s.last = ""
	s.hold(0)
	s.resend.Stop()
	s.expire.Stop()
	s.e.servers.remove(s.key, s)
	if tx := s.tx; tx != nil {
		s.tx = nil
		tx.onCancel = nil
		tx.end(cause)
		s.e.finish(&s.e.answering)
	}
}

// end is terminate from outside.
func (s *server) end(cause error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.terminate(cause)
}
