package dialog

import (
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/transaction"
)

// exchange is what is under way between the two ends, in either direction: one
// INVITE, one UPDATE each way, one offer (RFC 3261 section 14, RFC 3311 section
// 5, RFC 3264 section 4). The dialog's lock guards it.
type exchange struct {
	inviting, updating bool // a request of ours has no final response
	invited, updated   bool // one of theirs has none
	offered, asked     bool // an offer of ours, or of theirs, has no answer

	// The session as it was agreed on last.
	ours, theirs string
}

const sdpType = "application/sdp"

// description is the session description that a message carries, or "".
func description(m sip.Message) string {
	if m.Body() == "" {
		return ""
	}
	if t, err := m.Head().ContentType(); err == nil && t.Is(sdpType) {
		return m.Body()
	}
	part, err := sip.FindPart(m, sdpType)
	if err != nil {
		return ""
	}
	return part.Body
}

// agree notes an offer and its answer; d.mu is held.
func (x *exchange) agree(ours, theirs string) {
	x.offered, x.asked = false, false
	if ours != "" {
		x.ours = ours
	}
	if theirs != "" {
		x.theirs = theirs
	}
}

// claim begins an INVITE or an UPDATE of ours, unless it would cross another
// one; d.mu is held.
func (d *Dialog) claim(m sip.Method, offers bool) error {
	x := &d.exchange
	crosses := offers && (x.offered || x.asked || d.reliable.holds())
	switch m {
	case sip.INVITE:
		if crosses || x.inviting || x.invited || d.unacked != nil { // RFC 3261 section 14.1
			return ErrPending
		}
		x.inviting = true
	case sip.UPDATE:
		if crosses || x.updating {
			return ErrPending
		}
		x.updating = true
	default:
		return nil
	}
	x.offered = x.offered || offers
	return nil
}

// release is the end of what claim began; unanswered tells whether it was an
// offer, and refused. One that was accepted has its answer already, and another
// may be under way by now.
func (d *Dialog) release(m sip.Method, unanswered bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch m {
	case sip.INVITE:
		d.exchange.inviting = false
	case sip.UPDATE:
		d.exchange.updating = false
	default:
		return
	}
	if unanswered {
		d.exchange.offered = false
	}
}

// admit takes an INVITE or an UPDATE of theirs, or refuses one that crosses
// another (RFC 3261 section 14.2, RFC 3311 section 5.2).
func (d *Dialog) admit(req *sip.Request, tx *transaction.ServerTx) error {
	offers := description(req) != ""
	d.mu.Lock()
	defer d.mu.Unlock()
	x := &d.exchange
	var busy *bool
	switch req.Method {
	case sip.INVITE:
		if x.inviting {
			return &sip.StatusError{Code: 491}
		}
		busy = &x.invited
	case sip.UPDATE:
		busy = &x.updated
	case sip.PRACK:
		busy = new(bool)
	default:
		return nil
	}
	switch {
	case *busy:
		return inProgress(req.Method)
	case offers && x.offered:
		return &sip.StatusError{Code: 491}
	case offers && x.asked:
		return inProgress("Offer")
	}
	*busy = true
	x.asked = x.asked || offers
	onFinal(tx, func(resp *sip.Response) {
		d.mu.Lock()
		defer d.mu.Unlock()
		*busy = false
		if !offers {
			return
		}
		x.asked = false
		if resp.StatusCode < 300 {
			x.agree(description(resp), description(req))
		}
	})
	return nil
}

// onFinal has f called before the first final response is sent; a 2xx to an
// INVITE is sent more than once.
func onFinal(tx *transaction.ServerTx, f func(*sip.Response)) {
	var once sync.Once
	tx.OnRespond(func(resp *sip.Response) {
		if resp.StatusCode >= 200 {
			once.Do(func() { f(resp) })
		}
	})
}

// inProgress asks for another try in a moment.
func inProgress[T ~string](what T) error {
	busy := &sip.StatusError{Code: 500, Reason: string(what) + " In Progress"}
	busy.Header.Set("Retry-After", strconv.Itoa(rand.IntN(11))) //nolint:gosec // a delay is no secret
	return busy
}

// glare is how long to wait after a 491 (RFC 3261 section 14.1, RFC 3311 section
// 5.3): the one who made the Call-ID waits longer, so that they do not cross
// again.
func (d *Dialog) glare() time.Duration {
	const step = 10 * time.Millisecond
	if d.caller {
		return 2100*time.Millisecond + time.Duration(rand.IntN(191))*step //nolint:gosec // a delay is no secret
	}
	return time.Duration(rand.IntN(201)) * step //nolint:gosec // a delay is no secret
}
