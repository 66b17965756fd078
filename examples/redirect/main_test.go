package main

import (
	"context"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/transport"
	"github.com/patchbay-sip/patchbay/sip/transport/memnet"
	"github.com/patchbay-sip/patchbay/transaction"
)

const (
	serverAddr = "192.0.2.1:5060"
	clientAddr = "192.0.2.2:5062"
)

// users is the table of the server in these tests. It sends callers of loop to the URI that they called.
var users = table{
	"alice": sip.MustParseURI("sip:alice@198.51.100.7;transport=tcp"),
	"loop":  sip.MustParseURI("sip:loop@192.0.2.1"),
}

// start runs an Endpoint until the test ends.
func start(t *testing.T, h transaction.Handler, ts ...transport.Transport) *transaction.Endpoint {
	endpoint := transaction.New()
	served := make(chan error, 1)
	go func() { served <- endpoint.Serve(t.Context(), h, ts...) }()
	t.Cleanup(func() { require.ErrorIs(t, <-served, net.ErrClosed) })
	return endpoint
}

// startServer runs the redirect server on UDP and TCP.
func startServer(t *testing.T, network *memnet.Network) {
	packets, err := network.ListenPacket(serverAddr)
	require.NoError(t, err)
	streams, err := network.Listen(serverAddr)
	require.NoError(t, err)
	start(t, users.handler(), transport.NewUDP(packets), transport.NewTCP(streams))
}

// newRequest makes carol's request for a URI.
func newRequest(method sip.Method, uri string) *sip.Request {
	to := sip.MustParseURI(uri)
	return sip.NewRequest(method, to, sip.Address{URI: sip.MustParseURI("sip:carol@example.com")}, sip.Address{URI: to})
}

func TestAnswers(t *testing.T) {
	const contact = "<sip:alice@198.51.100.7;transport=tcp>"
	tests := []struct {
		name    string
		method  sip.Method
		uri     string
		code    int
		contact string
	}{
		{"call", sip.INVITE, "sip:alice@192.0.2.1", 302, contact},
		{"call with an escape", sip.INVITE, "sip:%61lice@192.0.2.1", 302, contact},
		{"call over TCP", sip.INVITE, "sip:alice@192.0.2.1;transport=tcp", 302, contact},
		{"unknown user", sip.INVITE, "sip:bob@192.0.2.1", 404, ""},
		{"unknown user over TCP", sip.INVITE, "sip:bob@192.0.2.1;transport=tcp", 404, ""},
		{"nobody", sip.INVITE, "sip:192.0.2.1", 404, ""},
		{"redirect to itself", sip.INVITE, "sip:loop@192.0.2.1", 404, ""},
		{"capabilities of a user", sip.OPTIONS, "sip:alice@192.0.2.1", 302, contact},
		{"capabilities of an unknown user", sip.OPTIONS, "sip:bob@192.0.2.1", 404, ""},
		{"capabilities of the server", sip.OPTIONS, "sip:192.0.2.1", 200, ""},
		{"registration", sip.REGISTER, "sip:192.0.2.1", 405, ""},
		{"unknown method", "JUGGLE", "sip:alice@192.0.2.1", 405, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				network := memnet.New()
				startServer(t, network)
				packets, err := network.ListenPacket(clientAddr)
				require.NoError(t, err)
				dial := network.Dialer(netip.MustParseAddrPort(clientAddr).Addr())
				client := start(t, nil, transport.NewUDP(packets), transport.NewTCP(nil, transport.WithDialer(dial)))

				req := newRequest(tt.method, tt.uri)
				resp, err := client.Do(t.Context(), req, sip.Target{URI: req.URI})
				require.NoError(t, err)
				require.Equal(t, tt.code, resp.StatusCode)
				require.Equal(t, tt.contact, resp.Get("Contact"))
				to, err := resp.To()
				require.NoError(t, err)
				require.NotEmpty(t, to.Tag())
				if tt.code == 200 || tt.code == 405 {
					for _, method := range []string{"INVITE", "CANCEL", "OPTIONS"} {
						require.True(t, resp.HasToken("Allow", method), method)
					}
				}
			})
		})
	}
}

// TestRedirectUntilACK uses a bare socket, since a client transaction would hide the retransmissions.
func TestRedirectUntilACK(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := memnet.New()
		startServer(t, network)
		conn, err := network.Dialer(netip.MustParseAddrPort(clientAddr).Addr())(t.Context(), "udp", serverAddr)
		require.NoError(t, err)
		defer conn.Close()
		send := func(req *sip.Request) {
			_, err := conn.Write([]byte(req.String()))
			require.NoError(t, err)
		}
		receive := func() *sip.Response {
			buf := make([]byte, 65535)
			n, err := conn.Read(buf)
			require.NoError(t, err)
			m, err := sip.Parse(buf[:n])
			require.NoError(t, err)
			require.IsType(t, &sip.Response{}, m)
			return m.(*sip.Response)
		}

		invite := newRequest(sip.INVITE, "sip:alice@192.0.2.1")
		params := sip.Params{}.With("branch", sip.NewBranch()).With("rport", "")
		invite.PushVia(sip.Via{Transport: "UDP", SentBy: sip.HostPort{Host: "phone.example.com"}, Params: params})
		began := time.Now()
		send(invite)

		resp := receive()
		require.Equal(t, 302, resp.StatusCode)
		require.Equal(t, "Moved Temporarily", resp.Reason)
		require.Equal(t, invite.CallID(), resp.CallID())
		require.Equal(t, invite.Get("CSeq"), resp.Get("CSeq"))
		require.Equal(t, invite.Get("From"), resp.Get("From"))
		via, err := resp.Via()
		require.NoError(t, err)
		local := netip.MustParseAddrPort(conn.LocalAddr().String())
		received, _ := via.Params.Get("received")
		require.Equal(t, local.Addr().String(), received)
		rport, _ := via.Params.Get("rport")
		require.Equal(t, strconv.Itoa(int(local.Port())), rport)

		again := receive()
		require.Equal(t, 500*time.Millisecond, time.Since(began), "timer G")
		require.Equal(t, resp.String(), again.String())

		ack, err := sip.NewACK(invite, resp)
		require.NoError(t, err)
		send(ack)
		require.NoError(t, conn.SetReadDeadline(time.Now().Add(time.Minute)))
		_, err = conn.Read(make([]byte, 1))
		require.ErrorIs(t, err, os.ErrDeadlineExceeded, "nothing follows the ACK")
	})
}

func writeTable(t *testing.T, text string) (file string) {
	file = filepath.Join(t.TempDir(), "redirect.txt")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	return file
}

func TestReadTable(t *testing.T) {
	got, err := readTable(writeTable(t, "alice\tsip:alice@198.51.100.7;transport=tcp\n\n  loop  sip:loop@192.0.2.1"))
	require.NoError(t, err)
	require.Equal(t, users, got)

	_, err = readTable(writeTable(t, "alice sip:alice@198.51.100.7\nbob\n"))
	require.ErrorContains(t, err, "redirect.txt:2: ")

	_, err = readTable(writeTable(t, "\nalice 198.51.100.7\n"))
	require.ErrorContains(t, err, "redirect.txt:2: ")
	var parse *sip.ParseError
	require.ErrorAs(t, err, &parse)

	_, err = readTable(filepath.Join(t.TempDir(), "missing"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestRunEndsWithContext(t *testing.T) {
	defer goleak.VerifyNone(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, run(ctx, "127.0.0.1:0", writeTable(t, "alice sip:alice@198.51.100.7\n")))
}
