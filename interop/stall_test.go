//go:build interop

package interop

import (
	"cmp"
	"slices"
	"testing"
	"time"
)

const (
	callRate     = 500 // calls a second
	slice        = 250 * time.Millisecond
	slicesEach   = 30
	rounds       = 3
	troubleGrows = 2 * time.Second // until buffers are full and lookups wait
)

// Calls through a proxy go on as if nothing were while other requests wait for a
// name server that is stalled, a peer that does not read, or one that accepts
// connections and stays silent.
//
// There are two proxies in this process, and the trouble is at one of them all
// the time. The calls go by one and the other in turn, for short slices of time,
// so that a noisy machine, the collector and the work that the trouble makes weigh
// on both; a reader or a worker that is held up is held up in one alone. What
// counts is the median of the slices, and one round out of three: noise comes and
// goes, and a stall does not.
func TestTroubleStaysAlone(t *testing.T) {
	for name, start := range map[string]func(t *testing.T) trouble{
		"stalled name server":     stalledNameServer,
		"peer that does not read": deafPeer,
		"silent peer":             silentPeer,
	} {
		t.Run(name, func(t *testing.T) {
			trouble := start(t)
			c := newCallers(t)
			control, troubled := startRelay(t, trouble.names), startRelay(t, trouble.names)
			trouble.begin(t, troubled)
			c.drive(control.addr, troubleGrows)
			c.drive(troubled.addr, troubleGrows)
			for round := 1; ; round++ {
				without, with := c.compare(control.addr, troubled.addr)
				t.Logf("%d calls/s, from INVITE to the answer of BYE: p50 %v and p99 %v without, p50 %v and p99 %v with a %s",
					callRate, without.p50, without.p99, with.p50, with.p99, name)
				// Twice, but for what the scheduler may make of it: who has a core keeps it
				// for a time slice of 10 ms. A stall is longer: half a second, until
				// something is sent again.
				most := max(2*without.p99, without.p99+10*time.Millisecond)
				if with.p99 <= most {
					break
				}
				if round == rounds {
					t.Fatalf("p99 is %v, and should be %v at most", with.p99, most)
				}
			}
			trouble.check(t, troubled)
		})
	}
}

// compare has calls made by way of two proxies in turn.
func (c *callers) compare(control, troubled string) (without, with quantiles) {
	var a, b []quantiles
	for range slicesEach {
		a = append(a, quantilesOf(c.drive(control, slice)))
		b = append(b, quantilesOf(c.drive(troubled, slice)))
	}
	return medians(a), medians(b)
}

// quantiles are of how long calls took.
type quantiles struct{ p50, p99 time.Duration }

func quantilesOf(took []time.Duration) quantiles {
	slices.Sort(took)
	return quantiles{took[len(took)/2].Round(time.Microsecond), took[len(took)*99/100].Round(time.Microsecond)}
}

// medians are what a slice that the machine disturbed does not change.
func medians(all []quantiles) quantiles {
	slices.SortFunc(all, func(a, b quantiles) int { return cmp.Compare(a.p50, b.p50) })
	p50 := all[len(all)/2].p50
	slices.SortFunc(all, func(a, b quantiles) int { return cmp.Compare(a.p99, b.p99) })
	return quantiles{p50, all[len(all)/2].p99}
}
