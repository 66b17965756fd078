package resolve_test

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/resolve"
)

func BenchmarkNumeric(b *testing.B) {
	u := sip.MustParseURI("sip:bob@192.0.2.4:5080;transport=tcp")
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := resolve.Numeric(u); !ok {
			b.Fatal("no hop")
		}
	}
}

func BenchmarkResolve(b *testing.B) {
	r := resolverOn(b, newZone(b, domains))
	static := resolve.New(resolve.WithHosts(map[string][]netip.Addr{"static.example": addrs("192.0.2.1")}))
	for _, bench := range []struct {
		name, uri string
		r         *resolve.Resolver
	}{
		{"numeric", "sip:bob@192.0.2.4:5080;transport=tcp", r},
		{"static", "sip:bob@static.example", static},
		{"address", "sip:bob@plain.test:5060", r},
		{"no-records", "sip:bob@plain.test", r}, // neither NAPTR nor SRV
		{"naptr", "sip:bob@example.com", r},
	} {
		b.Run(bench.name, func(b *testing.B) {
			u := sip.MustParseURI(bench.uri)
			hops, err := bench.r.Resolve(b.Context(), u)
			require.NoError(b, err)
			require.NotEmpty(b, hops)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := bench.r.Resolve(b.Context(), u); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("parallel", func(b *testing.B) {
		u := sip.MustParseURI("sip:bob@example.com")
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if _, err := r.Resolve(b.Context(), u); err != nil {
					b.Fatal(err)
				}
			}
		})
	})
}

func TestAllocations(t *testing.T) {
	r := resolverOn(t, newZone(t, domains))
	for uri, want := range map[string]float64{"sip:192.0.2.4": 1, "sip:example.com": 1, "sip:plain.test": 1} {
		u := sip.MustParseURI(uri)
		_, err := r.Resolve(t.Context(), u)
		require.NoError(t, err)
		require.LessOrEqual(t, testing.AllocsPerRun(100, func() { r.Resolve(t.Context(), u) }), want, uri)
	}
	u := sip.MustParseURI("sip:192.0.2.4")
	require.Zero(t, testing.AllocsPerRun(100, func() { resolve.Numeric(u) }))
}
