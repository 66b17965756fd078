package resolve

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/patchbay-sip/patchbay/sip"
)

const (
	// maxHops bounds the addresses that are tried for one request.
	maxHops = 16
	// maxName is the length of the longest name (RFC 1035 section 2.3.4).
	maxName = 253
)

// Errors.
var (
	// ErrUnsupported: the URI is neither sip nor sips, or its transport is none
	// that is implemented, or one that cannot be had with its scheme.
	ErrUnsupported = errors.New("resolve: no transport for this URI")
	// ErrNoAddress: the name has no address, or its domain says that it offers no
	// such service. Every other error of a lookup, a timeout for instance, may be
	// gone the next time.
	ErrNoAddress = errors.New("resolve: name has no address")
	// ErrBusy: too many calls wait for the name service already. A 503 with
	// Retry-After is the answer to whoever asked.
	ErrBusy = errors.New("resolve: too many lookups under way")
)

// A Resolver finds addresses. It may be used by several goroutines.
type Resolver struct {
	config
	lookups *lookups
	naptr   *cache[NAPTR]
	srv     *cache[SRV]
	addrs   []*cache[netip.Addr] // one a family, in order of preference
	failed  failures
}

// New makes a Resolver, on the system's name servers unless WithLookup says
// otherwise. Nothing is read or asked before the first lookup.
func New(opts ...Option) *Resolver {
	c := newConfig(opts)
	l := newLookups(c.timeout, c.maxWaiting)
	r := &Resolver{
		config:  c,
		lookups: l,
		naptr:   newCache(l, c.cacheSize, sortNAPTR, c.lookup.LookupNAPTR),
		srv:     newCache(l, c.cacheSize, sortSRV, c.lookup.LookupSRV),
		failed:  failures{lasts: c.failedFor, until: make(map[destination]time.Time)},
	}
	for _, family := range c.families {
		look := func(ctx context.Context, name string) (Answer[netip.Addr], error) {
			return c.lookup.LookupAddr(ctx, family, name)
		}
		r.addrs = append(r.addrs, newCache(l, c.cacheSize, nil, look))
	}
	return r
}

// Resolve returns the hops to try for u, in order; at most 16, and at least one
// unless there is an error: ErrUnsupported, ErrNoAddress, ErrBusy, one that
// matches net.ErrClosed after Close, or what the name service says, which
// errors.As finds; where that says nothing in time it matches
// context.DeadlineExceeded. The slice is the caller's.
//
// It blocks only for what has to be looked up: three times in a row at most
// (NAPTR, SRV, addresses), each for no longer than WithTimeout says. Where a
// part of the list has been found, it waits a quarter of a second for the rest.
func (r *Resolver) Resolve(ctx context.Context, u sip.URI) ([]sip.Hop, error) {
	t, ok := targetOf(u)
	if !ok {
		return nil, fmt.Errorf("%w: %s", ErrUnsupported, u)
	}
	return r.resolve(ctx, t)
}

// ResolveVia returns the hops to try for a response whose topmost Via is v, in
// order, by RFC 3263 section 5. That is the last resort: before it come the
// connection or the address that the request came from, for which nothing is
// looked up (RFC 3261 section 18.2.2, RFC 3581), and so received, rport and
// maddr are not looked at here. Errors are those of Resolve.
func (r *Resolver) ResolveVia(ctx context.Context, v sip.Via) ([]sip.Hop, error) {
	network, ok := network(false, v.Transport)
	if !ok || network == "" {
		return nil, fmt.Errorf("%w: %s", ErrUnsupported, v.Transport)
	}
	host := v.SentBy.Host
	return r.resolve(ctx, target{network: network, host: host, port: v.SentBy.Port, name: host})
}

// Numeric returns the one hop of a URI whose host (or maddr) is an address,
// without any lookup; ok is false for a name and for what Resolve calls
// unsupported. A transport that the URI leaves open is udp, for sips tls.
func Numeric(u sip.URI) (hop sip.Hop, ok bool) {
	t, ok := targetOf(u)
	if !ok {
		return sip.Hop{}, false
	}
	addr, ok := parseAddr(t.host)
	if !ok {
		return sip.Hop{}, false
	}
	return t.direct().hop(t, addr), true
}

// Failed tells that a hop did not answer: a transport error, a timeout of the
// transaction or a 503 (RFC 3263 section 4.3). For retryAfter, an hour at most,
// it stands at the end of each list that has it; 0 is the time of
// WithFailedFor. What is remembered is bounded, and dropped by itself.
func (r *Resolver) Failed(hop sip.Hop, retryAfter time.Duration) {
	r.failed.add(hop, retryAfter, time.Now())
}

// Close ends the lookups under way and waits for their goroutines. From then on
// only what needs none is found, and the error of all else matches
// net.ErrClosed. It returns nil, and may be called again.
func (r *Resolver) Close() error {
	r.lookups.close()
	return nil
}

// resolve finds the hops of a target.
func (r *Resolver) resolve(ctx context.Context, t target) ([]sip.Hop, error) {
	if !t.secure && !r.has("udp") {
		t.usual = r.networks[0]
	}
	if addr, ok := parseAddr(t.host); ok {
		return []sip.Hop{t.direct().hop(t, addr)}, nil
	}
	t.host = canonical(t.host)
	// Nothing is ever found below invalid (RFC 6761 section 6.4), and every WebSocket
	// client has its Contact there (RFC 7118 section 5.2.1).
	if len(t.host) > maxName || t.host == "invalid" || strings.HasSuffix(t.host, ".invalid") {
		return nil, fmt.Errorf("%w: %s", ErrNoAddress, t.host)
	}
	w := waiter{lookups: r.lookups, ctx: ctx, now: time.Now()}
	var buf [maxServers]server
	servers, err := r.servers(&w, t, buf[:0])
	if len(servers) == 0 {
		return nil, err
	}
	hops, failed := r.hops(&w, t, servers)
	if len(hops) == 0 {
		// What could not be asked may have been the better way.
		if err == nil {
			err = failed
		}
		return nil, err
	}
	r.failed.sort(hops, w.now)
	return hops, nil
}

// canonical is how names are compared.
func canonical(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }
