package transaction

import (
	"context"
	"strconv"

	"github.com/patchbay-sip/patchbay/sip"
)

// mergedRequests is how many requests RefuseMerged remembers: 1 MiB, of which a
// program that takes few calls makes a part.
const mergedRequests = 1 << 16

// RefuseMerged is a Middleware that answers 482 to a request that has come before
// by another path, as it does when two targets of a forking proxy lead to one
// phone: without it that rings twice for one call (RFC 3261 section 8.2.2.2). Such
// a request has no To tag, and the From tag, Call-ID and CSeq of one that passed
// and is still waited for, or that has had a 2xx within the last 64*T1. One that
// was answered 300 or more is over: a client that has been challenged or refused
// may come again by another way, even if it does not count CSeq up.
//
// It is for a user agent server: what stands for one user, such as a phone, an
// echo or a mailbox, and takes calls and messages itself. It is not part of the
// Endpoint because it would do harm elsewhere:
//
//   - a proxy, where the branches of a request that was forked before meet on
//     their way to several users, and a request may pass twice (a spiral);
//   - a gateway, or any server that stands for many users, since a call that is
//     forked to two of them has all three fields in common;
//   - a registrar, for whom a REGISTER that comes again by another transport is
//     no harm.
//
// A Mux can have it before the handlers of INVITE and MESSAGE alone. Behind
// Authenticate it remembers no strangers. One Middleware may stand before several
// Handlers and Endpoints, and then knows a request that came to any of them.
//
// Up to 65,536 requests are remembered, 16 octets each, those that ring for
// Timers.Ringing at most; past that they pass.
func RefuseMerged() Middleware {
	m := &merged{keys: newHasher(), seen: newRecent(mergedRequests)}
	return func(next Handler) Handler {
		return HandlerFunc(func(ctx context.Context, req *sip.Request, tx *ServerTx) error {
			if m.knows(req, tx) {
				return &sip.StatusError{Code: 482}
			}
			return next.ServeSIP(ctx, req, tx)
		})
	}
}

// merged remembers the requests that passed.
type merged struct {
	keys hasher
	seen *recent
}

// knows tells whether a request has come before. From now on it has.
func (m *merged) knows(req *sip.Request, tx *ServerTx) bool {
	if req.Method == sip.ACK || inDialog(req) {
		return false
	}
	k, ok := m.keys.request(req)
	if !ok {
		return false
	}
	timers := tx.machine.e.Timers()
	waits := timers.timeout()
	if req.Method == sip.INVITE {
		waits = timers.Ringing
	}
	fresh, kept := m.seen.add(k, waits)
	if fresh && kept {
		tx.OnRespond(func(resp *sip.Response) {
			switch {
			case resp.StatusCode < 200:
				m.seen.keep(k, waits)
			case resp.StatusCode < 300:
				m.seen.keep(k, timers.timeout())
			default:
				m.seen.keep(k, 0)
			}
		})
	}
	return !fresh
}

// request is the key of a request by whatever way it comes (RFC 3261 section
// 8.2.2.2). A client of RFC 2543, without a From tag, has none.
func (h *hasher) request(req *sip.Request) (k key, ok bool) {
	from, err := req.From()
	if err != nil || from.Tag() == "" {
		return key{}, false
	}
	cseq, err := req.CSeq()
	if err != nil {
		return key{}, false
	}
	var buf [512]byte
	b := add(buf[:0], from.Tag(), req.CallID(), string(cseq.Method))
	return h.sum(strconv.AppendUint(b, uint64(cseq.Seq), 10)), true
}
