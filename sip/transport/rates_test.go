package transport

import (
	"encoding/binary"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestKindOf(t *testing.T) {
	for text, want := range map[string]kind{
		"SIP/2.0 200 OK\r\n":      following,
		"ACK sip:a SIP/2.0\r\n":   following,
		"BYE sip:a SIP/2.0":       following,
		"CANCEL sip:a SIP/2.0":    following,
		"PRACK sip:a SIP/2.0":     following,
		"UPDATE sip:a SIP/2.0":    following,
		"INFO sip:a SIP/2.0":      following,
		"INVITE sip:a SIP/2.0":    opening,
		"REGISTER sip:a SIP/2.0":  opening,
		"OPTIONS sip:a SIP/2.0":   opening,
		"NOTIFY sip:a SIP/2.0":    opening,
		"MESSAGE sip:a SIP/2.0":   opening,
		"SUBSCRIBE sip:a SIP/2.0": opening,
		"ACKNOWLEDGE x":           opening,
		"ack sip:a SIP/2.0":       opening,
		"SIP/2.0":                 following,
		"SIP/2.01 200 OK":         opening,
		"\xff\xfe":                opening,
		" ":                       opening,
		"":                        opening,
		"\x00\x01\x00\x00\x21\x12\xa4\x42" + strings.Repeat("x", 12): following, // STUN
	} {
		require.Equal(t, want, kindOf([]byte(text)), "%q", text)
	}
}

func TestHasToTag(t *testing.T) {
	for header, want := range map[string]bool{
		"To: <sip:bob@h>;tag=1":                       true,
		"t:<sip:bob@h>;x=y;TAG=1":                     true,
		"TO : \"b;tag\" <sip:bob@h> ; tag = 1":        true,
		"To: sip:bob@h;tag=1":                         true,
		"f: x\r\nto: <sip:bob@h>;tag=1":               true,
		"To: <sip:bob@h>":                             false,
		"To: <sip:bob@h;tag=1>":                       false,
		"To: <sip:bob@h>;tagged=1":                    false,
		"From: <sip:bob@h>;tag=1\r\nTo: <sip:a>":      false,
		"From: <sip:bob@h>;tag=1":                     false,
		"X: y\r\n\r\nTo: <sip:bob@h>;tag=1":           false, // the body
		"X: y\n\nTo: <sip:bob@h>;tag=1":               false,
		"Tool: <sip:bob@h>;tag=1\r\nX:":               false,
		strings.Repeat("X: y\r\n", 99) + "t: a;tag=1": true,
	} {
		require.Equal(t, want, hasToTag([]byte("INVITE sip:a SIP/2.0\r\n"+header+"\r\n\r\n")), "%q", header)
	}
	for _, text := range []string{"", "\n", "\r\n", "\xff\n\xff", "x\nTo"} {
		require.False(t, hasToTag([]byte(text)), "%q", text)
	}
}

var (
	anInvite   = []byte("INVITE sip:a SIP/2.0\r\nTo: <sip:a>\r\n\r\n")
	aReinvite  = []byte("INVITE sip:a SIP/2.0\r\nTo: <sip:a>;tag=1\r\n\r\n")
	aResponse  = []byte("SIP/2.0 200 OK\r\n\r\n")
	aSource    = netip.MustParseAddr("192.0.2.1")
	anotherOne = netip.MustParseAddr("192.0.2.2")
)

// taken counts how many of n messages are let through at once.
func taken(r *rates, from netip.Addr, text []byte, n int) (got int) {
	for range n {
		if r.take(from, text) {
			got++
		}
	}
	return got
}

func TestRates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRates(100, 50)
		require.Equal(t, 50, taken(r, aSource, anInvite, 1000))
		require.Equal(t, 50, taken(r, anotherOne, anInvite, 1000), "each for itself")

		// What is within dialogs has a reserve of its own, with an end.
		require.Equal(t, 400, taken(r, aSource, aResponse, 500))
		require.Zero(t, taken(r, aSource, aReinvite, 100))
		require.Equal(t, 400, taken(r, anotherOne, aReinvite, 500))

		time.Sleep(100 * time.Millisecond)
		require.Equal(t, 10, taken(r, aSource, anInvite, 1000))
		require.Equal(t, 80, taken(r, aSource, aReinvite, 1000))
		time.Sleep(time.Hour)
		require.Equal(t, 50, taken(r, aSource, anInvite, 1000), "no more than the burst is saved up")
		require.Equal(t, 400, taken(r, aSource, aResponse, 500))
	})
}

