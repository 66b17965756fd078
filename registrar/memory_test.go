package registrar

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip"
)

// entries counts what a Memory holds, the dead included.
func (m *Memory) entries() (n int) {
	for i := range m.shards {
		n += len(m.shards[i].entries)
		if len(m.shards[i].index) != len(m.shards[i].entries) {
			panic("index and entries differ")
		}
	}
	if m.Len() != n {
		panic("Len is wrong")
	}
	return n
}

func user(n int) sip.AOR { return sip.AOR(fmt.Sprintf("sip:u%07d@example.com", n)) }

// one stores a single binding.
func (m *Memory) one(t testing.TB, aor sip.AOR, expires time.Time) {
	_, err := m.Update(context.Background(), aor, func([]Binding) ([]Binding, error) {
		return []Binding{{AOR: aor, Expires: expires}}, nil
	})
	require.NoError(t, err)
}

// Addresses-of-record that come once and are never seen again.
func TestMemoryStaysFlat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const rate, lifetime = 100, 60 // a second, seconds
		m := NewMemory()
		for second := range 20 * lifetime {
			for i := range rate {
				m.one(t, user(second*rate+i), time.Now().Add(lifetime*time.Second))
			}
			time.Sleep(time.Second)
		}
		require.Less(t, m.entries(), rate*lifetime*3/2)
		n := 0
		for range m.All(t.Context()) {
			n++
		}
		require.Equal(t, rate*(lifetime-1), n)
	})
}

// Removing moves entries about; each must be found all the same.
func TestMemoryFindsWhatHasMoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 5000
		m := NewMemory()
		for i := range n {
			expires := time.Now().Add(time.Hour)
			if i%3 == 0 {
				expires = time.Now().Add(time.Second)
			}
			m.one(t, user(i), expires)
		}
		time.Sleep(time.Second)
		for i := 1; i < n; i += 3 {
			_, err := m.Update(t.Context(), user(i), func([]Binding) ([]Binding, error) { return nil, nil })
			require.NoError(t, err)
		}
		for i := range n {
			found, err := m.Lookup(t.Context(), user(i))
			require.NoError(t, err)
			want := 0
			if i%3 == 2 {
				want = 1
			}
			require.Len(t, found, want, i)
			if want == 1 {
				require.Equal(t, user(i), found[0].AOR)
			}
		}
	})
}

func TestMemoryKeepsTheLongestLived(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMemory()
		_, err := m.Update(t.Context(), aliceAOR, func([]Binding) ([]Binding, error) {
			return []Binding{{AOR: aliceAOR, Expires: time.Now().Add(time.Second)}, {AOR: aliceAOR}}, nil
		})
		require.NoError(t, err)
		m.one(t, "sip:bob@example.com", time.Now().Add(100*24*time.Hour))
		time.Sleep(99 * 24 * time.Hour)
		for i := range 10_000 { // the hands go round
			m.one(t, user(i), time.Now().Add(time.Second))
		}
		for _, aor := range []sip.AOR{aliceAOR, "sip:bob@example.com"} {
			found, err := m.Lookup(t.Context(), aor)
			require.NoError(t, err)
			require.Len(t, found, 1)
		}
	})
}

// full is a Memory with n users of one binding each: AOR of 20 bytes, Contact of
// 40, Call-ID of 36. The AORs come back in an order that no cache foresees, as
// strings of their own, as requests would bring them.
func full(b *testing.B, n int) (*Memory, []sip.AOR) {
	b.Helper()
	m := NewMemory()
	aors := make([]sip.AOR, n)
	expires := time.Now().Add(24 * time.Hour)
	for i := range n {
		aor := sip.AOR(fmt.Sprintf("sip:u%07d@test.org", i))
		contact, err := sip.ParseURI(fmt.Sprintf("sip:u%07d@192.168.100.100:50600;x=yyyy", i))
		if err != nil {
			b.Fatal(err)
		}
		callID := fmt.Sprintf("%08d-0000-0000-0000-000000000000", i)
		if _, err := m.Update(b.Context(), aor, func([]Binding) ([]Binding, error) {
			return []Binding{{AOR: aor, Contact: contact, Q: sip.QMax, Expires: expires, CallID: callID, CSeq: 1, Updated: expires}}, nil
		}); err != nil {
			b.Fatal(err)
		}
	}
	for i, j := range rand.Perm(n) {
		aors[i] = sip.AOR(fmt.Sprintf("sip:u%07d@test.org", j))
	}
	runtime.GC()
	return m, aors
}

func BenchmarkMemoryLookup(b *testing.B) {
	for _, n := range []int{1000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			m, aors := full(b, n)
			ctx := b.Context()
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if found, err := m.Lookup(ctx, aors[i%n]); err != nil || len(found) != 1 {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkMemoryRefresh(b *testing.B) {
	for _, n := range []int{1000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			m, aors := full(b, n)
			ctx := b.Context()
			expires := time.Now().Add(time.Hour)
			refresh := func(old []Binding) ([]Binding, error) {
				old[0].CSeq++
				old[0].Expires = expires
				return old, nil
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if _, err := m.Update(ctx, aors[i%n], refresh); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkMemoryBytes tells what a binding costs.
func BenchmarkMemoryBytes(b *testing.B) {
	const n = 1_000_000
	for b.Loop() {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		m, aors := full(b, n)
		runtime.GC()
		runtime.ReadMemStats(&after)
		runtime.KeepAlive(m)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc-uint64(48*len(aors)))/n, "bytes/binding")
	}
}
