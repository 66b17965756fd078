package resolve_test

import (
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/resolve"
	"github.com/patchbay-sip/patchbay/sip/transport/memnet"
)

// memory asks for uri at the given times after the first call, and expects each
// time the number of questions so far.
func memory(t *testing.T, text, uri, question string, times []time.Duration, want []int) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		z := newZone(t, text)
		r := resolverOn(t, z, resolve.WithFamilies(resolve.IPv4))
		begun := time.Now()
		var got []int
		for _, at := range times {
			time.Sleep(at - time.Since(begun))
			find(t, r, uri)
			got = append(got, z.count(question))
		}
		require.Equal(t, want, got)
	})
}

func TestTTL(t *testing.T) {
	const soa = "example. 600 SOA ns. root. 1 1 1 1 600\n"
	const second, hour = time.Second, time.Hour
	for _, tc := range []struct {
		name, text, uri, question string
		times                     []time.Duration
		want                      []int
	}{
		{
			"addresses", soa + "a.example. 60 A 192.0.2.1", "sip:a.example:5060", "a.example A",
			[]time.Duration{0, 60*second - 1, 60 * second, 119 * second, 120 * second}, []int{1, 1, 2, 2, 3},
		},
		{
			"services", soa + "a.example. 600 A 192.0.2.1\n_sip._udp.example. 60 SRV 1 1 5060 a.example.",
			"sip:example;transport=udp", "_sip._udp.example SRV",
			[]time.Duration{0, 59 * second, 60 * second}, []int{1, 1, 2},
		},
		{
			"the shortest of a set and its aliases",
			soa + "b.example. 60 A 192.0.2.1\nb.example. 70 A 192.0.2.2\na.example. 50 CNAME b.example.",
			"sip:a.example:5060", "a.example A",
			[]time.Duration{0, 49 * second, 50 * second}, []int{1, 1, 2},
		},
		{
			"zero is for now", soa + "a.example. 0 A 192.0.2.1", "sip:a.example:5060", "a.example A",
			[]time.Duration{0, 1, 2}, []int{1, 2, 3},
		},
		{
			"a day is the most", soa + "a.example. 2000000 A 192.0.2.1", "sip:a.example:5060", "a.example A",
			[]time.Duration{0, 24*hour - 1, 24 * hour}, []int{1, 1, 2},
		},
		{
			"RFC 2181: the highest bit is nonsense", soa + "a.example. 2147483648 A 192.0.2.1", "sip:a.example:5060", "a.example A",
			[]time.Duration{0, 1}, []int{1, 2},
		},
		{
			"RFC 2308: nothing, for as long as the zone says", "example. 600 SOA ns. root. 1 1 1 1 20",
			"sip:a.example:5060", "a.example A", []time.Duration{0, 19 * second, 20 * second}, []int{1, 1, 2},
		},
		{
			"and as long as it says that", "example. 15 SOA ns. root. 1 1 1 1 20",
			"sip:a.example:5060", "a.example A", []time.Duration{0, 14 * second, 15 * second}, []int{1, 1, 2},
		},
		{
			"nothing, for an hour at most", "example. 86400 SOA ns. root. 1 1 1 1 86400",
			"sip:a.example:5060", "a.example A", []time.Duration{0, hour - 1, hour}, []int{1, 1, 2},
		},
		{
			"nothing, by a server that does not say for how long", "",
			"sip:a.example:5060", "a.example A", []time.Duration{0, 9 * second, 10 * second}, []int{1, 1, 2},
		},
		{
			"nothing, by the SOA record of somebody else", "other. 600 SOA ns. root. 1 1 1 1 600",
			"sip:a.example:5060", "a.example A", []time.Duration{0, 9 * second, 10 * second}, []int{1, 1, 2},
		},
		{
			"no NAPTR", soa + "a.example. 600 A 192.0.2.1\n_sip._udp.example. 600 SRV 1 1 5060 a.example.",
			"sip:example", "example NAPTR", []time.Duration{0, 599 * second, 600 * second}, []int{1, 1, 2},
		},
	} {
		t.Run(tc.name, func(t *testing.T) { memory(t, tc.text, tc.uri, tc.question, tc.times, tc.want) })
	}
}

