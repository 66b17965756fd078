// Package storetest tests whether a registrar.Store does what the interface
// promises.
//
// It covers what registrar.Store says and nothing else: how long a call may
// take, what survives a restart and what happens when a database is down are
// for the tests of the store itself.
package storetest

import (
	"context"
	"iter"
	"slices"
	"testing"
	"time"

	"github.com/patchbay-sip/patchbay/registrar"
)

// limit is how long one check may take. Most take milliseconds.
const limit = time.Minute

// A Check looks at one promise of a store, which is empty when it begins. The
// error says what the store did and what it should have done.
type Check func(ctx context.Context, s registrar.Store) error

// Run runs each check as a subtest, on a store of its own from newStore, which
// may use t.Cleanup to close it.
func Run(t *testing.T, newStore func(t *testing.T) registrar.Store) {
	t.Helper()
	for name, check := range Checks() {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			if err := check(ctx, newStore(t)); err != nil {
				t.Error(err)
			}
		})
	}
}

// Checks yields the checks with their names, in the order of Run. They can be
// run in a testing/synctest bubble, where there are no subtests, if the store
// can.
func Checks() iter.Seq2[string, Check] {
	return func(yield func(string, Check) bool) {
		for _, c := range slices.Concat(contentChecks(), concurrencyChecks(), listChecks()) {
			if !yield(c.name, c.check) {
				return
			}
		}
	}
}

type named struct {
	name  string
	check Check
}
