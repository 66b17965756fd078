package transaction

import (
	"context"
	"fmt"
	"sync/atomic"
)

// Shutdown refuses new requests outside of dialogs with 503 and waits until
// each request that was taken on has its final response, each request that was
// sent has ended, and no handler runs; then it closes. When ctx ends first it
// returns a *ShutdownError, which tells what Close would cut off now and matches
// ctx's error: the Endpoint goes on draining, and Close ends it.
func (e *Endpoint) Shutdown(ctx context.Context) error {
	e.draining.Store(true)
	for e.isServing() && e.pending.Load() > 0 {
		select {
		case <-e.idle:
		case <-e.closing:
			return e.Close()
		case <-ctx.Done():
			return e.unfinished(ctx.Err())
		}
	}
	return e.Close()
}

// A ShutdownError tells what went on when the ctx of Shutdown ended, all of which
// is cut off by a Close that follows at once.
type ShutdownError struct {
	Handlers int   // handlers that ran
	Server   int   // requests that had no final response: server transactions
	Client   int   // requests of ours that had not ended: client transactions
	Other    int   // callbacks that ran, and connections that were opened for responses
	Err      error // ctx's
}

func (e *ShutdownError) Error() string {
	return fmt.Sprintf("transaction: not drained (handlers %d, server transactions %d, client transactions %d, other %d): %v",
		e.Handlers, e.Server, e.Client, e.Other, e.Err)
}

// Unwrap returns Err.
func (e *ShutdownError) Unwrap() error { return e.Err }

func (e *Endpoint) unfinished(err error) *ShutdownError {
	return &ShutdownError{
		Handlers: int(e.handlers.Load()),
		Server:   int(e.answering.Load()),
		Client:   int(e.asking.Load()),
		Other:    int(e.other.Load()),
		Err:      err,
	}
}

// begin counts something that Shutdown has to wait for: one more of a kind.
func (e *Endpoint) begin(kind *atomic.Int64) {
	kind.Add(1)
	e.pending.Add(1)
}

// finish is the end of what begin counted.
func (e *Endpoint) finish(kind *atomic.Int64) {
	kind.Add(-1)
	if e.pending.Add(-1) == 0 && e.draining.Load() {
		select {
		case e.idle <- struct{}{}:
		default:
		}
	}
}
