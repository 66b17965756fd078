package resolve_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/resolve"
)

// RFC 3263 sections 4.1 and 4.2.
func TestNumeric(t *testing.T) {
	none := resolve.New(resolve.WithLookup(broken{errors.New("asked")}))
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
		{"sip:192.0.2.4.example.com", sip.Hop{}},
		{"sip:192.0.2.4;maddr=example.com", sip.Hop{}},
		{"sips:192.0.2.4;transport=udp", sip.Hop{}},
		{"sip:192.0.2.4;transport=sctp", sip.Hop{}},
		{"tel:+12015550123", sip.Hop{}},
		{"http://192.0.2.4/", sip.Hop{}},
	} {
		t.Run(tc.uri, func(t *testing.T) {
			got, ok := resolve.Numeric(sip.MustParseURI(tc.uri))
			require.Equal(t, tc.want, got)
			require.Equal(t, tc.want != sip.Hop{}, ok)
			if ok {
				found, err := find(t, none, tc.uri)
				require.NoError(t, err, "without any lookup")
				require.Equal(t, []sip.Hop{tc.want}, found)
			}
		})
	}
}

// broken is a name service that fails.
type broken struct{ err error }

func (b broken) LookupNAPTR(context.Context, string) (a resolve.Answer[resolve.NAPTR], err error) {
	return a, b.err
}

func (b broken) LookupSRV(context.Context, string) (a resolve.Answer[resolve.SRV], err error) {
	return a, b.err
}

func (b broken) LookupAddr(context.Context, resolve.Family, string) (a resolve.Answer[netip.Addr], err error) {
	return a, b.err
}

func TestNetworkWithoutUDP(t *testing.T) {
	r := resolve.New(resolve.WithNetworks("tcp", "tls"))
	for uri, want := range map[string]string{
		"sip:192.0.2.4":                 "tcp 192.0.2.4:5060",
		"sips:192.0.2.4":                "tls 192.0.2.4:5061 192.0.2.4",
		"sip:192.0.2.4;transport=udp":   "udp 192.0.2.4:5060", // as the URI has it
		"sip:192.0.2.4:5080":            "tcp 192.0.2.4:5080",
		"sip:a.example;maddr=192.0.2.4": "tcp 192.0.2.4:5060",
	} {
		found, err := find(t, r, uri)
		require.NoError(t, err, uri)
		require.Equal(t, hops(want), found, uri)
	}
}

func TestStaticHosts(t *testing.T) {
	failure := errors.New("server failure")
	r := resolve.New(resolve.WithLookup(broken{failure}), resolve.WithHosts(map[string][]netip.Addr{
		"Static.Example.": addrs("192.0.2.9", "2001:db8::9"),
	}))
	for uri, want := range map[string]string{
		"sip:static.example;transport=tcp":            "tcp 192.0.2.9:5060, tcp [2001:db8::9]:5060",
		"sip:STATIC.EXAMPLE.":                         "udp 192.0.2.9:5060, udp [2001:db8::9]:5060",
		"sips:static.example":                         "tls 192.0.2.9:5061 static.example, tls [2001:db8::9]:5061 static.example",
		"sips:other.example:5071;maddr=static.exampl": "",
	} {
		found, err := find(t, r, uri)
		if want == "" {
			require.ErrorIs(t, err, failure)
			continue
		}
		require.NoError(t, err, uri)
		require.Equal(t, hops(want), found, uri)
	}
}

func TestErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z := newZone(t, "example. 60 SOA ns. root. 1 1 1 1 60\nsip.example. 60 A 192.0.2.1")
		r := resolverOn(t, z)
		for uri, want := range map[string]error{
			"sip:none.example":                             resolve.ErrNoAddress,
			"sip:none.example:5060":                        resolve.ErrNoAddress,
			"sip:bad..name.example":                        resolve.ErrNoAddress,
			"sip:" + strings.Repeat("a.", 200) + "example": resolve.ErrNoAddress,
			"sip:df7jal23ls0d.invalid;transport=ws":        resolve.ErrNoAddress,
			"sip:sip.example;transport=sctp":               resolve.ErrUnsupported,
			"sips:sip.example;transport=udp":               resolve.ErrUnsupported,
			"tel:+12015550123":                             resolve.ErrUnsupported,
			"sip:sip.example;transport=tls-sctp;lr":        resolve.ErrUnsupported,
			"sip:sip.example;transport=tcp;maddr=no":       resolve.ErrNoAddress,
		} {
			found, err := find(t, r, uri)
			require.ErrorIs(t, err, want, uri)
			require.Empty(t, found, uri)
		}
		require.Zero(t, z.count("df7jal23ls0d.invalid A")+z.count("bad..name.example A"))

		// A server that fails is not one that has nothing.
		z.handle(refuse(dns.RcodeServerFailure))
		_, err := find(t, r, "sip:other.example")
		require.Error(t, err)
		require.NotErrorIs(t, err, resolve.ErrNoAddress)
		require.ErrorContains(t, err, "SERVFAIL")
	})
}

