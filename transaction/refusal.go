package transaction

import (
	"errors"

	"github.com/patchbay-sip/patchbay/sip"
)

// Refusal makes an error of a handler one that is answered without keeping
// anything (RFC 3261 sections 8.2.7 and 26.3.2.4), for requests of senders who
// have not shown who they are: their address may be false, and a repeated
// response would go to somebody else, eleven times for one INVITE.
//
// A *sip.StatusError in err is sent once and the request forgotten. The client
// repeats the request if the response is lost, and then the handler sees it
// again: it should do nothing before it refuses that may not be done twice.
// Where a response has been sent already, a refusal is like any other error, and
// an err without a *sip.StatusError comes back as it is. The challenges of
// Authenticate are refusals.
func Refusal(err error) error {
	if _, ok := errors.AsType[*sip.StatusError](err); !ok {
		return err
	}
	return refusal{err}
}

// RespondOnce is Respond for a final response that nothing is kept for: that of a
// Refusal, when the handler has not returned an error or has detached, or the one
// to a request that changes nothing, such as OPTIONS. A 2xx to an INVITE is sent
// as by Respond.
func (tx *ServerTx) RespondOnce(resp *sip.Response) error {
	tx.machine.mu.Lock()
	tx.machine.once = true
	tx.machine.mu.Unlock()
	return tx.Respond(resp)
}

type refusal struct{ error }

func (r refusal) Unwrap() error { return r.error }

// respondOnce sends a final response and forgets the request. After a provisional
// response that would not do, since the client then no longer repeats what it
// has had no final response to; mu is held.
func (s *server) respondOnce(resp *sip.Response) error {
	if to, err := s.tx.req.To(); err == nil && to.Tag() == "" {
		resp.Set("To", to.WithTag(s.e.keys.tag(s.key)).String()) // the ACK is known by it
	}
	err := s.transport.Send(s.flow, resp)
	s.answered()
	s.terminate(nil)
	return err
}
