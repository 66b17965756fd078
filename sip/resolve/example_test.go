package resolve_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/resolve"
)

func ExampleNew() {
	r := resolve.New(
		resolve.WithNetworks("tls", "udp", "tcp"),
		resolve.WithFamilies(resolve.IPv4),
		resolve.WithHosts(map[string][]netip.Addr{
			"example.com": {netip.MustParseAddr("192.0.2.7")},
		}),
	)
	defer r.Close()
	hops, err := r.Resolve(context.Background(), sip.MustParseURI("sips:bob@example.com"))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, h := range hops {
		fmt.Println(h.Network, h.Addr, h.ServerName)
	}
	// Output: tls 192.0.2.7:5061 example.com
}

func ExampleNumeric() {
	hop, ok := resolve.Numeric(sip.MustParseURI("sip:bob@192.0.2.4;transport=tcp"))
	fmt.Println(hop.Network, hop.Addr, ok)
	// Output: tcp 192.0.2.4:5060 true
}

func ExampleNewClient() {
	client := resolve.NewClient(nil, netip.MustParseAddrPort("192.0.2.53:53"), netip.MustParseAddrPort("[2001:db8::53]:53"))
	r := resolve.New(resolve.WithLookup(client), resolve.WithTimeout(2*time.Second))
	defer r.Close()
	hops, err := r.Resolve(context.Background(), sip.MustParseURI("sip:bob@192.0.2.4")) // needs no server
	fmt.Println(hops[0].Addr, err)
	// Output: 192.0.2.4:5060 <nil>
}

// directory is a name service of one's own, which has the SRV records of one
// domain.
type directory struct{ addr netip.Addr }

func (directory) LookupNAPTR(context.Context, string) (a resolve.Answer[resolve.NAPTR], err error) {
	return a, nil
}

func (directory) LookupSRV(_ context.Context, name string) (a resolve.Answer[resolve.SRV], err error) {
	a.TTL = time.Hour
	if name == "_sip._tcp.example.com" {
		a.Records = []resolve.SRV{{Priority: 1, Port: 5080, Target: "edge.example.com"}}
	}
	return a, nil
}

func (d directory) LookupAddr(_ context.Context, f resolve.Family, name string) (a resolve.Answer[netip.Addr], err error) {
	a.TTL = time.Hour
	if f == resolve.IPv6 && name == "edge.example.com" {
		a.Records = []netip.Addr{d.addr}
	}
	return a, nil
}

func ExampleLookup() {
	r := resolve.New(resolve.WithLookup(directory{netip.MustParseAddr("2001:db8::7")}))
	defer r.Close()
	hops, err := r.Resolve(context.Background(), sip.MustParseURI("sip:bob@example.com"))
	fmt.Println(hops[0].Network, hops[0].Addr, err)
	// Output: tcp [2001:db8::7]:5080 <nil>
}

// stalled is a name service that keeps silent.
type stalled struct{}

func (stalled) LookupNAPTR(ctx context.Context, _ string) (a resolve.Answer[resolve.NAPTR], err error) {
	<-ctx.Done()
	return a, ctx.Err()
}

func (stalled) LookupSRV(ctx context.Context, _ string) (a resolve.Answer[resolve.SRV], err error) {
	<-ctx.Done()
	return a, ctx.Err()
}

func (stalled) LookupAddr(ctx context.Context, _ resolve.Family, _ string) (a resolve.Answer[netip.Addr], err error) {
	<-ctx.Done()
	return a, ctx.Err()
}

// While the name servers are silent, the hosts that were set and numeric ones are
// found as ever. All else takes up to three lookups in a row, and then fails.
func ExampleWithHosts() {
	r := resolve.New(
		resolve.WithLookup(stalled{}),
		resolve.WithTimeout(10*time.Millisecond),
		resolve.WithHosts(map[string][]netip.Addr{"gateway.example.com": {netip.MustParseAddr("192.0.2.8")}}),
	)
	defer r.Close()
	for _, uri := range []string{"sip:gateway.example.com", "sip:192.0.2.9;transport=tcp", "sip:example.org"} {
		hops, err := r.Resolve(context.Background(), sip.MustParseURI(uri))
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			fmt.Println("no answer from the name servers")
		case err != nil:
			fmt.Println(err)
		default:
			fmt.Println(hops[0].Network, hops[0].Addr)
		}
	}
	// Output:
	// udp 192.0.2.8:5060
	// tcp 192.0.2.9:5060
	// no answer from the name servers
}

func ExampleResolver_Failed() {
	r := resolve.New(resolve.WithHosts(map[string][]netip.Addr{
		"example.com": {netip.MustParseAddr("192.0.2.7"), netip.MustParseAddr("192.0.2.8")},
	}))
	defer r.Close()
	uri := sip.MustParseURI("sip:bob@example.com")
	hops, _ := r.Resolve(context.Background(), uri)
	r.Failed(hops[0], 0)
	hops, _ = r.Resolve(context.Background(), uri)
	fmt.Println(hops[0].Addr, hops[1].Addr)
	// Output: 192.0.2.8:5060 192.0.2.7:5060
}

func ExampleResolver_ResolveVia() {
	r := resolve.New()
	defer r.Close()
	via, _ := sip.ParseVia("SIP/2.0/TCP 192.0.2.4:5070;branch=z9hG4bK7")
	hops, err := r.ResolveVia(context.Background(), via)
	fmt.Println(hops[0].Network, hops[0].Addr, err)
	// Output: tcp 192.0.2.4:5070 <nil>
}
