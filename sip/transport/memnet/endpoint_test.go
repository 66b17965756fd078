package memnet_test

import (
	"context"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/transport"
	"github.com/patchbay-sip/patchbay/sip/transport/memnet"
	"github.com/patchbay-sip/patchbay/transaction"
)

// serve has an Endpoint answer at port 5060 of an address, until the test ends.
func serve(t *testing.T, network *memnet.Network, addr string, h transaction.Handler) *transaction.Endpoint {
	socket, err := network.ListenPacket(addr + ":5060")
	require.NoError(t, err)
	listener, err := network.Listen(addr + ":5060")
	require.NoError(t, err)
	dial := network.Dialer(netip.MustParseAddr(addr))

	ep := transaction.New()
	served := make(chan error, 1)
	go func() {
		served <- ep.Serve(t.Context(), h, transport.NewUDP(socket),
			transport.NewTCP(listener, transport.WithDialer(dial)))
	}()
	t.Cleanup(func() { require.ErrorIs(t, <-served, net.ErrClosed) })
	return ep
}

// TestEndpoint is the test of the package's documentation: requests come through
// a network that loses some of them, in virtual time.
func TestEndpoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := memnet.New(memnet.WithLoss(0.1), memnet.WithDelay(20*time.Millisecond))
		mux := transaction.NewMux()
		mux.HandleFunc(sip.MESSAGE, func(_ context.Context, req *sip.Request, tx *transaction.ServerTx) error {
			return tx.Respond(sip.NewResponse(req, 200))
		})
		serve(t, network, "192.0.2.1", mux)
		client := serve(t, network, "192.0.2.2", nil)

		alice := sip.Address{URI: sip.MustParseURI("sip:alice@192.0.2.2")}
		for _, uri := range []string{"sip:bob@192.0.2.1", "sip:bob@192.0.2.1;transport=tcp"} {
			bob := sip.Address{URI: sip.MustParseURI(uri)}
			for range 100 {
				resp, err := client.Do(t.Context(), sip.NewRequest(sip.MESSAGE, bob.URI, alice, bob), sip.Target{})
				require.NoError(t, err)
				require.Equal(t, 200, resp.StatusCode)
			}
		}
		require.NotZero(t, network.Stats().Lost)
	})
}
