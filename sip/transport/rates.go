package transport

import (
	"bytes"
	"hash/maphash"
	"net/netip"
	"sync"
	"time"

	"github.com/patchbay-sip/patchbay/sip"
)

// kind is what a message is counted as.
type kind int

const (
	opening   kind = iota // a request that may open something, and garbage
	following             // a response, a request within a dialog, a keep-alive
	kinds
)

// reserve is how many times as many messages of the following kind a source may
// send. For each call that it makes it sends an ACK and a BYE, for each one that
// it gets about four responses; the rest is for what has to be sent again.
const reserve = 8

// The table has room for this many sources. Those that are not in it have sent
// nothing for a while, or far less than others.
const (
	rateSets = 4096
	rateWays = 8
)

// maxDepth bounds the burst: what is sent within an hour.
const maxDepth = time.Hour

// rates holds a token bucket for each source, in a table that does not grow.
//
// A bucket is told by when it will be full again (the generic cell rate
// algorithm): one that is full needs no place. A new source takes the place of
// the fullest bucket of the few that its hash leads to, so a flood of forged
// sources does not make the ones forgotten that are worth remembering; what is
// forgotten is let through. The hash has a seed, lest someone chooses whose
// place is taken.
type rates struct {
	seed  maphash.Seed
	start time.Time
	cost  [kinds]time.Duration // by which a message puts off when the bucket is full
	depth time.Duration        // how far off that may be
	sets  []rateSet
}

type rateSet struct {
	mu      sync.Mutex
	buckets [rateWays]bucket
}

type bucket struct {
	source uint64               // the hash of it
	full   [kinds]time.Duration // when it is, from rates.start on
}

// newRates makes a table of buckets that hold burst messages and get perSecond.
func newRates(perSecond, burst int) *rates {
	cost := max(time.Second/time.Duration(perSecond), reserve)
	return &rates{
		seed:  maphash.MakeSeed(),
		start: time.Now(),
		cost:  [kinds]time.Duration{opening: cost, following: cost / reserve},
		depth: cost * time.Duration(min(burst, int(maxDepth/cost))),
		sets:  make([]rateSet, rateSets),
	}
}

// take takes a token for a message, if there is one.
func (r *rates) take(from netip.Addr, text []byte) bool {
	source, now, k := r.hash(from), time.Since(r.start), kindOf(text)
	if r.spend(source, k, now, false) == 0 {
		return true
	}
	return k == opening && hasToTag(text) && r.spend(source, following, now, false) == 0
}

// book takes a token that may not be there yet, and tells how long to wait for
// it.
func (r *rates) book(from netip.Addr, text []byte) time.Duration {
	source, now, k := r.hash(from), time.Since(r.start), kindOf(text)
	if k == opening {
		if r.spend(source, k, now, false) == 0 {
			return 0
		}
		if hasToTag(text) {
			k = following
		}
	}
	return r.spend(source, k, now, true)
}

// spend takes a token from a bucket, if there is one or ahead is true. It tells
// how long it takes until that token is there.
func (r *rates) spend(source uint64, k kind, now time.Duration, ahead bool) time.Duration {
	set := &r.sets[source%rateSets]
	set.mu.Lock()
	defer set.mu.Unlock()
	b := set.find(source)
	full := max(b.full[k], now) + r.cost[k]
	wait := max(0, full-now-r.depth)
	if wait == 0 || ahead {
		b.full[k] = full
	}
	return wait
}

// find returns the bucket of a source: its own, or a new one in the place of the
// fullest.
func (s *rateSet) find(source uint64) *bucket {
	fullest := &s.buckets[0]
	for i := range s.buckets {
		b := &s.buckets[i]
		if b.source == source {
			return b
		}
		if b.worth() < fullest.worth() {
			fullest = b
		}
	}
	*fullest = bucket{source: source}
	return fullest
}

// worth is until when a bucket has to be remembered.
func (b *bucket) worth() time.Duration { return max(b.full[opening], b.full[following]) }

// hash tells sources apart, as source does.
func (r *rates) hash(from netip.Addr) uint64 {
	b := from.As16()
	if !from.Is4() {
		clear(b[8:])
	}
	return maphash.Bytes(r.seed, b[:])
}

// kindOf looks at the beginning of a message, or of what comes in its place.
func kindOf(text []byte) kind {
	if isSTUN(text) || len(text) > 0 && isKeepAlive(text) {
		return following // phones ask every half minute whether their NAT keeps them (RFC 5626 section 4.4.2)
	}
	word, _, _ := bytes.Cut(text[:min(len(text), maxWord)], []byte{' '})
	switch sip.Method(word) {
	case "SIP/2.0", sip.ACK, sip.BYE, sip.CANCEL, sip.PRACK, sip.UPDATE, sip.INFO:
		return following
	}
	return opening
}

const maxWord = len("SIP/2.0 ")

// hasToTag tells whether the header of a request seems to have a To tag, as all
// requests within dialogs have (RFC 3261 section 12.2.1.1).
func hasToTag(text []byte) bool {
	for line := range bytes.SplitSeq(text, []byte{'\n'}) {
		line = bytes.TrimRight(line, "\r")
		if len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte{':'})
		name = bytes.TrimRight(name, " \t")
		if bytes.EqualFold(name, []byte("To")) || bytes.EqualFold(name, []byte("t")) {
			return hasTag(value)
		}
	}
	return false
}

// hasTag tells whether there is a tag behind the address, which may have
// brackets or not.
func hasTag(address []byte) bool {
	_, params, ok := bytes.Cut(address, []byte{'>'})
	if !ok {
		params = address
	}
	for param := range bytes.SplitSeq(params, []byte{';'}) {
		name, _, _ := bytes.Cut(param, []byte{'='})
		if bytes.EqualFold(bytes.TrimSpace(name), []byte("tag")) {
			return true
		}
	}
	return false
}
