package transaction

import (
	"errors"
	"time"

	"github.com/patchbay-sip/patchbay/sip"
)

// lookup finds addresses and sends to one. It runs on a worker.
func (tx *ClientTx) lookup() {
	hops, err := tx.e.cfg.resolver.Resolve(tx.ctx, tx.next)
	if err == nil && len(hops) == 0 {
		err = ErrNoTransport
	}
	tx.hops = hops
	tx.advance(err)
}

// advance sends to the next address, or to the same one by another road; failed
// is why, if it is not the first. It may block while it dials.
func (tx *ClientTx) advance(failed error) {
	for {
		more, err := tx.turn(failed)
		if !more {
			tx.post(Event{Err: err, Last: true})
			return
		}
		if failed = tx.try(); failed == nil {
			return
		}
	}
}

// turn chooses what is tried after what failed. Where there is nothing more, the
// error is what the request ends with.
func (tx *ClientTx) turn(failed error) (more bool, err error) {
	tx.mu.Lock()
	defer tx.mu.Unlock()
	switch {
	case tx.canceled != nil:
		return false, tx.canceled
	case errors.Is(failed, errTooLong):
		tx.road = overTCP
	case tx.road == overTCP:
		tx.road = regardless // RFC 3261 section 18.1.1
	case len(tx.hops) > 0:
		tx.hop, tx.hops, tx.road = tx.hops[0], tx.hops[1:], direct
	case tx.e.isClosed():
		return false, ErrClosed // whatever it made of the lookup
	default:
		return false, failed
	}
	return true, nil
}

// try sends to the hop at hand. It may block while it dials, but not where it
// goes by UDP.
func (tx *ClientTx) try() error {
	tx.mu.Lock()
	hop, road := tx.hop, tx.road
	tx.mu.Unlock()
	if road == overTCP {
		t, f, err := tx.e.connectTCP(tx.ctx, hop.Addr)
		if err != nil {
			return err
		}
		return tx.launch(t, f)
	}
	t, f, err := tx.e.connect(tx.ctx, hop)
	if err == nil {
		err = tx.launch(t, f)
	}
	if err != nil && !errors.Is(err, errTooLong) {
		tx.blame(hop, 0)
	}
	return err
}

// failed is told when what the request was sent to has not answered.
func (tx *ClientTx) failed(err error) {
	tx.mu.Lock()
	hop, road := tx.hop, tx.road
	tx.mu.Unlock()
	switch {
	case hop == sip.Hop{}:
	case road != overTCP:
		tx.blame(hop, 0)
	case errors.Is(err, ErrTimeout): // who takes connections there, and for what?
		tx.e.noTCP.add(hop.Addr, time.Now())
	}
	tx.advance(err)
}

// blame tells the resolver of a hop that failed, unless it was we who gave up.
func (tx *ClientTx) blame(hop sip.Hop, retryAfter time.Duration) {
	if tx.e.cfg.failures != nil && tx.ctx.Err() == nil {
		tx.e.cfg.failures.Failed(hop, retryAfter)
	}
}

// refused tells whether an event was a 503 that leads to the next address (RFC
// 3263 section 4.3). Whoever says for how long it wants to be left alone is (RFC
// 3261 section 21.5.4); without Retry-After a 503 says of this request alone.
func (tx *ClientTx) refused(ev Event) bool {
	if ev.Response == nil || ev.Response.StatusCode != 503 {
		return false
	}
	tx.mu.Lock()
	hop := tx.hop
	more := !tx.done && tx.canceled == nil && len(tx.hops) > 0
	if more {
		tx.road = direct // the answer would be the same over UDP
	}
	tx.mu.Unlock()
	if wait, err := ev.Response.RetryAfter(); err == nil && wait.After > 0 && hop != (sip.Hop{}) {
		tx.blame(hop, wait.After)
	}
	if more {
		tx.advance(nil)
	}
	return more
}
