package resolve_test

import (
	"context"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/resolve"
)

func deadline(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// RFC 3263 section 4.3.
func TestFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := resolve.New(resolve.WithHosts(map[string][]netip.Addr{
			"a.example": addrs("192.0.2.1", "192.0.2.2", "192.0.2.3"),
		}))
		expect := func(uri string, want ...int) {
			t.Helper()
			found, err := find(t, r, uri)
			require.NoError(t, err)
			var got []int
			for _, h := range found {
				got = append(got, int(h.Addr.Addr().As4()[3]))
			}
			require.Equal(t, want, got)
		}
		first, second := hop("udp", "192.0.2.1:5060", ""), hop("udp", "192.0.2.2:5060", "")
		expect("sip:a.example", 1, 2, 3)
		r.Failed(first, 0)
		expect("sip:a.example", 2, 3, 1)
		expect("sip:a.example;transport=tcp", 1, 2, 3)
		expect("sip:a.example:5070", 1, 2, 3)
		r.Failed(second, time.Minute) // Retry-After
		expect("sip:a.example", 3, 1, 2)
		r.Failed(hop("udp", "192.0.2.3:5060", ""), 0)
		expect("sip:a.example", 1, 2, 3)

		time.Sleep(30 * time.Second)
		expect("sip:a.example", 1, 3, 2)
		time.Sleep(30 * time.Second)
		expect("sip:a.example", 1, 2, 3)

		r.Failed(first, 100*time.Hour)
		time.Sleep(time.Hour - 1)
		expect("sip:a.example", 2, 3, 1)
		time.Sleep(time.Nanosecond)
		expect("sip:a.example", 1, 2, 3)

		// A single hop is used, whatever was said of it.
		r.Failed(hop("udp", "192.0.2.9:5060", ""), 0)
		expect("sip:192.0.2.9", 9)
	})
}

// The table is bounded: many others push a hop out, the ones that end first
// before those that end last.
func TestFailedIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := resolve.New(resolve.WithFailedFor(time.Minute), resolve.WithHosts(map[string][]netip.Addr{
			"a.example": addrs("192.0.2.1", "192.0.2.2"),
		}))
		r.Failed(hop("udp", "192.0.2.1:5060", ""), time.Second)
		for i := range 100_000 {
			addr := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 5060)
			r.Failed(sip.Hop{Network: "udp", Addr: addr}, 0)
		}
		found, err := find(t, r, "sip:a.example")
		require.NoError(t, err)
		require.Equal(t, hops("udp 192.0.2.1:5060, udp 192.0.2.2:5060"), found)
	})
}
