package storetest_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/registrar"
	"github.com/patchbay-sip/patchbay/registrar/storetest"
)

func TestMemory(t *testing.T) {
	storetest.Run(t, func(*testing.T) registrar.Store { return registrar.NewMemory() })
}

func TestSimple(t *testing.T) {
	storetest.Run(t, func(*testing.T) registrar.Store { return newSimple() })
}

// In a bubble nothing has to be waited for.
func TestInABubble(t *testing.T) {
	for name, check := range storetest.Checks() {
		synctest.Test(t, func(t *testing.T) {
			if err := check(t.Context(), registrar.NewMemory()); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
}

// The suite finds what is wrong with a store, and says so under the right name.
func TestBrokenStores(t *testing.T) {
	for _, tc := range []struct {
		name  string
		store func() registrar.Store
		fails []string // each of these
	}{
		{"no atomicity", func() registrar.Store { return piecemeal{newSimple()} }, []string{"UpdateIsAtomic"}},
		{"lost update", func() registrar.Store { return careless{newSimple()} }, []string{"ConflictingUpdate"}},
		{"expired given out", func() registrar.Store { return undying{newSimple()} }, []string{"Expired", "Expiring"}},
		{"expired when stored alone", func() registrar.Store { return hoarding{newSimple()} }, []string{"Expiring"}},
		{"shared slices", func() registrar.Store { return sharing{newSimple()} }, []string{"SlicesAreNotShared"}},
		{"ctx ignored", func() registrar.Store { return deaf{newSimple()} }, []string{"ContextEnded"}},
		{"AORs mixed", func() registrar.Store { return mixing{newSimple()} }, []string{"AORsAreApart"}},
		{"error of fn wrapped", func() registrar.Store { return wrapping{newSimple()} }, []string{"ErrorOfFn"}},
		{"stored in spite of the error", func() registrar.Store { return stubborn{newSimple()} }, []string{"ErrorOfFn"}},
		{"fn after the return", func() registrar.Store { return late{newSimple()} }, []string{"OneRunOfFnAtATime"}},
		{"a field lost", func() registrar.Store { return forgetful{newSimple()} }, []string{"EveryField"}},
		{"twice in All", func() registrar.Store { return repeating{newSimple()} }, []string{"AllYieldsEachOnce"}},
		{"All holds a lock", func() registrar.Store { return holding{newSimple()} }, []string{"AllHoldsNothing"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			checks := map[string]storetest.Check{}
			for name, check := range storetest.Checks() {
				checks[name] = check
			}
			for _, name := range tc.fails {
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
				defer cancel()
				require.Contains(t, checks, name)
				err := checks[name](ctx, tc.store())
				require.Error(t, err, name)
				t.Logf("%s: %v", name, err)
			}
		})
	}
}
