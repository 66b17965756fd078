package resolve_test

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/resolve"
	"github.com/patchbay-sip/patchbay/sip/transport"
	"github.com/patchbay-sip/patchbay/sip/transport/memnet"
	"github.com/patchbay-sip/patchbay/transaction"
)

// endpointOn serves a handler over UDP and TCP until the test ends.
func endpointOn(t *testing.T, n *memnet.Network, addr string, h transaction.Handler, opts ...transaction.Option) *transaction.Endpoint {
	pc, err := n.ListenPacket(addr)
	require.NoError(t, err)
	l, err := n.Listen(addr)
	require.NoError(t, err)
	tcp := transport.NewTCP(l, transport.WithDialer(n.Dialer(netip.MustParseAddrPort(addr).Addr())))
	ep := transaction.New(opts...)
	served := make(chan error, 1)
	go func() { served <- ep.Serve(context.Background(), h, transport.NewUDP(pc), tcp) }()
	t.Cleanup(func() {
		require.NoError(t, ep.Close())
		require.ErrorIs(t, <-served, net.ErrClosed)
	})
	return ep
}

// handler answers every request with what edit makes of a 200.
func handler(edit func(*sip.Response)) transaction.Handler {
	return transaction.HandlerFunc(func(_ context.Context, req *sip.Request, tx *transaction.ServerTx) error {
		resp := sip.NewResponse(req, 200)
		edit(resp)
		return tx.Respond(resp)
	})
}

// The whole of RFC 3263 section 4.3, with requests: a domain has two servers that
// are of no use and one that is. What failed is remembered for the next request,
// and a zone that changed is seen once its TTL has passed.
func TestRequestsFindTheLiveServer(t *testing.T) {
	const records = `$TTL 100
example. SOA ns. root. 1 1 1 1 60
example. NAPTR 10 10 "s" "SIP+D2T" "" _sip._tcp.example.
example. NAPTR 20 10 "s" "SIP+D2U" "" _sip._udp.example.
_sip._tcp.example. SRV 1 0 5060 dead.example.
_sip._tcp.example. SRV 2 0 5060 deaf.example.
_sip._tcp.example. SRV 3 0 5060 live.example.
other. SOA ns. root. 1 1 1 1 60
other. NAPTR 10 10 "s" "SIP+D2U" "" _sip._udp.other.
_sip._udp.other. SRV 1 0 5060 dead.example.
_sip._udp.other. SRV 2 0 5060 busy.example.
_sip._udp.other. SRV 3 0 5060 live.example.
dead.example. A 192.0.2.1
deaf.example. A 192.0.2.2
busy.example. A 192.0.2.3
live.example. A 192.0.2.4
`
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		z := newZone(t, records)
		serveOn(t, n, nameServer, z)
		names := resolve.New(resolve.WithNetworks("tcp", "udp"), resolve.WithFamilies(resolve.IPv4),
			resolve.WithLookup(resolve.NewClient(n.Dial, netip.MustParseAddrPort(nameServer))))
		t.Cleanup(func() { require.NoError(t, names.Close()) })
		deaf, err := n.Listen("192.0.2.2:5060") // accepts, and says nothing
		require.NoError(t, err)
		defer deaf.Close()
		asked := 0
		endpointOn(t, n, "192.0.2.3:5060", handler(func(resp *sip.Response) {
			asked++
			resp.StatusCode = 503
			resp.Set("Retry-After", "3600")
		}))
		endpointOn(t, n, "192.0.2.4:5060", handler(func(*sip.Response) {}))
		endpointOn(t, n, "192.0.2.5:5060", handler(func(resp *sip.Response) { resp.StatusCode = 202 }))
		client := endpointOn(t, n, "192.0.2.9:5060", nil, transaction.WithResolver(names))

		began := time.Now()
		ask := func(uri string, code int, after time.Duration) {
			t.Helper()
			began := time.Now()
			u := sip.MustParseURI(uri)
			req := sip.NewRequest(sip.OPTIONS, u, sip.Address{URI: u}, sip.Address{URI: u})
			resp, err := client.Do(t.Context(), req, sip.Target{})
			require.NoError(t, err)
			require.Equal(t, code, resp.StatusCode)
			require.InDelta(t, after, time.Since(began), float64(50*time.Millisecond))
		}
		ask("sip:bob@example", 200, 32*time.Second) // one refuses, the other is waited for
		ask("sip:bob@example", 200, 0)
		z.set(t, strings.Replace(records, "192.0.2.4", "192.0.2.5", 1))
		ask("sip:bob@example", 200, 0)
		time.Sleep(100*time.Second - time.Since(began))
		ask("sip:bob@example", 202, 32*time.Second) // hope is back, and the zone is read again
		ask("sip:bob@example", 202, 0)

		ask("sip:bob@other", 202, 32*time.Second) // one is silent, the other refuses
		require.Equal(t, 1, asked)
		ask("sip:bob@other", 202, 0)
		time.Sleep(30 * time.Second)
		ask("sip:bob@other", 202, 32*time.Second)
		require.Equal(t, 1, asked, "it wanted to be left alone for an hour")
	})
}
