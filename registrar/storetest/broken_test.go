package storetest_test

import (
	"context"
	"fmt"
	"iter"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/patchbay-sip/patchbay/registrar"
	"github.com/patchbay-sip/patchbay/sip"
)

type fn = func([]registrar.Binding) ([]registrar.Binding, error)

// simple is a right store, as short as can be: one lock, held while fn runs.
type simple struct {
	mu   sync.Mutex
	aors map[sip.AOR][]registrar.Binding
}

func newSimple() *simple { return &simple{aors: map[sip.AOR][]registrar.Binding{}} }

func live(bindings []registrar.Binding) []registrar.Binding {
	now := time.Now()
	return slices.DeleteFunc(slices.Clone(bindings), func(b registrar.Binding) bool { return b.Expired(now) })
}

func (s *simple) Update(ctx context.Context, aor sip.AOR, f fn) ([]registrar.Binding, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	next, err := f(live(s.aors[aor]))
	if err != nil {
		return nil, err
	}
	s.aors[aor] = live(next)
	return live(next), nil
}

func (s *simple) Lookup(ctx context.Context, aor sip.AOR) ([]registrar.Binding, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return live(s.aors[aor]), ctx.Err()
}

func (s *simple) All(ctx context.Context) iter.Seq2[registrar.Binding, error] {
	return func(yield func(registrar.Binding, error) bool) {
		if err := ctx.Err(); err != nil {
			yield(registrar.Binding{}, err)
			return
		}
		for _, b := range s.snapshot() {
			if !yield(b, nil) {
				return
			}
		}
	}
}

func (s *simple) snapshot() (all []registrar.Binding) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, bindings := range s.aors {
		all = append(all, live(bindings)...)
	}
	return all
}

// get and set are what the broken ones below do wrong things with.
func (s *simple) get(aor sip.AOR) []registrar.Binding {
	s.mu.Lock()
	defer s.mu.Unlock()
	return live(s.aors[aor])
}

func (s *simple) set(aor sip.AOR, bindings []registrar.Binding) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.aors[aor] = bindings
}

// piecemeal writes one binding after the other.
type piecemeal struct{ *simple }

func (s piecemeal) Update(ctx context.Context, aor sip.AOR, f fn) ([]registrar.Binding, error) {
	next, err := f(s.get(aor))
	if err != nil {
		return nil, err
	}
	s.set(aor, nil)
	for i := range next {
		s.set(aor, slices.Clone(next[:i+1]))
		runtime.Gosched()
	}
	return next, ctx.Err()
}

// careless does not look whether somebody else wrote meanwhile.
type careless struct{ *simple }

func (s careless) Update(ctx context.Context, aor sip.AOR, f fn) ([]registrar.Binding, error) {
	next, err := f(s.get(aor))
	if err != nil {
		return nil, err
	}
	s.set(aor, live(next))
	return next, ctx.Err()
}

// undying never looks at Expires.
type undying struct{ *simple }

func (s undying) Update(ctx context.Context, aor sip.AOR, f fn) ([]registrar.Binding, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	next, err := f(slices.Clone(s.aors[aor]))
	if err == nil {
		s.aors[aor] = slices.Clone(next)
	}
	return next, err
}

func (s undying) Lookup(ctx context.Context, aor sip.AOR) ([]registrar.Binding, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.aors[aor]), ctx.Err()
}

// hoarding looks at Expires when it stores, and not when it reads.
type hoarding struct{ *simple }

func (s hoarding) Lookup(ctx context.Context, aor sip.AOR) ([]registrar.Binding, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.aors[aor]), ctx.Err()
}

// sharing gives out its own slices.
type sharing struct{ *simple }

func (s sharing) Lookup(ctx context.Context, aor sip.AOR) ([]registrar.Binding, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.aors[aor], ctx.Err()
}

// deaf does not look at ctx.
type deaf struct{ *simple }

func (s deaf) Update(_ context.Context, aor sip.AOR, f fn) ([]registrar.Binding, error) {
	return s.simple.Update(context.Background(), aor, f)
}

// mixing compares addresses-of-record without regard to case.
type mixing struct{ *simple }

func (s mixing) Update(ctx context.Context, aor sip.AOR, f fn) ([]registrar.Binding, error) {
	return s.simple.Update(ctx, sip.AOR(strings.ToLower(string(aor))), f)
}

func (s mixing) Lookup(ctx context.Context, aor sip.AOR) ([]registrar.Binding, error) {
	return s.simple.Lookup(ctx, sip.AOR(strings.ToLower(string(aor))))
}

// wrapping adds to the error of fn.
type wrapping struct{ *simple }

func (s wrapping) Update(ctx context.Context, aor sip.AOR, f fn) ([]registrar.Binding, error) {
	bindings, err := s.simple.Update(ctx, aor, f)
	if err != nil {
		err = fmt.Errorf("update: %w", err)
	}
	return bindings, err
}

// stubborn stores what fn made even if fn failed.
type stubborn struct{ *simple }

func (s stubborn) Update(_ context.Context, aor sip.AOR, f fn) ([]registrar.Binding, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	next, err := f(live(s.aors[aor]))
	s.aors[aor] = live(next)
	if err != nil {
		return nil, err
	}
	return next, nil
}

// late runs fn twice at a time.
type late struct{ *simple }

func (s late) Update(ctx context.Context, aor sip.AOR, f fn) ([]registrar.Binding, error) {
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() { _, _ = f(nil) })
	}
	defer wg.Wait()
	return s.simple.Update(ctx, aor, f)
}

// forgetful keeps flow IDs as signed numbers.
type forgetful struct{ *simple }

func (s forgetful) Lookup(ctx context.Context, aor sip.AOR) ([]registrar.Binding, error) {
	found, err := s.simple.Lookup(ctx, aor)
	for i := range found {
		found[i].Flow.ID &= 1<<63 - 1
	}
	return found, err
}

// repeating yields something twice.
type repeating struct{ *simple }

func (s repeating) All(ctx context.Context) iter.Seq2[registrar.Binding, error] {
	return func(yield func(registrar.Binding, error) bool) {
		all := s.snapshot()
		for _, b := range append(all, all[len(all)-1]) {
			if !yield(b, ctx.Err()) {
				return
			}
		}
	}
}

// holding holds its lock across a yield.
type holding struct{ *simple }

func (s holding) All(context.Context) iter.Seq2[registrar.Binding, error] {
	return func(yield func(registrar.Binding, error) bool) {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, bindings := range s.aors {
			for _, b := range bindings {
				if !yield(b, nil) {
					return
				}
			}
		}
	}
}
