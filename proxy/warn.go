package proxy

import (
	"log/slog"
	"sync"
	"time"
)

// maxWarnings bounds the warnings in a second: a gateway that is down fails each
// call.
const maxWarnings = 10

// warnings counts those of the last second.
type warnings struct {
	mu    sync.Mutex
	since time.Time
	n     int
}

// level is the one of the next warning: debug, once there were too many.
func (w *warnings) level() slog.Level {
	w.mu.Lock()
	defer w.mu.Unlock()
	if now := time.Now(); now.Sub(w.since) >= time.Second {
		w.since, w.n = now, 0
	}
	if w.n == maxWarnings {
		return slog.LevelDebug
	}
	w.n++
	return slog.LevelWarn
}
