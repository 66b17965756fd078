// Package resolve finds the addresses that a request for a SIP URI can be sent
// to.
//
// Covered: RFC 3263 section 4.1 and 4.2 for URIs with a numeric host, a port or
// a transport, and address records for every other name; maddr (RFC 3261
// section 19.1.1); ws and wss (RFC 7118).
//
// Not covered yet: NAPTR and SRV records, failover between servers (section
// 4.3), the way of a response (section 5).
package resolve

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/patchbay-sip/patchbay/sip"
)

// maxHops bounds the addresses of one name that are tried.
const maxHops = 16

// Errors.
var (
	// ErrUnsupported: the URI is neither sip nor sips, or its transport is none
	// that is implemented, or one that cannot be had with its scheme.
	ErrUnsupported = errors.New("resolve: no transport for this URI")
	// ErrNoAddress: the name has no address. Every other error of a lookup, a
	// timeout for instance, may be gone the next time.
	ErrNoAddress = errors.New("resolve: name has no address")
)

// A Lookup is a name service; *net.Resolver is one. It may be called by several
// goroutines at once.
type Lookup interface {
	// LookupNetIP returns the addresses of host, the preferred one first.
	// network is "ip". The end of ctx ends it. A name that is not there is a
	// *net.DNSError with IsNotFound, or no address.
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

var _ Lookup = (*net.Resolver)(nil)

// A Resolver finds addresses. It may be used by several goroutines.
type Resolver struct {
	config
}

// New makes a Resolver on the system's name service.
func New(opts ...Option) *Resolver {
	c := config{lookup: net.DefaultResolver, timeout: 5 * time.Second}
	for _, o := range opts {
		o(&c)
	}
	return &Resolver{c}
}

// An Option sets something about a Resolver.
type Option func(*config)

type config struct {
	lookup  Lookup
	hosts   map[string][]netip.Addr
	timeout time.Duration
}

// WithLookup sets the name service; default net.DefaultResolver.
func WithLookup(l Lookup) Option { return func(c *config) { c.lookup = l } }

// WithHosts sets addresses of names, in any case, that are then not looked up.
func WithHosts(hosts map[string][]netip.Addr) Option {
	own := make(map[string][]netip.Addr, len(hosts))
	for name, addrs := range hosts {
		own[canonical(name)] = append([]netip.Addr(nil), addrs...)
	}
	return func(c *config) { c.hosts = own }
}

// WithTimeout bounds each lookup; default 5 s.
func WithTimeout(d time.Duration) Option { return func(c *config) { c.timeout = d } }

// Resolve returns the hops to try for u, in order; at most 16, and at least one
// unless there is an error: ErrUnsupported, ErrNoAddress, or what the name
// service says, which errors.As finds. It blocks for as long as a lookup takes.
func (r *Resolver) Resolve(ctx context.Context, u sip.URI) ([]sip.Hop, error) {
	t, ok := targetOf(u)
	if !ok {
		return nil, fmt.Errorf("%w: %s", ErrUnsupported, u)
	}
	if addr, ok := parseAddr(t.host); ok {
		return []sip.Hop{t.hop(addr)}, nil
	}
	addrs, err := r.addresses(ctx, t.host)
	if err != nil {
		return nil, err
	}
	hops := make([]sip.Hop, 0, min(len(addrs), maxHops))
	for _, addr := range addrs[:min(len(addrs), maxHops)] {
		hops = append(hops, t.hop(addr))
	}
	return hops, nil
}

// Numeric returns the one hop of a URI whose host (or maddr) is an address,
// without any lookup; ok is false for a name and for what Resolve calls
// unsupported.
func Numeric(u sip.URI) (hop sip.Hop, ok bool) {
	t, ok := targetOf(u)
	if !ok {
		return sip.Hop{}, false
	}
	addr, ok := parseAddr(t.host)
	if !ok {
		return sip.Hop{}, false
	}
	return t.hop(addr), true
}

// addresses returns the addresses of a name.
func (r *Resolver) addresses(ctx context.Context, host string) ([]netip.Addr, error) {
	name := canonical(host)
	if addrs := r.hosts[name]; len(addrs) > 0 {
		return addrs, nil
	}
	// Nothing is ever found there (RFC 6761 section 6.4), and every WebSocket
	// client has its Contact there (RFC 7118 section 5.2.1).
	if name == "invalid" || strings.HasSuffix(name, ".invalid") {
		return nil, fmt.Errorf("%w: %s", ErrNoAddress, host)
	}
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	addrs, err := r.lookup.LookupNetIP(ctx, "ip", host)
	var notFound *net.DNSError
	switch {
	case errors.As(err, &notFound) && notFound.IsNotFound:
		return nil, fmt.Errorf("%w: %w", ErrNoAddress, err)
	case err != nil:
		return nil, fmt.Errorf("resolve: %w", err)
	case len(addrs) == 0:
		return nil, fmt.Errorf("%w: %s", ErrNoAddress, host)
	}
	return addrs, nil
}

// canonical is how names are compared.
func canonical(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }
