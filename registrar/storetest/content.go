package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/patchbay-sip/patchbay/registrar"
	"github.com/patchbay-sip/patchbay/sip"
)

const alice = sip.AOR("sip:alice@example.com")

// contentChecks are about what one caller finds in a store.
func contentChecks() []named {
	return []named{
		{"Empty", checkEmpty},
		{"EveryField", checkEveryField},
		{"Replace", checkReplace},
		{"Remove", checkRemove},
		{"ErrorOfFn", checkErrorOfFn},
		{"SlicesAreNotShared", checkSlices},
		{"AORsAreApart", checkAORs},
		{"Expired", checkExpired},
		{"Expiring", checkExpiring},
		{"ContextEnded", checkContextEnded},
	}
}

func checkEmpty(ctx context.Context, s registrar.Store) error {
	if err := holds(ctx, s, alice); err != nil {
		return err
	}
	if err := removeAll(ctx, s); err != nil {
		return err
	}
	return holds(ctx, s, alice)
}

func checkEveryField(ctx context.Context, s registrar.Store) error {
	for _, aor := range []sip.AOR{alice, `sip:o'n"e%25il_é漢𝄞\@[2001:db8::1]:5070`} {
		want, err := oddBindings(aor)
		if err != nil {
			return err
		}
		stored, err := put(ctx, s, aor, want...)
		if err != nil {
			return fmt.Errorf("Update: %w", err)
		}
		if err := same(stored, want); err != nil {
			return fmt.Errorf("result of Update: %w", err)
		}
		if err := holds(ctx, s, aor, want...); err != nil {
			return err
		}
	}
	return nil
}

func checkReplace(ctx context.Context, s registrar.Store) error {
	if _, err := put(ctx, s, alice, binding(alice, 1), binding(alice, 2), binding(alice, 3)); err != nil {
		return err
	}
	var want []registrar.Binding
	stored, err := s.Update(ctx, alice, func(old []registrar.Binding) ([]registrar.Binding, error) {
		if len(old) != 3 {
			return nil, fmt.Errorf("fn got %d bindings, want 3", len(old))
		}
		// One goes, one changes, one stays, one comes.
		old = slices.DeleteFunc(old, func(b registrar.Binding) bool { return b.CSeq == 2 })
		for i := range old {
			if old[i].CSeq == 3 {
				old[i].CSeq, old[i].Q, old[i].UserAgent = 33, 500, "changed"
			}
		}
		old = append(old, binding(alice, 4))
		want = slices.Clone(old)
		return old, nil
	})
	if err != nil {
		return err
	}
	if err := same(stored, want); err != nil {
		return fmt.Errorf("result of Update: %w", err)
	}
	return holds(ctx, s, alice, want...)
}

func checkRemove(ctx context.Context, s registrar.Store) error {
	for range 2 { // what was removed can come back
		if _, err := put(ctx, s, alice, binding(alice, 1), binding(alice, 2)); err != nil {
			return err
		}
		if _, err := put(ctx, s, alice, binding(alice, 2)); err != nil {
			return err
		}
		if err := holds(ctx, s, alice, binding(alice, 2)); err != nil {
			return err
		}
		if err := removeAll(ctx, s); err != nil {
			return err
		}
		if err := holds(ctx, s, alice); err != nil {
			return err
		}
	}
	return nil
}

// removeAll removes all that alice has.
func removeAll(ctx context.Context, s registrar.Store) error {
	stored, err := put(ctx, s, alice)
	if err != nil {
		return fmt.Errorf("storing none: %w", err)
	}
	return same(stored, nil)
}

func checkErrorOfFn(ctx context.Context, s registrar.Store) error {
	before := binding(alice, 1)
	if _, err := put(ctx, s, alice, before); err != nil {
		return err
	}
	refusal := &sip.StatusError{Code: 403, Reason: "a refusal"}
	stored, err := s.Update(ctx, alice, func(old []registrar.Binding) ([]registrar.Binding, error) {
		for i := range old {
			old[i].CSeq = 99
		}
		return append(old, binding(alice, 2)), refusal
	})
	if err != error(refusal) { //nolint:errorlint // the very error is what is promised
		return errors.Join(errors.New("Update did not return the error of fn as it is"), err)
	}
	if len(stored) != 0 {
		return fmt.Errorf("Update returned %d bindings beside an error", len(stored))
	}
	return holds(ctx, s, alice, before)
}

