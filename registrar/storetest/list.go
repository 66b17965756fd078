package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/patchbay-sip/patchbay/registrar"
	"github.com/patchbay-sip/patchbay/sip"
)

// listChecks are about All.
func listChecks() []named {
	return []named{
		{"AllYieldsEachOnce", checkAll},
		{"AllHoldsNothing", checkAllHoldsNothing},
		{"AllWhileOthersWrite", checkAllWhileWriting},
		{"TenThousandBindings", checkMany},
	}
}

func user(n int) sip.AOR { return sip.AOR(fmt.Sprintf("sip:u%05d@example.com", n)) }

// fill stores per bindings for each of n users.
func fill(ctx context.Context, s registrar.Store, n, per int) error {
	for i := range n {
		bindings := make([]registrar.Binding, per)
		for j := range bindings {
			bindings[j] = binding(user(i), j)
		}
		if _, err := put(ctx, s, user(i), bindings...); err != nil {
			return err
		}
	}
	return nil
}

// place tells bindings apart.
type place struct {
	aor     sip.AOR
	contact string
}

// list counts what All yields.
func list(ctx context.Context, s registrar.Store) (map[place]int, error) {
	times := make(map[place]int)
	for b, err := range s.All(ctx) {
		if err != nil {
			return nil, fmt.Errorf("All: %w", err)
		}
		times[place{b.AOR, b.Contact.String()}]++
	}
	return times, nil
}

// each tells whether n users with per bindings each are in the list once.
func each(times map[place]int, n, per int) error {
	for i := range n {
		for j := range per {
			at := place{user(i), binding(user(i), j).Contact.String()}
			if times[at] != 1 {
				return fmt.Errorf("All yielded %s of %s %d times, want once", at.contact, at.aor, times[at])
			}
		}
	}
	return nil
}

func checkAll(ctx context.Context, s registrar.Store) error {
	const n, per = 150, 2
	if err := fill(ctx, s, n, per); err != nil {
		return err
	}
	times, err := list(ctx, s)
	if err != nil {
		return err
	}
	if len(times) != n*per {
		return fmt.Errorf("All yielded %d bindings, want %d", len(times), n*per)
	}
	return each(times, n, per)
}

// checkAllHoldsNothing uses the store, and stops, in the middle of All.
func checkAllHoldsNothing(ctx context.Context, s registrar.Store) error {
	if err := fill(ctx, s, 20, 1); err != nil {
		return err
	}
	n := 0
	for b, err := range s.All(ctx) {
		if err != nil {
			return fmt.Errorf("All: %w", err)
		}
		done := make(chan error, 1)
		go func() {
			_, err := s.Update(ctx, b.AOR, func(old []registrar.Binding) ([]registrar.Binding, error) { return old, nil })
			if err == nil {
				_, err = s.Lookup(ctx, b.AOR)
			}
			done <- err
		}()
		select {
		case err := <-done:
			if err != nil {
				return fmt.Errorf("within All: %w", err)
			}
		case <-time.After(5 * time.Second):
			return errors.New("All holds a lock or a connection across a yield: Update does not come back")
		}
		if n++; n == 5 {
			break
		}
	}
	if n != 5 {
		return fmt.Errorf("All yielded %d bindings, want at least 5", n)
	}
	_, err := put(ctx, s, alice, binding(alice, 1))
	return err
}

// checkAllWhileWriting lists while other addresses-of-record come and go.
func checkAllWhileWriting(ctx context.Context, s registrar.Store) error {
	const stable, volatile = 100, 40
	if err := fill(ctx, s, stable, 1); err != nil {
		return err
	}
	var done atomic.Bool
	return together(2, func(caller int) error {
		if caller == 0 {
			defer done.Store(true)
			for range 10 {
				times, err := list(ctx, s)
				if err != nil {
					return err
				}
				if err := each(times, stable, 1); err != nil {
					return fmt.Errorf("while others write: %w", err)
				}
				for at, n := range times {
					if n > 1 {
						return fmt.Errorf("while others write, All yielded %s of %s %d times", at.contact, at.aor, n)
					}
				}
			}
			return nil
		}
		for i := 0; !done.Load(); i++ {
			aor := user(stable + i%volatile)
			if _, err := put(ctx, s, aor, binding(aor, i)); err != nil {
				return err
			}
			if _, err := put(ctx, s, user(stable+(i+volatile/2)%volatile)); err != nil {
				return err
			}
		}
		return nil
	})
}

func checkMany(ctx context.Context, s registrar.Store) error {
	const n, per = 1000, 10
	if err := fill(ctx, s, n, per); err != nil {
		return err
	}
	times, err := list(ctx, s)
	if err != nil {
		return err
	}
	if err := each(times, n, per); err != nil {
		return err
	}
	found, err := s.Lookup(ctx, user(n/2))
	if err == nil && len(found) != per {
		err = fmt.Errorf("Lookup found %d bindings, want %d", len(found), per)
	}
	return err
}
