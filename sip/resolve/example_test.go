package resolve_test

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/resolve"
)

func ExampleNew() {
	r := resolve.New(resolve.WithHosts(map[string][]netip.Addr{
		"example.com": {netip.MustParseAddr("192.0.2.7")},
	}))
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

// fixed is a name service of one's own.
type fixed struct{ addr netip.Addr }

func (f fixed) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	return []netip.Addr{f.addr}, nil
}

func ExampleLookup() {
	r := resolve.New(resolve.WithLookup(fixed{netip.MustParseAddr("2001:db8::7")}))
	hops, err := r.Resolve(context.Background(), sip.MustParseURI("sip:bob@example.com:5080"))
	fmt.Println(hops[0].Addr, err)
	// Output: [2001:db8::7]:5080 <nil>
}