// TestRatesHold: over a long time it is the rate that counts.
func TestRatesHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, rate := range []int{1, 3, 500, 1 << 40} {
			r := newRates(rate, rate)
			got := 0
			for range 10_000 {
				got += taken(r, aSource, anInvite, 2)
				time.Sleep(time.Millisecond)
			}
			require.InDelta(t, min(20_000, 11*rate), got, 1, "rate %d", rate)
		}
	})
}

func TestRatesOfIPv6(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRates(10, 10)
		require.Equal(t, 10, taken(r, netip.MustParseAddr("2001:db8::1"), anInvite, 100))
		require.Zero(t, taken(r, netip.MustParseAddr("2001:db8::ffff:2%eth0"), anInvite, 100), "a /64 is one source")
		require.Equal(t, 10, taken(r, netip.MustParseAddr("2001:db8:0:1::1"), anInvite, 100))
		require.Equal(t, 10, taken(r, netip.MustParseAddr("::1"), anInvite, 100))
		require.Equal(t, 10, taken(r, netip.MustParseAddr("0.0.0.0"), anInvite, 100))
	})
}

// TestRatesBook: who has to wait for his turn waits for those in front.
func TestRatesBook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRates(10, 2)
		for _, want := range []int64{0, 0, 100, 200, 300} {
			require.Equal(t, want, r.book(aSource, anInvite).Milliseconds())
		}
		require.False(t, r.take(aSource, anInvite))
		require.Zero(t, r.book(aSource, aReinvite), "by the reserve")
		time.Sleep(time.Second)
		require.Zero(t, r.book(aSource, anInvite))
	})
}

// forged is the nth of many sources.
func forged(n int) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], 0x0b000000+uint32(n))
	return netip.AddrFrom4(b)
}

// TestRatesAreFlat: a million forged sources take no memory, do not make a
// flooding one forgotten, and keep nobody out.
func TestRatesAreFlat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inUse := func() int64 {
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			return int64(m.HeapAlloc)
		}
		empty := inUse()
		r := newRates(500, 500)
		before := inUse()
		require.Less(t, before-empty, int64(1<<20), "the table itself")
		flood, victim := 0, 0
		for i := range 1_000_000 {
			require.True(t, r.take(forged(i), anInvite))
			if i%10 == 0 { // 20,000 a second
				flood += taken(r, aSource, anInvite, 1)
				time.Sleep(50 * time.Microsecond)
			}
			if i%2000 == 0 { // 100 a second
				victim += taken(r, anotherOne, anInvite, 1)
			}
		}
		require.Equal(t, 500, victim)
		require.InDelta(t, 500+5*500, flood, 25)
		require.Less(t, inUse()-before, int64(1<<20))
		runtime.KeepAlive(r)
	})
}

// BenchmarkRates is what the check of a datagram costs.
func BenchmarkRates(b *testing.B) {
	text := []byte("INVITE sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\n" +
		"Max-Forwards: 70\r\nFrom: <sip:alice@example.com>;tag=1\r\nTo: <sip:bob@example.com>\r\n\r\n")
	list := make([]netip.Prefix, 1000)
	for i := range list {
		list[i] = netip.PrefixFrom(forged(i<<8), 16+i%8).Masked()
	}
	for name, s := range map[string]Sources{
		"off":         {},
		"within":      {Rate: 1e9},
		"over":        {Rate: 1},
		"1000 denied": {Rate: 1e9, Deny: list},
	} {
		b.Run(name, func(b *testing.B) {
			g, count := newGate(s), new(counters)
			b.ReportAllocs()
			for b.Loop() {
				g.takes(aSource, text, count)
			}
		})
	}
	b.Run("many", func(b *testing.B) {
		g, count := newGate(Sources{Rate: 500}), new(counters)
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			g.takes(forged(i&(1<<20-1)), text, count)
		}
	})
	b.Run("parallel", func(b *testing.B) {
		g, count := newGate(Sources{Rate: 500}), new(counters)
		b.ReportAllocs()
		b.RunParallel(func(p *testing.PB) {
			for p.Next() {
				g.takes(aSource, text, count)
			}
		})
	})
}
