package resolve

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"
)

// An Option sets something about a Resolver.
type Option func(*config)

type config struct {
	lookup     Lookup
	hosts      map[string][]netip.Addr
	networks   []string
	families   []Family
	timeout    time.Duration
	maxWaiting int
	cacheSize  int
	failedFor  time.Duration
	intN       func(int) int
}

func newConfig(opts []Option) config {
	c := config{
		networks:   []string{"udp", "tcp"},
		families:   []Family{IPv6, IPv4},
		timeout:    3 * time.Second,
		maxWaiting: 1000,
		cacheSize:  4096,
		failedFor:  30 * time.Second,
		intN:       rand.IntN,
	}
	for _, o := range opts {
		o(&c)
	}
	if c.lookup == nil {
		c.lookup = newSystem("/etc/resolv.conf", "/etc/hosts")
	}
	return c
}

// WithLookup sets the name service. By default names are looked for in
// /etc/hosts; then the name servers of /etc/resolv.conf are asked. Both files
// are read again when they change. Where there is no such name server, and for
// addresses of names like "host" and "host.local", net.DefaultResolver is asked,
// which knows search lists, but no NAPTR records.
func WithLookup(l Lookup) Option { return func(c *config) { c.lookup = l } }

// WithHosts sets addresses of names, in any case, that are then not looked up:
// not their NAPTR and SRV records either.
func WithHosts(hosts map[string][]netip.Addr) Option {
	own := make(map[string][]netip.Addr, len(hosts))
	for name, addrs := range hosts {
		own[canonical(name)] = slices.Clone(addrs)
	}
	return func(c *config) { c.hosts = own }
}

// WithNetworks sets the networks that this element has, the preferred one first:
// "udp", "tcp", "tls", "ws", "wss"; the default is udp, tcp. They decide where a
// URI leaves the transport open: of NAPTR records those for other networks are
// passed over, and without NAPTR records each network has its SRV records asked
// for. A transport that the URI or its scheme demands is used all the same.
func WithNetworks(networks ...string) Option {
	own := slices.Clone(networks)
	return func(c *config) {
		if len(own) > 0 {
			c.networks = own
		}
	}
}

// WithFamilies sets the kinds of addresses that this element can send to, the
// preferred one first; the default is IPv6, IPv4.
func WithFamilies(families ...Family) Option {
	own := slices.Compact(slices.Clone(families))
	own = own[:min(len(own), 2)] // there are no more
	return func(c *config) {
		if len(own) > 0 {
			c.families = own
		}
	}
}

// WithTimeout bounds each lookup; default 3 s. Resolve makes up to three in a row.
func WithTimeout(d time.Duration) Option { return func(c *config) { c.timeout = d } }

// WithMaxWaiting bounds the calls that wait for the name service at once, and
// the lookups that are under way; default 1,000 each. A quarter of it is the most
// that waits for one name. Past that it is ErrBusy.
func WithMaxWaiting(n int) Option { return func(c *config) { c.maxWaiting = n } }

// WithCacheSize bounds how many answers of each type of record are remembered;
// default 4,096. Past it those that end first make room, by sample.
func WithCacheSize(n int) Option { return func(c *config) { c.cacheSize = n } }

// WithFailedFor sets how long a hop that Failed was told of stands at the end of
// lists; default 30 s.
func WithFailedFor(d time.Duration) Option { return func(c *config) { c.failedFor = d } }

// WithRand sets what draws servers by their weights (RFC 2782): a function that
// returns a number from 0 to n-1, called by several goroutines at once. The
// default is math/rand/v2's IntN.
func WithRand(intN func(n int) int) Option { return func(c *config) { c.intN = intN } }
