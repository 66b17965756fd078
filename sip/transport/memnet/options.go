package memnet

import (
	"net/netip"
	"time"
)

// An Option sets something about a Network.
type Option func(*config)

type config struct {
	seed      uint64
	delay     time.Duration
	jitter    time.Duration
	loss      float64
	duplicate float64
	mtu       int
	queue     int
	filter    func(from, to netip.AddrPort, packet []byte) bool
}

const (
	defaultQueue = 1024
	// window is how much a stream holds that its reader has not yet read.
	window = 64 << 10
	// backlog is how many connections wait for Accept.
	backlog = 128
	// maxDatagram is the longest payload that UDP over IPv4 can carry.
	maxDatagram = 65507
)

// perfect tells that each datagram arrives at once, so that no random number
// needs to be drawn.
func (c *config) perfect() bool {
	return c.delay == 0 && c.jitter == 0 && c.loss == 0 && c.duplicate == 0
}

// WithSeed sets the seed of all that is random; the default is 0.
func WithSeed(seed uint64) Option { return func(c *config) { c.seed = seed } }

// WithDelay has each datagram, and each write to a stream, arrive d later. A
// Dial to a listener takes 2d.
func WithDelay(d time.Duration) Option { return func(c *config) { c.delay = max(d, 0) } }

// WithJitter adds up to d to each delay, evenly spread. Datagrams overtake one
// another by it; streams stay in order.
func WithJitter(d time.Duration) Option { return func(c *config) { c.jitter = max(d, 0) } }

// WithLoss has datagrams lost with probability p, 0 to 1. Streams lose nothing.
func WithLoss(p float64) Option { return func(c *config) { c.loss = p } }

// WithDuplication has datagrams arrive twice with probability p, 0 to 1.
func WithDuplication(p float64) Option { return func(c *config) { c.duplicate = p } }

// WithMTU has datagrams of more than n bytes of payload vanish, as they do on a
// path that loses fragments. Without it they may have 65,507 bytes, past which
// a write fails with EMSGSIZE.
func WithMTU(n int) Option { return func(c *config) { c.mtu = n } }

// WithQueue bounds the datagrams that wait in a socket to be read; what comes
// beyond is dropped, and counted. The default is 1,024.
func WithQueue(n int) Option { return func(c *config) { c.queue = max(n, 1) } }

// WithFilter has f asked about each datagram before anything else is done with
// it; false loses it. f runs on the writer's goroutine, perhaps on several at
// once, and must not keep the packet.
func WithFilter(f func(from, to netip.AddrPort, packet []byte) (deliver bool)) Option {
	return func(c *config) { c.filter = f }
}
