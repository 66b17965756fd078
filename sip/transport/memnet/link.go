package memnet

import (
	"hash/fnv"
	"math/rand/v2"
	"net/netip"
	"time"
)

// link is one direction between two addresses. It draws its own random
// numbers, so that the fate of its nth datagram does not depend on what goes
// on elsewhere.
type link struct {
	cfg *config
	rng *rand.Rand
}

func newLink(cfg *config, network string, from, to netip.AddrPort) *link {
	h := fnv.New64a()
	for _, s := range []string{network, from.String(), to.String()} {
		h.Write([]byte(s)) // never fails
		h.Write([]byte{0})
	}
	return &link{cfg: cfg, rng: rand.New(rand.NewPCG(cfg.seed, h.Sum64()))}
}

// delay draws how long the next datagram or segment is under way.
func (l *link) delay() time.Duration {
	d := l.cfg.delay
	if l.cfg.jitter > 0 {
		d += time.Duration(l.rng.Int64N(int64(l.cfg.jitter)))
	}
	return d
}

// fate draws what becomes of a datagram: how many copies arrive, and when.
// Each datagram draws the same numbers whatever comes of it.
func (l *link) fate() (delays [2]time.Duration, copies int) {
	lost := l.rng.Float64() < l.cfg.loss
	twice := l.rng.Float64() < l.cfg.duplicate
	delays = [2]time.Duration{l.delay(), l.delay()}
	switch {
	case lost:
		return delays, 0
	case twice:
		return delays, 2
	}
	return delays, 1
}
