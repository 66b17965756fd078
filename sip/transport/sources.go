package transport

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// Sources says who may send to a transport, and how much. A source is an IPv4
// address, or the /64 that an IPv6 host can take its addresses from. Each
// transport counts for itself. A field that is zero takes the default.
//
// What is refused gets no answer, so that nobody can have one sent to somebody
// else. Stats count it by reason.
type Sources struct {
	// Allow lists who may send; everybody may if it is empty. Prefixes of IPv4
	// addresses hold for IPv4-mapped IPv6 addresses, too. An invalid prefix
	// matches nobody.
	Allow []netip.Prefix
	// Deny lists who may not, whatever Allow says.
	Deny []netip.Prefix
	// Unlimited lists for whom Rate and Conns do not hold: trunks, or a proxy or
	// web server in front, behind whose address are many.
	Unlimited []netip.Prefix

	// Rate is how many requests a second one source may send; the default is no
	// limit. What does not parse counts as a request, and so does an accepted
	// connection.
	//
	// Responses, requests within dialogs and the keep-alives of connections are
	// counted apart, and it may send eight times as many of them: they are cheaper
	// to take than to have sent again. What is in a dialog is told from the method and the To tag alone, so
	// that a source that lies is held to nine times Rate. On UDP a source can be
	// forged, and its Rate used up by somebody else.
	//
	// On UDP, what is too much is dropped, before it is parsed. On a connection it
	// waits, and the peer behind it: nothing is lost that TCP has acknowledged.
	Rate int
	// Burst is how many of them may come at once, by default those of one second.
	Burst int

	// Conns is how many connections that were accepted from one source may be
	// open at once (default 1,000). One beyond is closed as soon as it is
	// accepted.
	Conns int
	// AllConns is how many connections may be open at once in all (default
	// 20,000). One beyond is closed as soon as it is accepted, or not dialed. No
	// more than a quarter of them are dialed at once.
	AllConns int
}

const (
	defaultConns    = 1000
	defaultAllConns = 20000
)

// WithSources sets who may send, and how much.
func WithSources(s Sources) Option {
	return func(c *config) { c.sources = s }
}

// Why a connection is refused.
var (
	// ErrDenied tells that a source may not send, by WithSources.
	ErrDenied = errors.New("transport: source is denied")
	// ErrTooManyConns tells that a limit of WithSources is reached.
	ErrTooManyConns = errors.New("transport: too many connections")

	errOverSource = fmt.Errorf("%w from one source", ErrTooManyConns)
	errOverRate   = fmt.Errorf("%w from one source in a short time", ErrTooManyConns)
)

// gate is Sources at work.
type gate struct {
	allow, deny, unlimited prefixes
	rates                  *rates // nil: no limit
	conns, allConns        int
}

func newGate(s Sources) *gate {
	g := &gate{
		allow:     newPrefixes(s.Allow),
		deny:      newPrefixes(s.Deny),
		unlimited: newPrefixes(s.Unlimited),
		conns:     cmp.Or(max(s.Conns, 0), defaultConns),
		allConns:  cmp.Or(max(s.AllConns, 0), defaultAllConns),
	}
	if s.Rate > 0 {
		g.rates = newRates(s.Rate, cmp.Or(max(s.Burst, 0), s.Rate))
	}
	return g
}

// denies tells whether nothing is taken from an address.
func (g *gate) denies(from netip.Addr) bool {
	return g.deny.contain(from) || g.allow.listed && !g.allow.contain(from)
}

// takes tells whether a datagram may be looked at, and counts why not.
func (g *gate) takes(from netip.Addr, packet []byte, count *counters) bool {
	if g.denies(from) {
		count.denied.Add(1)
		return false
	}
	if g.rates == nil || isKeepAlive(packet) || g.unlimited.contain(from) || g.rates.take(from, packet) {
		return true
	}
	count.overRate.Add(1)
	return false
}

// connects tells why a connection from an address is not accepted.
func (g *gate) connects(from netip.Addr) error {
	switch {
	case g.denies(from):
		return ErrDenied
	case g.rates != nil && !g.unlimited.contain(from) && !g.rates.take(from, nil):
		return errOverRate
	}
	return nil
}

// delay is how long a message on a connection has to wait.
func (g *gate) delay(from netip.Addr, text []byte) time.Duration {
	if g.rates == nil || g.unlimited.contain(from) {
		return 0
	}
	return g.rates.book(from, text)
}

// prefixes is a set of them. A look into it costs one look into a map for each
// length of prefix that is there, however many there are of each.
type prefixes struct {
	listed   bool // there was something in the list
	set      map[netip.Prefix]struct{}
	of4, of6 []int // the lengths
}

func newPrefixes(list []netip.Prefix) prefixes {
	p := prefixes{listed: len(list) > 0, set: make(map[netip.Prefix]struct{}, len(list))}
	for _, prefix := range list {
		addr, bits := prefix.Addr(), prefix.Bits()
		if addr.Is4In6() && bits >= 96 {
			addr, bits = addr.Unmap(), bits-96
		}
		prefix, err := addr.Prefix(bits)
		if err != nil {
			continue
		}
		p.set[prefix] = struct{}{}
		lengths := &p.of6
		if addr.Is4() {
			lengths = &p.of4
		}
		if !slices.Contains(*lengths, bits) {
			*lengths = append(*lengths, bits)
		}
	}
	return p
}

// contain tells whether an address, which is not IPv4-mapped, is in one of them.
func (p *prefixes) contain(a netip.Addr) bool {
	lengths := p.of6
	if a.Is4() {
		lengths = p.of4
	}
	for _, bits := range lengths {
		prefix, _ := a.Prefix(bits) // bits is a length that its family has
		if _, ok := p.set[prefix]; ok {
			return true
		}
	}
	return false
}