// checkSlices changes every slice that it can get hold of.
func checkSlices(ctx context.Context, s registrar.Store) error {
	want := []registrar.Binding{binding(alice, 1), binding(alice, 2)}
	var fns []registrar.Binding // that fn returned
	store := func() ([]registrar.Binding, error) {
		return s.Update(ctx, alice, func([]registrar.Binding) ([]registrar.Binding, error) {
			fns = slices.Grow(slices.Clone(want), 8)
			return fns, nil
		})
	}
	for _, slice := range []struct {
		name string
		get  func() ([]registrar.Binding, error)
	}{
		{"that Update returned", store},
		{"that fn returned", func() ([]registrar.Binding, error) {
			_, err := store()
			return fns, err
		}},
		{"that Lookup returned", func() ([]registrar.Binding, error) { return s.Lookup(ctx, alice) }},
		{"that fn was given", func() (given []registrar.Binding, err error) {
			_, err = s.Update(ctx, alice, func(old []registrar.Binding) ([]registrar.Binding, error) {
				given = old
				return slices.Clone(old), nil
			})
			return given, err
		}},
	} {
		if _, err := store(); err != nil {
			return err
		}
		got, err := slice.get()
		if err != nil {
			return err
		}
		for i := range got {
			got[i].CallID, got[i].CSeq = "spoiled", 666
		}
		_ = append(got, binding(alice, 3)) // behind the end, where there is room
		if err := holds(ctx, s, alice, want...); err != nil {
			return fmt.Errorf("changing the slice %s changed the store: %w", slice.name, err)
		}
	}
	found, err := s.Lookup(ctx, alice)
	if err != nil {
		return err
	}
	if _, err := put(ctx, s, alice, binding(alice, 7), binding(alice, 8)); err != nil {
		return err
	}
	if err := same(found, want); err != nil {
		return fmt.Errorf("a later Update changed the slice that Lookup returned: %w", err)
	}
	return nil
}

// checkAORs uses names that are the same to a careless comparison.
func checkAORs(ctx context.Context, s registrar.Store) error {
	aors := []sip.AOR{
		alice, "sip:Alice@example.com", "sip:alice@example.com:5060", "sip:alice@example.co", "sip:alice@example.org",
		"sip:alic@example.com", "sip:alice_@example.com", "sip:alice1@example.com", "sip:alice%25@example.com",
		"sip:al%@example.com", "sip:%@example.com", "sip:álice@example.com", "sip:a\u0301lice@example.com",
		"sip:alice @example.com", "sip:alice'@example.com",
	}
	for i, aor := range aors {
		if _, err := put(ctx, s, aor, binding(aor, i)); err != nil {
			return fmt.Errorf("%s: %w", aor, err)
		}
	}
	for i, aor := range aors {
		if err := holds(ctx, s, aor, binding(aor, i)); err != nil {
			return fmt.Errorf("%s: %w", aor, err)
		}
	}
	for i, aor := range aors {
		if _, err := put(ctx, s, aor); err != nil {
			return fmt.Errorf("%s: %w", aor, err)
		}
		for j := i + 1; j < len(aors); j++ {
			found, err := s.Lookup(ctx, aors[j])
			if err == nil {
				err = same(found, []registrar.Binding{binding(aors[j], j)})
			}
			if err != nil {
				return fmt.Errorf("%s after %s was removed: %w", aors[j], aor, err)
			}
		}
	}
	return nil
}

// checkExpired stores what has expired already.
func checkExpired(ctx context.Context, s registrar.Store) error {
	old, older, good := binding(alice, 1), binding(alice, 2), binding(alice, 3)
	old.Expires, older.Expires = time.Now().Add(-time.Millisecond), time.Now().Add(-24*time.Hour)
	stored, err := put(ctx, s, alice, old, good, older)
	if err != nil {
		return err
	}
	if err := same(stored, []registrar.Binding{good}); err != nil {
		return fmt.Errorf("result of Update: %w", err)
	}
	if err := holds(ctx, s, alice, good); err != nil {
		return err
	}
	if _, err := put(ctx, s, alice, old); err != nil {
		return err
	}
	return holds(ctx, s, alice)
}

// checkExpiring waits for a binding to end.
func checkExpiring(ctx context.Context, s registrar.Store) error {
	brief, long := binding(alice, 1), binding(alice, 2)
	brief.Expires = time.Now().Add(30 * time.Millisecond)
	if _, err := put(ctx, s, alice, brief, long); err != nil {
		return err
	}
	select {
	case <-time.After(time.Until(brief.Expires)):
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := holds(ctx, s, alice, long); err != nil {
		return fmt.Errorf("after one has expired: %w", err)
	}
	return nil
}

func checkContextEnded(ctx context.Context, s registrar.Store) error {
	if _, err := put(ctx, s, alice, binding(alice, 1)); err != nil {
		return err
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	_, updating := put(ended, s, alice, binding(alice, 2))
	_, lookingUp := s.Lookup(ended, alice)
	var listing error
	for _, err := range s.All(ended) {
		listing = err
	}
	for call, err := range map[string]error{"Update": updating, "Lookup": lookingUp, "All": listing} {
		if err := failed(call+" with a ctx that has ended", err, context.Canceled); err != nil {
			return err
		}
	}
	if err := holds(ctx, s, alice, binding(alice, 1)); err != nil {
		return err
	}

	// What ends in the middle may be stored or not; an answer without an error
	// says that it was.
	meanwhile, cancel := context.WithCancel(ctx)
	defer cancel()
	_, err := s.Update(meanwhile, alice, func([]registrar.Binding) ([]registrar.Binding, error) {
		cancel()
		return []registrar.Binding{binding(alice, 3)}, nil
	})
	if err == nil {
		return holds(ctx, s, alice, binding(alice, 3))
	}
	return failed("Update whose ctx ended meanwhile", err, context.Canceled)
}