// What changed in the zone is seen when the TTL has passed.
func TestExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z := newZone(t, "a.example. 60 A 192.0.2.1")
		r := resolverOn(t, z)
		expect := func(want string) {
			found, err := find(t, r, "sip:a.example:5060")
			require.NoError(t, err)
			require.Equal(t, hops(want), found)
		}
		expect("udp 192.0.2.1:5060")
		z.set(t, "a.example. 60 A 192.0.2.2")
		expect("udp 192.0.2.1:5060")
		time.Sleep(time.Minute)
		expect("udp 192.0.2.2:5060")
	})
}

func TestFailureIsRememberedForLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z := newZone(t, "example. 600 SOA ns. root. 1 1 1 1 600\na.example. 1 A 192.0.2.1")
		fails := refuse(dns.RcodeServerFailure)
		z.handle(fails)
		r := resolverOn(t, z, resolve.WithFamilies(resolve.IPv4))
		asked := 0
		for _, seconds := range []int{5, 10, 20, 30, 30} {
			_, err := find(t, r, "sip:a.example:5060")
			require.Error(t, err)
			asked++
			require.Equal(t, asked, z.count(""))
			time.Sleep(time.Duration(seconds)*time.Second - time.Nanosecond)
			_, err = find(t, r, "sip:a.example:5060")
			require.Error(t, err)
			require.Equal(t, asked, z.count(""))
			time.Sleep(time.Nanosecond)
		}
		z.handle(nil)
		_, err := find(t, r, "sip:a.example:5060")
		require.NoError(t, err)
		z.handle(fails)
		time.Sleep(time.Second)
		_, err = find(t, r, "sip:a.example:5060")
		require.Error(t, err)
		time.Sleep(5 * time.Second)
		z.handle(nil)
		_, err = find(t, r, "sip:a.example:5060")
		require.NoError(t, err, "the count of failures began anew")
	})
}

func TestOneLookupForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z := newZone(t, domains)
		n := memnet.New(memnet.WithDelay(100 * time.Millisecond))
		serveOn(t, n, nameServer, z)
		r := resolve.New(resolve.WithLookup(resolve.NewClient(n.Dial, netip.MustParseAddrPort(nameServer))))
		defer r.Close()
		uri := sip.MustParseURI("sip:example.com")
		done := make(chan []sip.Hop)
		for range 100 {
			go func() {
				found, _ := r.Resolve(t.Context(), uri)
				done <- found
			}()
		}
		for range 100 {
			found := <-done
			require.Len(t, found, 3)
			clear(found) // it is the caller's own
		}
		require.Equal(t, 1+1+4, z.count(""), "NAPTR, SRV, two addresses of each of two")
		found, err := find(t, r, "sip:example.com")
		require.NoError(t, err)
		require.NotContains(t, found, sip.Hop{})
	})
}

// A caller that gives up does not end the lookup for others, nor for itself the
// next time.
func TestGivingUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z := newZone(t, "a.example. 60 A 192.0.2.1")
		n := memnet.New(memnet.WithDelay(100 * time.Millisecond))
		serveOn(t, n, nameServer, z)
		r := resolve.New(resolve.WithLookup(resolve.NewClient(n.Dial, netip.MustParseAddrPort(nameServer))))
		defer r.Close()
		_, err := r.Resolve(deadline(t, 50*time.Millisecond), sip.MustParseURI("sip:a.example:5060"))
		require.Error(t, err)
		time.Sleep(time.Second)
		begun := time.Now()
		_, err = find(t, r, "sip:a.example:5060")
		require.NoError(t, err)
		require.Zero(t, time.Since(begun))
	})
}

func TestCacheSize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		text := "example. 600 SOA ns. root. 1 1 1 1 600\n"
		for i := range 100 {
			text += fmt.Sprintf("h%d.example. %d A 192.0.2.1\n", i, 600+i)
		}
		z := newZone(t, text)
		r := resolverOn(t, z, resolve.WithCacheSize(4), resolve.WithFamilies(resolve.IPv4))
		for i := range 100 {
			_, err := find(t, r, fmt.Sprintf("sip:h%d.example:5060", i))
			require.NoError(t, err)
		}
		require.Equal(t, 100, z.count(""))
		// Those that end last are still there.
		for i := 96; i < 100; i++ {
			_, err := find(t, r, fmt.Sprintf("sip:h%d.example:5060", i))
			require.NoError(t, err)
		}
		require.Equal(t, 100, z.count(""))
		_, err := find(t, r, "sip:h0.example:5060")
		require.NoError(t, err)
		require.Equal(t, 101, z.count(""))
	})
}
