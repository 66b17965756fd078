package resolve_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/resolve"
)

func hop(network, addr, name string) sip.Hop {
	return sip.Hop{Network: network, Addr: netip.MustParseAddrPort(addr), ServerName: name}
}

func addrs(list ...string) (as []netip.Addr) {
	for _, a := range list {
		as = append(as, netip.MustParseAddr(a))
	}
	return as
}

// RFC 3263 sections 4.1 and 4.2.
func TestNumeric(t *testing.T) {
	for _, tc := range []struct {
		uri  string
		want sip.Hop // zero: no numeric URI
	}{
		{"sip:bob@192.0.2.4", hop("udp", "192.0.2.4:5060", "")},
		{"sip:192.0.2.4:5080", hop("udp", "192.0.2.4:5080", "")},
		{"sip:bob@[2001:db8::1]", hop("udp", "[2001:db8::1]:5060", "")},
		{"sip:[2001:db8::1]:5080;transport=tcp", hop("tcp", "[2001:db8::1]:5080", "")},
		{"sip:[::ffff:192.0.2.4]", hop("udp", "192.0.2.4:5060", "")},
		{"sip:192.0.2.4;transport=UDP", hop("udp", "192.0.2.4:5060", "")},
		{"sip:192.0.2.4;transport=TCP", hop("tcp", "192.0.2.4:5060", "")},
		{"sip:192.0.2.4;transport=tls", hop("tls", "192.0.2.4:5061", "192.0.2.4")},
		{"sip:192.0.2.4;transport=ws", hop("ws", "192.0.2.4:80", "")},
		{"sip:192.0.2.4;transport=wss", hop("wss", "192.0.2.4:443", "192.0.2.4")},
		{"sips:192.0.2.4", hop("tls", "192.0.2.4:5061", "192.0.2.4")},
		{"sips:192.0.2.4:5062;transport=tcp", hop("tls", "192.0.2.4:5062", "192.0.2.4")},
		{"sips:192.0.2.4;transport=ws", hop("wss", "192.0.2.4:443", "192.0.2.4")},
		{"sip:example.com;maddr=192.0.2.7", hop("udp", "192.0.2.7:5060", "")},
		{"sip:192.0.2.4:5080;maddr=192.0.2.7", hop("udp", "192.0.2.7:5080", "")},
		{"sip:example.com;maddr=[2001:db8::2];transport=tcp", hop("tcp", "[2001:db8::2]:5060", "")},
		{"sips:example.com;maddr=192.0.2.7", hop("tls", "192.0.2.7:5061", "example.com")},

		{"sip:example.com", sip.Hop{}},
		{"sip:192.0.2.4;maddr=example.com", sip.Hop{}},
		{"sips:192.0.2.4;transport=udp", sip.Hop{}},
		{"sip:192.0.2.4;transport=sctp", sip.Hop{}},
		{"tel:+12015550123", sip.Hop{}},
		{"http://192.0.2.4/", sip.Hop{}},
	} {
		t.Run(tc.uri, func(t *testing.T) {
			u := sip.MustParseURI(tc.uri)
			got, ok := resolve.Numeric(u)
			require.Equal(t, tc.want, got)
			require.Equal(t, tc.want != sip.Hop{}, ok)
			if ok {
				hops, err := resolve.New(resolve.WithLookup(nil)).Resolve(t.Context(), u)
				require.NoError(t, err, "without any lookup")
				require.Equal(t, []sip.Hop{tc.want}, hops)
			}
		})
	}
}

// names is a name service of fixed answers.
type names map[string]func(ctx context.Context) ([]netip.Addr, error)

func (n names) LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error) {
	if f := n[host]; f != nil && network == "ip" {
		return f(ctx)
	}
	return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
}

func TestResolveNames(t *testing.T) {
	broken := errors.New("server failure")
	many := make([]netip.Addr, 40)
	for i := range many {
		many[i] = netip.AddrFrom4([4]byte{192, 0, 2, byte(i)})
	}
	r := resolve.New(resolve.WithLookup(names{
		"example.com": func(context.Context) ([]netip.Addr, error) { return addrs("2001:db8::1", "::ffff:192.0.2.1"), nil },
		"empty.com":   func(context.Context) ([]netip.Addr, error) { return nil, nil },
		"broken.com":  func(context.Context) ([]netip.Addr, error) { return nil, broken },
		"many.com":    func(context.Context) ([]netip.Addr, error) { return many, nil },
	}), resolve.WithHosts(map[string][]netip.Addr{"Static.Example.": addrs("192.0.2.9")}))

	for _, tc := range []struct {
		uri  string
		want []sip.Hop
		err  error
	}{
		{"sip:bob@example.com", []sip.Hop{hop("udp", "[2001:db8::1]:5060", ""), hop("udp", "192.0.2.1:5060", "")}, nil},
		{"sips:bob@example.com:5071", []sip.Hop{
			hop("tls", "[2001:db8::1]:5071", "example.com"), hop("tls", "192.0.2.1:5071", "example.com"),
		}, nil},
		{"sip:192.0.2.4;maddr=example.com;transport=tls", []sip.Hop{
			hop("tls", "[2001:db8::1]:5061", "192.0.2.4"), hop("tls", "192.0.2.1:5061", "192.0.2.4"),
		}, nil},
		{"sip:static.example;transport=tcp", []sip.Hop{hop("tcp", "192.0.2.9:5060", "")}, nil},
		{"sip:STATIC.EXAMPLE.", []sip.Hop{hop("udp", "192.0.2.9:5060", "")}, nil},
		{"sip:none.com", nil, resolve.ErrNoAddress},
		{"sip:empty.com", nil, resolve.ErrNoAddress},
		{"sip:broken.com", nil, broken},
		{"sip:df7jal23ls0d.invalid;transport=ws", nil, resolve.ErrNoAddress},
		{"sip:example.com;transport=sctp", nil, resolve.ErrUnsupported},
		{"sips:example.com;transport=udp", nil, resolve.ErrUnsupported},
		{"tel:+12015550123", nil, resolve.ErrUnsupported},
	} {
		t.Run(tc.uri, func(t *testing.T) {
			hops, err := r.Resolve(t.Context(), sip.MustParseURI(tc.uri))
			require.ErrorIs(t, err, tc.err)
			require.Equal(t, tc.want, hops)
		})
	}

	hops, err := r.Resolve(t.Context(), sip.MustParseURI("sip:many.com"))
	require.NoError(t, err)
	require.Len(t, hops, 16)
	_, err = r.Resolve(t.Context(), sip.MustParseURI("sip:none.com"))
	var dns *net.DNSError
	require.ErrorAs(t, err, &dns)
}

func TestResolveEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := resolve.New(resolve.WithTimeout(3*time.Second), resolve.WithLookup(names{
			"slow.com": func(ctx context.Context) ([]netip.Addr, error) {
				<-ctx.Done()
				return nil, ctx.Err()
			},
		}))
		begun := time.Now()
		_, err := r.Resolve(t.Context(), sip.MustParseURI("sip:slow.com"))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, 3*time.Second, time.Since(begun))

		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = r.Resolve(ctx, sip.MustParseURI("sip:slow.com"))
		require.ErrorIs(t, err, context.Canceled)
	})
}

func BenchmarkNumeric(b *testing.B) {
	u := sip.MustParseURI("sip:bob@192.0.2.4:5080;transport=tcp")
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := resolve.Numeric(u); !ok {
			b.Fatal("no hop")
		}
	}
}