// A server that does not answer costs no more than the deadlines, and the next
// call nothing; what is numeric, static or remembered does not notice.
func TestStalledServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z := newZone(t, "known.example. 600 A 192.0.2.1")
		r := resolverOn(t, z, resolve.WithTimeout(2*time.Second), resolve.WithMaxWaiting(8),
			resolve.WithHosts(map[string][]netip.Addr{"static.example": addrs("192.0.2.9")}))
		_, err := find(t, r, "sip:known.example:5060")
		require.NoError(t, err)
		z.handle(silent)

		begun := time.Now()
		results := make(chan error, 4)
		for range cap(results) {
			go func() {
				_, err := find(t, r, "sip:slow.example")
				results <- err
			}()
		}
		synctest.Wait()
		for _, uri := range []string{"sip:192.0.2.4", "sip:static.example", "sip:known.example:5060"} {
			_, err := find(t, r, uri)
			require.NoError(t, err, uri)
		}
		require.Zero(t, time.Since(begun))
		busy := 0
		for range cap(results) {
			if err := <-results; errors.Is(err, resolve.ErrBusy) {
				busy++
			} else {
				require.ErrorIs(t, err, context.DeadlineExceeded)
			}
		}
		require.Equal(t, 2, busy, "a quarter of eight may wait for one name")
		require.Equal(t, 6*time.Second, time.Since(begun), "NAPTR, SRV, addresses")

		// The last of these failures is remembered, and none is asked about again.
		asked := z.count("")
		_, err = find(t, r, "sip:slow.example:5060")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, asked, z.count(""))
		require.Equal(t, 6*time.Second, time.Since(begun))

		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = r.Resolve(ctx, sip.MustParseURI("sip:slower.example"))
		require.ErrorIs(t, err, context.Canceled)
	})
}

func TestMaxWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z := newZone(t, "")
		z.handle(silent)
		r := resolverOn(t, z, resolve.WithMaxWaiting(2), resolve.WithFamilies(resolve.IPv4),
			resolve.WithTimeout(2500*time.Millisecond))
		begun := time.Now()
		done := make(chan error, 2)
		for _, uri := range []string{"sip:a.example:5060", "sip:b.example:5060"} {
			go func() {
				_, err := find(t, r, uri)
				done <- err
			}()
		}
		synctest.Wait()
		_, err := find(t, r, "sip:c.example:5060")
		require.ErrorIs(t, err, resolve.ErrBusy)
		require.Zero(t, time.Since(begun))
		require.ErrorIs(t, <-done, context.DeadlineExceeded)
		require.ErrorIs(t, <-done, context.DeadlineExceeded)
		require.Equal(t, 2, z.count("a.example A"), "two rounds")
		require.Zero(t, z.count("c.example A"))
	})
}

func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z := newZone(t, "known.example. 600 A 192.0.2.1")
		r := resolverOn(t, z)
		_, err := find(t, r, "sip:known.example:5060")
		require.NoError(t, err)
		z.handle(silent)
		begun := time.Now()
		done := make(chan error)
		go func() {
			_, err := find(t, r, "sip:slow.example:5060")
			done <- err
		}()
		synctest.Wait()
		require.NoError(t, r.Close())
		require.ErrorIs(t, <-done, net.ErrClosed)
		require.Zero(t, time.Since(begun))
		_, err = find(t, r, "sip:other.example")
		require.ErrorIs(t, err, net.ErrClosed)
		for _, uri := range []string{"sip:192.0.2.4", "sip:known.example:5060"} {
			_, err = find(t, r, uri)
			require.NoError(t, err)
		}
	})
}
