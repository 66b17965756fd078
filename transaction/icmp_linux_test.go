package transaction_test

import (
	"context"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/transport"
	"github.com/patchbay-sip/patchbay/transaction"
)

// RFC 3261 section 18.4 on real sockets: a port where nobody listens is given up
// when the kernel says so. With a T1 of ten minutes nothing is sent twice, and
// timer B is far away.
func TestUnreachablePortFailsFast(t *testing.T) {
	live, err := transport.ListenUDP("127.0.0.1:0")
	require.NoError(t, err)
	client, err := transport.ListenUDP("127.0.0.1:0")
	require.NoError(t, err)
	closed := closedPort(t) // none of theirs
	names := resolver(func(_ context.Context, u sip.URI) ([]sip.Hop, error) {
		if u.Host() == "dead.example.com" {
			return hops("udp", closed, closed), nil
		}
		return hops("udp", closed, live.Addrs()[0].String()), nil
	})
	serveReal(t, answer(200), live)
	ep := serveReal(t, nil, client, transaction.WithResolver(names), transaction.WithTimers(transaction.Timers{T1: 10 * time.Minute}))

	for _, m := range []sip.Method{sip.INVITE, sip.OPTIONS} {
		for target, dead := range map[string]bool{"sip:" + closed: true, "sip:dead.example.com": true, "sip:example.com": false} {
			events := make(chan transaction.Event, 10)
			began := time.Now()
			_, err := ep.Start(t.Context(), request(m, closed), sip.Target{URI: uri(target)}, func(ev transaction.Event) { events <- ev })
			require.NoError(t, err)
			select {
			case ev := <-events:
				t.Logf("%s to %s: after %v", m, target, time.Since(began).Round(time.Microsecond))
				if dead {
					require.ErrorIs(t, ev.Err, syscall.ECONNREFUSED)
					require.True(t, ev.Last)
				} else {
					require.NoError(t, ev.Err)
					require.Equal(t, 200, ev.Response.StatusCode)
				}
			case <-time.After(10 * time.Second):
				require.FailNow(t, "still waiting", "%s to %s", m, target)
			}
		}
	}
}

// closedPort is an address of this host where nobody listens.
func closedPort(t *testing.T) string {
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	return conn.LocalAddr().String()
}

// serveReal starts an Endpoint on a transport until the test ends.
func serveReal(t *testing.T, h transaction.Handler, tp transport.Transport, opts ...transaction.Option) *transaction.Endpoint {
	ep := transaction.New(opts...)
	served := make(chan error, 1)
	go func() { served <- ep.Serve(context.Background(), h, tp) }()
	t.Cleanup(func() {
		require.NoError(t, ep.Close())
		require.ErrorIs(t, <-served, net.ErrClosed)
	})
	return ep
}
