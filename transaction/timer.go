package transaction

import (
	"sync"
	"time"

	"github.com/patchbay-sip/patchbay/internal/wheel"
)

// A Timer calls a function once its time has come, by the Endpoint's own clock:
// thousands of them cost no runtime timer and no goroutine. It is for what lasts
// as long as a transaction or a call; it fires up to 10 ms late. Its methods may
// be called from several goroutines.
type Timer struct {
	e *Endpoint
	f func()

	mu    sync.Mutex
	timer wheel.Timer
}

// NewTimer makes a Timer that is not set. f is called on a worker, as any
// callback is. A Timer fires only while the Endpoint serves.
func (e *Endpoint) NewTimer(f func()) *Timer { return &Timer{e: e, f: f} }

// Reset sets the Timer to fire after d, whatever it was set to before.
func (t *Timer) Reset(d time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.e.wheel.Start(&t.timer, (*timing)(t), d)
}

// Stop has the Timer not fire. A call of the function may be under way all the
// same.
func (t *Timer) Stop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.timer.Stop()
}

// timing is a Timer as the wheel sees it.
type timing Timer

var _ wheel.Owner = (*timing)(nil)

// Expired implements wheel.Owner.
func (t *timing) Expired(*wheel.Timer) {
	t.mu.Lock()
	due := t.timer.Due()
	if due {
		t.timer.Stop()
	}
	t.mu.Unlock()
	if due {
		t.e.workers.Go(&callback{t.e, t.f})
	}
}
