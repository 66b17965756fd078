package resolve_test

import (
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/resolve"
	"github.com/patchbay-sip/patchbay/sip/transport/memnet"
)

// A zone is what a name server of the tests knows, and what it was asked.
type zone struct {
	mu      sync.Mutex
	records []dns.RR
	asked   map[string]int // "name TYPE" over UDP, "tcp" for all others
	// instead, unless nil, may answer or keep silent; false leaves it to the zone.
	instead func(w dns.ResponseWriter, q *dns.Msg) bool
}

// newZone reads records as they stand in a zone file.
func newZone(t testing.TB, text string) *zone {
	z := &zone{asked: make(map[string]int)}
	z.set(t, text)
	return z
}

func (z *zone) set(t testing.TB, text string) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.records = nil
	p := dns.NewZoneParser(strings.NewReader(text), ".", "")
	for rr, ok := p.Next(); ok; rr, ok = p.Next() {
		z.records = append(z.records, rr)
	}
	require.NoError(t, p.Err())
}

// handle has f answer in the zone's stead.
func (z *zone) handle(f func(w dns.ResponseWriter, q *dns.Msg) bool) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.instead = f
}

// silent answers nothing.
func silent(dns.ResponseWriter, *dns.Msg) bool { return true }

// refuse answers with a code.
func refuse(code int) func(dns.ResponseWriter, *dns.Msg) bool {
	return func(w dns.ResponseWriter, q *dns.Msg) bool {
		w.WriteMsg(new(dns.Msg).SetRcode(q, code))
		return true
	}
}

// count returns how often a question was asked, and with "" how many over UDP.
func (z *zone) count(question string) (n int) {
	z.mu.Lock()
	defer z.mu.Unlock()
	if question != "" {
		return z.asked[question]
	}
	for q, times := range z.asked {
		if q != "tcp" {
			n += times
		}
	}
	return n
}

func (z *zone) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	name := q.Question[0].Name
	z.mu.Lock()
	if w.RemoteAddr().Network() == "tcp" {
		z.asked["tcp"]++
	} else {
		z.asked[strings.TrimSuffix(name, ".")+" "+dns.TypeToString[q.Question[0].Qtype]]++
	}
	instead := z.instead
	z.mu.Unlock()
	if instead == nil || !instead(w, q) {
		m := z.answer(q)
		if w.RemoteAddr().Network() == "udp" {
			m.Truncate(int(q.IsEdns0().UDPSize()))
		}
		w.WriteMsg(m)
	}
}

// answer is that of a recursive server: aliases are followed, and a negative
// answer has the SOA record of its zone.
func (z *zone) answer(q *dns.Msg) *dns.Msg {
	z.mu.Lock()
	defer z.mu.Unlock()
	m := new(dns.Msg).SetReply(q)
	name := q.Question[0].Name
	for alias := true; alias; {
		alias = false
		for _, rr := range z.records {
			switch h := rr.Header(); {
			case !strings.EqualFold(h.Name, name):
			case h.Rrtype == q.Question[0].Qtype:
				m.Answer = append(m.Answer, rr)
			case h.Rrtype == dns.TypeCNAME && len(m.Answer) < 20:
				m.Answer = append(m.Answer, rr)
				name, alias = rr.(*dns.CNAME).Target, true
			}
		}
	}
	if len(m.Answer) > 0 {
		return m
	}
	m.Rcode = dns.RcodeNameError
	for _, rr := range z.records {
		if rr.Header().Rrtype == dns.TypeSOA && dns.IsSubDomain(rr.Header().Name, name) {
			m.Ns = append(m.Ns, rr)
		}
	}
	return m
}

// serveOn answers from a zone at an address of a network in memory, over UDP and
// TCP.
func serveOn(t testing.TB, n *memnet.Network, addr string, z *zone) {
	pc, err := n.ListenPacket(addr)
	require.NoError(t, err)
	l, err := n.Listen(addr)
	require.NoError(t, err)
	serve(t, pc, l, z)
}

func serve(t testing.TB, pc net.PacketConn, l net.Listener, z *zone) {
	for _, s := range []*dns.Server{{PacketConn: pc, Handler: z}, {Listener: l, Handler: z}} {
		up, down := make(chan struct{}), make(chan error, 1)
		s.NotifyStartedFunc = func() { close(up) }
		go func() { down <- s.ActivateAndServe() }()
		<-up
		t.Cleanup(func() {
			s.Shutdown()
			<-down
		})
	}
}

const nameServer = "192.0.2.53:53"

// resolverOn makes a Resolver whose name server, in memory, has a zone.
func resolverOn(t testing.TB, z *zone, opts ...resolve.Option) *resolve.Resolver {
	n := memnet.New()
	serveOn(t, n, nameServer, z)
	client := resolve.NewClient(n.Dial, netip.MustParseAddrPort(nameServer))
	r := resolve.New(append([]resolve.Option{resolve.WithLookup(client)}, opts...)...)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	return r
}

func hop(network, addr, name string) sip.Hop {
	return sip.Hop{Network: network, Addr: netip.MustParseAddrPort(addr), ServerName: name}
}

func addrs(list ...string) (as []netip.Addr) {
	for _, a := range list {
		as = append(as, netip.MustParseAddr(a))
	}
	return as
}

// hops reads "udp 192.0.2.1:5060, tls 192.0.2.2:5061 example.com".
func hops(text string) (list []sip.Hop) {
	for h := range strings.SplitSeq(text, ", ") {
		f := append(strings.Fields(h), "")
		list = append(list, hop(f[0], f[1], f[2]))
	}
	return list
}

// find resolves a URI.
func find(t testing.TB, r *resolve.Resolver, uri string) ([]sip.Hop, error) {
	return r.Resolve(t.Context(), sip.MustParseURI(uri))
}
