package storetest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"time"

	"github.com/patchbay-sip/patchbay/registrar"
	"github.com/patchbay-sip/patchbay/sip"
)

// binding makes a plain binding. n tells it from others; all calls with the same
// arguments make the same one.
func binding(aor sip.AOR, n int) registrar.Binding {
	return registrar.Binding{
		AOR:     aor,
		Contact: sip.NewURI(fmt.Sprintf("phone%d", n), "192.0.2.9", 5060),
		Q:       sip.QMax,
		Expires: time.Date(2199, 12, 31, 23, 59, n%60, 987654321, time.UTC),
		CallID:  fmt.Sprintf("call-%d@192.0.2.9", n),
		CSeq:    uint32(n),
		Updated: time.Date(1999, 1, 1, 0, 0, n%60, 123456789, time.UTC),
	}
}

// oddBindings have in each field what is hard to keep: quotes of every kind,
// wildcards, separators, letters of two to four bytes, the largest numbers.
func oddBindings(aor sip.AOR) ([]registrar.Binding, error) {
	const odd = `'; DROP TABLE x;-- "%_\` + "`" + `$1 ?,:|&<é漢𝄞`
	params, err := sip.ParseParams(`;+sip.instance="<urn:uuid:00000000-0000-1000-8000-000A95A0E128>"` +
		`;x="'; -- \" \\ %_é漢𝄞" ; flag ;Y=Z`)
	if err != nil {
		return nil, err
	}
	uri, err := sip.ParseURI("sip:o'neil%20%5F_%00@[2001:DB8::1]:5070;transport=TCP;x?Subject=a%22b&c='")
	if err != nil {
		return nil, err
	}
	full := registrar.Binding{
		AOR: aor, Contact: uri, Params: params, Q: 125,
		Expires: time.Now().Add(90 * time.Minute), CallID: odd + "@h", CSeq: math.MaxUint32,
		Flow: sip.Flow{
			Network: "tcp",
			Local:   netip.MustParseAddrPort("[2001:db8::7]:65535"),
			Remote:  netip.MustParseAddrPort("192.0.2.9:1"),
			ID:      math.MaxUint64,
		},
		UserAgent: odd, Updated: time.Now().Add(-time.Minute),
	}
	bare := registrar.Binding{
		AOR: aor, Contact: sip.MustParseURI("mailto:alice@example.com"),
		Expires: time.Now().Add(time.Hour), CallID: "1", Updated: time.Now(),
	}
	twin := full // the same contact over another flow
	twin.Q, twin.Flow.ID, twin.Flow.Network = 0, 1<<63, "wss"
	forever := bare
	forever.Contact, forever.Expires = sip.MustParseURI("tel:+1-201-555-0123;ext=7"), time.Time{}
	return []registrar.Binding{full, bare, twin, forever}, nil
}

// put stores exactly these bindings.
func put(ctx context.Context, s registrar.Store, aor sip.AOR, bindings ...registrar.Binding) ([]registrar.Binding, error) {
	return s.Update(ctx, aor, func([]registrar.Binding) ([]registrar.Binding, error) {
		return slices.Clone(bindings), nil
	})
}

// seen asks the store for the bindings of aor in each way there is.
func seen(ctx context.Context, s registrar.Store, aor sip.AOR) (map[string][]registrar.Binding, error) {
	ways := make(map[string][]registrar.Binding)
	var err error
	if ways["Lookup"], err = s.Lookup(ctx, aor); err != nil {
		return nil, fmt.Errorf("Lookup: %w", err)
	}
	errLook := errors.New("only looking")
	_, err = s.Update(ctx, aor, func(old []registrar.Binding) ([]registrar.Binding, error) {
		ways["fn of Update"] = slices.Clone(old)
		return nil, errLook
	})
	if err := failed("Update", err, errLook); err != nil {
		return nil, err
	}
	for b, err := range s.All(ctx) {
		if err != nil {
			return nil, fmt.Errorf("All: %w", err)
		}
		if b.AOR == aor {
			ways["All"] = append(ways["All"], b)
		}
	}
	return ways, nil
}

// holds tells whether the store gives out exactly these bindings for aor,
// whatever way it is asked.
func holds(ctx context.Context, s registrar.Store, aor sip.AOR, want ...registrar.Binding) error {
	ways, err := seen(ctx, s, aor)
	if err != nil {
		return err
	}
	for _, way := range []string{"Lookup", "fn of Update", "All"} {
		if err := same(ways[way], want); err != nil {
			return fmt.Errorf("%s: %w", way, err)
		}
	}
	return nil
}

// same compares bindings in any order.
func same(got, want []registrar.Binding) error {
	if len(got) != len(want) {
		return fmt.Errorf("%d bindings, want %d: got %s, want %s", len(got), len(want), names(got), names(want))
	}
	order := func(a, b registrar.Binding) int {
		return cmp.Or(cmp.Compare(a.Contact.String(), b.Contact.String()), cmp.Compare(a.Q, b.Q), cmp.Compare(a.CSeq, b.CSeq))
	}
	got, want = slices.SortedFunc(slices.Values(got), order), slices.SortedFunc(slices.Values(want), order)
	for i := range got {
		if field := differs(got[i], want[i]); field != "" {
			return fmt.Errorf("%s of %s is not what was stored:\n got %+v\nwant %+v", field, want[i].Contact, got[i], want[i])
		}
	}
	return nil
}

// differs names the first field in which two bindings differ.
func differs(got, want registrar.Binding) string {
	switch {
	case got.AOR != want.AOR:
		return "AOR"
	case got.Contact != want.Contact:
		return "Contact"
	case got.Params != want.Params:
		return "Params"
	case got.Q != want.Q:
		return "Q"
	case !sameTime(got.Expires, want.Expires):
		return "Expires"
	case got.CallID != want.CallID:
		return "CallID"
	case got.CSeq != want.CSeq:
		return "CSeq"
	case got.Flow != want.Flow:
		return "Flow"
	case got.UserAgent != want.UserAgent:
		return "UserAgent"
	case !sameTime(got.Updated, want.Updated):
		return "Updated"
	}
	return ""
}

// sameTime allows for times that are kept to the second.
func sameTime(got, want time.Time) bool {
	if got.IsZero() || want.IsZero() {
		return got.IsZero() == want.IsZero()
	}
	short := want.Sub(got)
	return 0 <= short && short < time.Second
}

// failed tells whether a call came to the error that it should come to.
func failed(call string, got, want error) error {
	switch {
	case errors.Is(got, want):
		return nil
	case got == nil:
		return fmt.Errorf("%s succeeded, want the error %q", call, want.Error())
	}
	return fmt.Errorf("%s: want the error %q, got: %w", call, want.Error(), got)
}

// names are the contacts of bindings, for errors.
func names(bindings []registrar.Binding) string {
	var list []string
	for _, b := range bindings {
		list = append(list, b.Contact.String())
	}
	return fmt.Sprint(list)
}
