package registrar

import (
	"context"
	"iter"

	"github.com/patchbay-sip/patchbay/sip"
)

// A Store keeps bindings, atomically per address-of-record. Memory is one.
// Package storetest has a test that tells whether another one does all that is
// said here.
//
// A Store keeps what it is given and does not look at it, but for AOR and
// Expires: two bindings of an address-of-record may have the same Contact. It
// may keep times to the second, cutting off the rest, and bindings in any
// order. Their text is UTF-8 without control characters, of any other kind. A
// slice that it returns, or gives to fn, belongs to whoever gets it: no later
// call changes it, and changing it changes nothing in the Store; nor does
// changing the one that fn returned, once Update has.
//
// Methods are called by many goroutines at once. Expired bindings are never
// given out; when they are dropped is the Store's business.
type Store interface {
	// Update replaces the bindings of aor by what fn makes of them, and returns
	// what was stored. fn gets the bindings that have not expired, and returns
	// bindings of the same address-of-record; none of them removes it. fn may
	// run again on a conflict, one run after another, never after Update
	// returned. It is quick and does not use the Store, which may keep a
	// transaction open meanwhile.
	//
	// An error of fn comes back as it is, and then nothing is stored. A ctx that
	// has ended before is an error that matches its own, and nothing is stored;
	// such an error of a ctx that ends meanwhile means: outcome unknown. With
	// any other error, nothing is stored.
	Update(ctx context.Context, aor sip.AOR, fn func([]Binding) ([]Binding, error)) ([]Binding, error)
	// Lookup returns the bindings of aor that have not expired; none is no
	// error. A ctx that has ended is.
	Lookup(ctx context.Context, aor sip.AOR) ([]Binding, error)
	// All yields each binding that does not change meanwhile once, and others
	// once at most; no lock or connection is held across a yield. An error ends
	// it, with a zero Binding: ctx's, or one of the Store.
	All(ctx context.Context) iter.Seq2[Binding, error]
}

// A Counter is a Store that tells how much it holds, for WithMaxAddresses. Memory
// is one.
type Counter interface {
	// Len returns how many addresses-of-record have bindings, expired ones
	// included that have not been dropped yet. It does not block.
	Len() int
}
