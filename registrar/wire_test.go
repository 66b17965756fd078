package registrar_test

import (
	"context"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/patchbay-sip/patchbay/registrar"
	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/digest"
	"github.com/patchbay-sip/patchbay/sip/transport"
	"github.com/patchbay-sip/patchbay/sip/transport/memnet"
	"github.com/patchbay-sip/patchbay/transaction"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const serverAddr = "192.0.2.7:5060"

// serve runs an Endpoint at an address until the returned function is called.
func serve(t *testing.T, n *memnet.Network, addr string, h transaction.Handler, opts ...transaction.Option) (*transaction.Endpoint, func()) {
	t.Helper()
	packets, err := n.ListenPacket(addr)
	require.NoError(t, err)
	streams, err := n.Listen(addr)
	require.NoError(t, err)
	ep := transaction.New(opts...)
	ended := make(chan error, 1)
	dial := n.Dialer(netip.MustParseAddrPort(addr).Addr())
	go func() {
		ended <- ep.Serve(context.Background(), h, transport.NewUDP(packets), transport.NewTCP(streams, transport.WithDialer(dial)))
	}()
	return ep, func() {
		require.NoError(t, ep.Close())
		require.ErrorIs(t, <-ended, net.ErrClosed)
	}
}

// A phone registers over the network, by digest.
func TestOnTheWire(t *testing.T) {
	for _, network := range []string{"udp", "tcp"} {
		t.Run(network, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := memnet.New()
				domains := sip.NewDomains("example.com", serverAddr)
				reg := registrar.New(domains, registrar.NewMemory())
				auth := transaction.Authenticate(digest.NewServer(digest.Passwords{"alice": "secret", "eve": "x"}),
					func(*sip.Request, *transaction.ServerTx) (string, digest.Role, bool) {
						return "example.com", digest.UAS, true
					})
				_, stopServer := serve(t, n, serverAddr, auth(reg))
				defer stopServer()

				who := digest.Credentials{User: "alice", Password: "secret"}
				phone, stopPhone := serve(t, n, "192.0.2.9:5060", nil,
					transaction.WithCredentials(func(string) (digest.Credentials, bool) { return who, true }))
				defer stopPhone()

				alice := sip.Address{URI: sip.MustParseURI("sip:alice@example.com")}
				uri := sip.MustParseURI("sip:" + serverAddr + ";transport=" + network)
				do := func(contact string) *sip.Response {
					req := sip.NewRequest(sip.REGISTER, uri, alice, alice)
					if contact != "" {
						req.Set("Contact", contact)
					}
					resp, err := phone.Do(t.Context(), req, sip.Target{URI: uri})
					require.NoError(t, err)
					return resp
				}
				contact := "<sip:alice@192.0.2.9:5060;transport=" + network + ">"
				resp := do(contact)
				require.Equal(t, 200, resp.StatusCode)
				require.Equal(t, contact+";expires=3600", resp.Get("Contact"))

				targets, err := reg.Targets(t.Context(), "sip:alice@example.com")
				require.NoError(t, err)
				require.Len(t, targets, 1)
				require.Equal(t, "sip:alice@192.0.2.9:5060;transport="+network, targets[0].URI.String())

				who.Password = "wrong"
				require.Equal(t, 401, do(contact+";expires=0").StatusCode)
				who = digest.Credentials{User: "eve", Password: "x"}
				require.Equal(t, 403, do(contact+";expires=0").StatusCode, "a valid user, but another one")

				who = digest.Credentials{User: "alice", Password: "secret"}
				require.Equal(t, 423, do(contact+";expires=1").StatusCode)
				time.Sleep(time.Hour)
				resp = do("")
				require.Equal(t, 200, resp.StatusCode)
				require.False(t, resp.Has("Contact"), "expired")
			})
		})
	}
}

// A phone that registers over the connection that its Contact names is called
// over it.
func TestTargetFlowOnTheWire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		reg := registrar.New(sip.NewDomains("example.com", serverAddr), registrar.NewMemory())
		_, stop := serve(t, n, serverAddr, reg)
		defer stop()
		phone, stopPhone := serve(t, n, "192.0.2.9:5060", nil)
		defer stopPhone()

		alice := sip.Address{URI: sip.MustParseURI("sip:alice@example.com")}
		uri := sip.MustParseURI("sip:" + serverAddr + ";transport=tcp")
		resp, err := phone.Do(t.Context(), sip.NewRequest(sip.REGISTER, uri, alice, alice), sip.Target{URI: uri},
			transaction.BeforeSend(func(req *sip.Request, flow sip.Flow) error {
				req.Set("Contact", "<sip:alice@"+flow.Local.String()+";transport=tcp>")
				return nil
			}))
		require.NoError(t, err)
		require.Equal(t, 200, resp.StatusCode)
		targets, err := reg.Targets(t.Context(), "sip:alice@example.com")
		require.NoError(t, err)
		require.Len(t, targets, 1)
		require.Equal(t, "tcp", targets[0].Flow.Network)
		require.Equal(t, targets[0].URI.HostPort().String(), targets[0].Flow.Remote.String())
	})
}
