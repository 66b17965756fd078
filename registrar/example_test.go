package registrar_test

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/patchbay-sip/patchbay/registrar"
	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/transaction"
)

func ExampleNew() {
	domains := sip.NewDomains("example.com", "192.0.2.7")
	reg := registrar.New(domains, registrar.NewMemory(),
		registrar.WithExpires(registrar.Expires{Min: 5 * time.Minute, Default: 30 * time.Minute}))

	mux := transaction.NewMux()
	mux.Handle(sip.REGISTER, reg)
	// transaction.New().Serve(ctx, mux, udp) answers REGISTER from now on, and a
	// proxy finds phones with reg.Targets.

	targets, err := reg.Targets(context.Background(), "sip:alice@example.com")
	fmt.Println(len(targets), err)
	// Output: 0 <nil>
}

func ExampleNewMemory() {
	const alice = sip.AOR("sip:alice@example.com")
	store := registrar.NewMemory()
	_, err := store.Update(context.Background(), alice, func(old []registrar.Binding) ([]registrar.Binding, error) {
		return append(old, registrar.Binding{
			AOR: alice, Contact: sip.MustParseURI("sip:reception@192.0.2.20"), Q: sip.QMax, // never expires
		}), nil
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	bindings, err := store.Lookup(context.Background(), alice)
	fmt.Println(bindings[0].Contact, err)
	// Output: sip:reception@192.0.2.20 <nil>
}

// A mapStore is about the shortest Store there is.
type mapStore struct {
	mu   sync.Mutex
	aors map[sip.AOR][]registrar.Binding
}

// live returns a copy without what has expired.
func live(bindings []registrar.Binding) []registrar.Binding {
	now := time.Now()
	return slices.DeleteFunc(slices.Clone(bindings), func(b registrar.Binding) bool { return b.Expired(now) })
}

func (s *mapStore) Update(ctx context.Context, aor sip.AOR, fn func([]registrar.Binding) ([]registrar.Binding, error)) ([]registrar.Binding, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	next, err := fn(live(s.aors[aor]))
	if err != nil {
		return nil, err
	}
	s.aors[aor] = live(next)
	return live(next), nil
}

func (s *mapStore) Lookup(ctx context.Context, aor sip.AOR) ([]registrar.Binding, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return live(s.aors[aor]), ctx.Err()
}

func (s *mapStore) All(ctx context.Context) iter.Seq2[registrar.Binding, error] {
	return func(yield func(registrar.Binding, error) bool) {
		s.mu.Lock()
		all := slices.Concat(slices.Collect(maps.Values(s.aors))...)
		s.mu.Unlock() // not held while the caller works
		if err := ctx.Err(); err != nil {
			yield(registrar.Binding{}, err)
			return
		}
		for _, b := range live(all) {
			if !yield(b, nil) {
				return
			}
		}
	}
}

func ExampleStore() {
	// storetest.Run tells whether a store keeps its promises.
	var store registrar.Store = &mapStore{aors: make(map[sip.AOR][]registrar.Binding)}

	reg := registrar.New(sip.NewDomains("example.com"), store)
	targets, err := reg.Targets(context.Background(), "sip:alice@example.com")
	fmt.Println(len(targets), err)
	// Output: 0 <nil>
}

// countedStore is a Store that is a Counter, too: it tells how much it holds.
type countedStore struct{ *mapStore }

// Len implements registrar.Counter.
func (s countedStore) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.aors)
}

// A server without passwords takes no more than 500 names.
func ExampleCounter() {
	store := countedStore{&mapStore{aors: make(map[sip.AOR][]registrar.Binding)}}
	_ = registrar.New(sip.NewDomains("example.com"), store, registrar.WithMaxAddresses(500))
	fmt.Println(store.Len())
	// Output: 0
}
