package storetest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/patchbay-sip/patchbay/registrar"
	"github.com/patchbay-sip/patchbay/sip"
)

// concurrencyChecks are about what several callers find in a store.
func concurrencyChecks() []named {
	return []named{
		{"ConflictingUpdate", checkConflict},
		{"ConcurrentUpdates", checkConcurrent},
		{"UpdateIsAtomic", checkAtomic},
		{"OneRunOfFnAtATime", checkRuns},
	}
}

// checkConflict has a second Update begin while fn of a first one runs. Whether
// the store makes it wait or runs fn again, both must be there in the end.
func checkConflict(ctx context.Context, s registrar.Store) error {
	var second error
	ended := make(chan struct{})
	started := false
	_, err := s.Update(ctx, alice, func(old []registrar.Binding) ([]registrar.Binding, error) {
		if !started {
			started = true
			go func() {
				defer close(ended)
				_, second = s.Update(ctx, alice, add(binding(alice, 2)))
			}()
			// Give it time to do its work; a store that locks does not let it.
			select {
			case <-ended:
			case <-time.After(conflictTime):
			}
		}
		return append(old, binding(alice, 1)), nil
	})
	if started {
		<-ended
	}
	if err := errors.Join(err, second); err != nil {
		return err
	}
	if err := holds(ctx, s, alice, binding(alice, 1), binding(alice, 2)); err != nil {
		return fmt.Errorf("one of two conflicting updates is lost: %w", err)
	}
	return nil
}

// conflictTime is for how long checkConflict waits for a store that does not lock.
const conflictTime = 250 * time.Millisecond

// add is a fn that adds a binding.
func add(b registrar.Binding) func([]registrar.Binding) ([]registrar.Binding, error) {
	return func(old []registrar.Binding) ([]registrar.Binding, error) { return append(old, b), nil }
}

// checkConcurrent counts: each of many updates adds one to the CSeq of a binding.
func checkConcurrent(ctx context.Context, s registrar.Store) error {
	const callers, updates = 8, 50
	aors := []sip.AOR{alice, "sip:bob@example.com"}
	for _, aor := range aors {
		if _, err := put(ctx, s, aor, binding(aor, 0)); err != nil {
			return err
		}
	}
	err := together(callers, func(int) error {
		for i := range updates {
			aor := aors[i%len(aors)]
			stored, err := s.Update(ctx, aor, func(old []registrar.Binding) ([]registrar.Binding, error) {
				if len(old) != 1 {
					return nil, fmt.Errorf("fn got %d bindings of %s, want 1", len(old), aor)
				}
				old[0].CSeq++
				return old, nil
			})
			if err != nil {
				return err
			}
			if len(stored) != 1 || stored[0].AOR != aor {
				return fmt.Errorf("Update of %s returned %s", aor, names(stored))
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, aor := range aors {
		want := binding(aor, 0)
		want.CSeq = callers * updates / uint32(len(aors))
		found, err := s.Lookup(ctx, aor)
		if err != nil {
			return err
		}
		if len(found) != 1 || found[0].CSeq != want.CSeq {
			return fmt.Errorf("%d updates of %s left %+v: some are lost", want.CSeq, aor, found)
		}
	}
	return nil
}

// checkAtomic replaces all bindings of an AOR again and again, until others have
// looked often enough meanwhile. Nobody may ever see some of one generation and
// some of another.
func checkAtomic(ctx context.Context, s registrar.Store) error {
	const generations, looks, size = 100, 1000, 5
	generation := func(g uint32) []registrar.Binding {
		bindings := make([]registrar.Binding, size)
		for i := range bindings {
			bindings[i] = binding(alice, i)
			bindings[i].CSeq = g
		}
		return bindings
	}
	whole := func(found []registrar.Binding) error {
		for _, b := range found {
			if len(found) != size || b.CSeq != found[0].CSeq {
				return fmt.Errorf("half of an update is seen: %+v", found)
			}
		}
		if len(found) == 0 {
			return errors.New("an update that replaces all is seen as none")
		}
		return nil
	}
	if _, err := put(ctx, s, alice, generation(0)...); err != nil {
		return err
	}
	var done, failed atomic.Bool
	var looked atomic.Int64
	return together(4, func(caller int) error {
		if caller == 0 {
			defer done.Store(true)
			for g := uint32(0); g < generations || looked.Load() < looks && !failed.Load(); g++ {
				if _, err := put(ctx, s, alice, generation(g)...); err != nil {
					return err
				}
			}
			return nil
		}
		for !done.Load() {
			found, err := s.Lookup(ctx, alice)
			if err == nil {
				err = whole(found)
			}
			if err != nil {
				failed.Store(true)
				return err
			}
			looked.Add(1)
			runtime.Gosched()
		}
		return nil
	})
}

// checkRuns looks at when fn runs.
func checkRuns(ctx context.Context, s registrar.Store) error {
	return together(8, func(caller int) error {
		for i := range 20 {
			var running, returned, wrong atomic.Bool
			_, err := s.Update(ctx, alice, func(old []registrar.Binding) ([]registrar.Binding, error) {
				if returned.Load() || !running.CompareAndSwap(false, true) {
					wrong.Store(true)
				}
				defer running.Store(false)
				runtime.Gosched()
				return append(old[:min(len(old), 5)], binding(alice, 100*caller+i)), nil
			})
			returned.Store(true)
			if err != nil {
				return err
			}
			if running.Load() || wrong.Load() {
				return errors.New("fn ran twice at a time, or after Update returned")
			}
		}
		return nil
	})
}

// together runs f in several goroutines and returns their errors.
func together(n int, f func(i int) error) error {
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { errs[i] = f(i) })
	}
	wg.Wait()
	return errors.Join(errs...)
}
