package transport_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/transport"
	"github.com/patchbay-sip/patchbay/sip/transport/memnet"
)

func tlsHop(addr, name string) sip.Hop {
	return sip.Hop{Network: "tls", Addr: netip.MustParseAddrPort(addr), ServerName: name}
}

func TestTLSRequestAndResponse(t *testing.T) {
	checkLeaks(t)
	n, ca := memnet.New(), newAuthority(t)
	alice := tlsOn(t, n, "10.0.0.1:5061", ca.config(t, "a.example"))
	bob := tlsOn(t, n, "10.0.0.2:5061", ca.config(t, "b.example"))
	atAlice, atBob := serve(t, alice), serve(t, bob)

	flow, err := alice.Connect(t.Context(), tlsHop("10.0.0.2:5061", "B.Example"))
	require.NoError(t, err)
	require.Equal(t, "tls", flow.Network)
	require.True(t, flow.Reliable())
	require.Equal(t, sip.HostPort{Host: "10.0.0.1", Port: 5061}, alice.SentBy(flow))
	peer, ok1 := alice.Peer(flow)
	require.True(t, ok1)
	require.Equal(t, []string{"b.example"}, peer.Names)

	require.NoError(t, alice.Send(flow, parse(t, options("a"))))
	got := <-atBob.messages
	require.Equal(t, "tls", got.flow.Network)
	via, err := got.m.Head().Via()
	require.NoError(t, err)
	received, _ := via.Params.Get("received")
	rport, _ := via.Params.Get("rport")
	require.Equal(t, "10.0.0.1", received)
	require.Equal(t, flow.Local, netip.MustParseAddrPort(net.JoinHostPort(received, rport)))
	peer, ok2 := bob.Peer(got.flow)
	require.True(t, ok2)
	require.Empty(t, peer.Names, "it was not asked for a certificate")

	require.NoError(t, bob.Send(got.flow, ok(t, got.m)))
	require.Equal(t, flow, (<-atAlice.messages).flow)
	require.NoError(t, alice.Ping(flow))
	for bob.Stats().KeepAlives == 0 {
		again, err := alice.Connect(t.Context(), tlsHop("10.0.0.2:5061", "b.example"))
		require.NoError(t, err)
		require.Equal(t, flow, again)
	}
}

func TestTLSSockets(t *testing.T) {
	for _, addr := range []string{"127.0.0.1:0", "[::1]:0"} {
		t.Run(addr, func(t *testing.T) {
			checkLeaks(t)
			ca := newAuthority(t)
			server, err := transport.ListenTLS(addr, ca.config(t, "127.0.0.1", "::1"))
			require.NoError(t, err)
			client, err := transport.NewTLS(nil, ca.config(t))
			require.NoError(t, err)
			atServer, atClient := serve(t, server), serve(t, client)
			flow, err := client.Connect(t.Context(), sip.Hop{Network: "tls", Addr: server.Addrs()[0]})
			require.NoError(t, err)
			large := request("MESSAGE", "a", "192.0.2.1", strings.Repeat("x", 60_000))
			require.NoError(t, client.Send(flow, parse(t, large)))
			got := <-atServer.messages
			require.NoError(t, server.Send(got.flow, ok(t, got.m)))
			<-atClient.messages
		})
	}
}

// TestTLSServerNames: a server is believed by its sip URIs, or else by its DNS
// names, in full (RFC 5922 section 7).
func TestTLSServerNames(t *testing.T) {
	ca, stranger := newAuthority(t), newAuthority(t)
	for name, c := range map[string]struct {
		names []string // of the certificate
		want  string
		by    *authority
		ok    bool
	}{
		"DNS name":                  {names: []string{"a.example"}, want: "a.example", ok: true},
		"another case":              {names: []string{"A.example"}, want: "a.EXAMPLE", ok: true},
		"with the root's dot":       {names: []string{"a.example"}, want: "a.example.", ok: true},
		"one of several":            {names: []string{"b.example", "a.example"}, want: "a.example", ok: true},
		"another name":              {names: []string{"b.example"}, want: "a.example"},
		"a name below":              {names: []string{"example"}, want: "a.example"},
		"a name above":              {names: []string{"a.example"}, want: "example"},
		"wildcard":                  {names: []string{"*.example"}, want: "a.example"},
		"sip URI":                   {names: []string{"sip:a.example"}, want: "a.example", ok: true},
		"sip URI before DNS name":   {names: []string{"sip:a.example", "b.example"}, want: "a.example", ok: true},
		"DNS name beside a sip URI": {names: []string{"sip:a.example", "b.example"}, want: "b.example"},
		"sip URI with a port":       {names: []string{"sip:a.example:5061"}, want: "a.example", ok: true},
		"sip URI of a user":         {names: []string{"sip:joe@a.example"}, want: "a.example"},
		"beside the URI of a user":  {names: []string{"sip:joe@b.example", "a.example"}, want: "a.example", ok: true},
		"sips URI":                  {names: []string{"sips:a.example"}, want: "a.example"},
		"https URI beside DNS name": {names: []string{"https://b.example", "a.example"}, want: "a.example", ok: true},
		"common name":               {want: "common.example"},
		"address":                   {names: []string{"10.0.0.1"}, want: "10.0.0.1", ok: true},
		"no name wanted":            {names: []string{"10.0.0.1"}, ok: true},
		"address as a DNS name":     {names: []string{"a.example"}, want: "10.0.0.1"},
		"another address":           {names: []string{"10.0.0.2"}, want: "10.0.0.1"},
		"unknown authority":         {names: []string{"a.example"}, want: "a.example", by: stranger},
	} {
		t.Run(name, func(t *testing.T) {
			checkLeaks(t)
			by := ca
			if c.by != nil {
				by = c.by
			}
			n := memnet.New()
			server := tlsOn(t, n, "10.0.0.1:5061", &tls.Config{Certificates: []tls.Certificate{by.sign(t, c.names...)}})
			serve(t, server)
			client, err := transport.NewTLS(nil, ca.config(t), transport.WithDialer(n.Dial))
			require.NoError(t, err)
			serve(t, client)
			_, err = client.Connect(t.Context(), tlsHop("10.0.0.1:5061", c.want))
			switch {
			case c.ok:
				require.NoError(t, err)
				return
			case c.by != nil:
				_, unverified := errors.AsType[*tls.CertificateVerificationError](err)
				require.True(t, unverified, "%v", err)
			default:
				_, misnamed := errors.AsType[x509.HostnameError](err)
				require.True(t, misnamed, "%v", err)
			}
			require.ErrorContains(t, err, "10.0.0.1:5061 for "+c.want, "an operator has to know whose certificate it is")
			require.EqualValues(t, 1, client.Stats().Conns.DialErrors)
			require.Zero(t, client.Stats().Conns.Open)
		})
	}
}

// TestTLSVerifyByCaller: the caller's own check comes after ours, and one who
// wants none gets none.
func TestTLSVerifyByCaller(t *testing.T) {
	n, ca := memnet.New(), newAuthority(t)
	serve(t, tlsOn(t, n, "10.0.0.1:5061", ca.config(t, "a.example")))
	connect := func(config *tls.Config, name string) (transport.Peer, error) {
		client, err := transport.NewTLS(nil, config, transport.WithDialer(n.Dial))
		require.NoError(t, err)
		serve(t, client)
		flow, err := client.Connect(t.Context(), tlsHop("10.0.0.1:5061", name))
		peer, _ := client.Peer(flow)
		return peer, err
	}
	refused := errors.New("not on our list")
	config := ca.config(t)
	config.VerifyConnection = func(tls.ConnectionState) error { return refused }
	_, err := connect(config, "a.example")
	require.ErrorIs(t, err, refused)
	_, err = connect(config, "b.example")
	require.NotErrorIs(t, err, refused)
	peer, err := connect(&tls.Config{InsecureSkipVerify: true}, "b.example")
	require.NoError(t, err)
	require.Empty(t, peer.Names, "nothing was verified")
}

// TestTLSMutual: the names of a client's certificate are told, and requests to
// one of them at its address go back on its connection (RFC 5923).
func TestTLSMutual(t *testing.T) {
	checkLeaks(t)
	n, ca := memnet.New(), newAuthority(t)
	config := ca.config(t, "a.example")
	config.ClientAuth = tls.RequireAndVerifyClientCert
	server := tlsOn(t, n, "10.0.0.1:5061", config)
	atServer := serve(t, server)

	client := tlsOn(t, n, "10.0.0.2:5061", ca.config(t, "sip:b.example", "host.b.example"))
	serve(t, client)
	flow, err := client.Connect(t.Context(), tlsHop("10.0.0.1:5061", "a.example"))
	require.NoError(t, err)
	require.NoError(t, client.Send(flow, parse(t, options("a"))))
	got := <-atServer.messages
	peer, _ := server.Peer(got.flow)
	require.Equal(t, []string{"b.example"}, peer.Names)

	at := got.flow.Remote.String()
	back, err := server.Connect(t.Context(), tlsHop(at, "b.example"))
	require.NoError(t, err)
	require.Equal(t, got.flow, back)
	for _, other := range []string{"c.example", "host.b.example", "10.0.0.9"} {
		_, err = server.Connect(t.Context(), tlsHop(at, other))
		require.Error(t, err, "that name was not verified, and nobody listens there")
	}

	back, err = server.Connect(t.Context(), tlsHop(at, "")) // its address, as in a phone's Contact
	require.NoError(t, err)
	require.Equal(t, got.flow, back)

	// Without a certificate, or with a stranger's, there is no way in.
	for name, stranger := range map[string]*tls.Config{
		"no certificate":       {RootCAs: ca.pool},
		"another's authority":  {RootCAs: ca.pool, Certificates: newAuthority(t).config(t, "b.example").Certificates},
		"expired TLS versions": {RootCAs: ca.pool, MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10},
	} {
		t.Run(name, func(t *testing.T) {
			before := server.Stats().Conns.Handshake
			raw := dial(t, n, "10.0.0.3", "10.0.0.1:5061")
			stranger.ServerName = "a.example"
			c := tls.Client(raw, stranger)
			if err := c.Handshake(); err == nil { // TLS 1.3 tells a client later
				_, err = c.Read(make([]byte, 1))
				require.Error(t, err)
			}
			_, err = io.Copy(io.Discard, raw)
			require.NoError(t, err)
			require.Equal(t, 1, server.Stats().Conns.Open)
			require.Equal(t, before+1, server.Stats().Conns.Handshake)
		})
	}
	require.Empty(t, atServer.failed, "nobody knew of those flows")
}

// TestTLSReuse: a connection serves the name alone that it was dialed to (RFC
// 5923 section 9.1).
func TestTLSReuse(t *testing.T) {
	checkLeaks(t)
	n, ca := memnet.New(), newAuthority(t)
	server := tlsOn(t, n, "10.0.0.1:5061", ca.config(t, "a.example", "b.example"))
	serve(t, server)
	client, err := transport.NewTLS(nil, ca.config(t), transport.WithDialer(n.Dial))
	require.NoError(t, err)
	serve(t, client)
	connect := func(name string) sip.Flow {
		flow, err := client.Connect(t.Context(), tlsHop("10.0.0.1:5061", name))
		require.NoError(t, err)
		return flow
	}
	a := connect("a.example")
	require.Equal(t, a, connect("A.example."))
	b := connect("b.example")
	require.NotEqual(t, a, b)
	require.Equal(t, b, connect("b.example"))
	require.Equal(t, a, connect("a.example"))
	_, err = client.Connect(t.Context(), tlsHop("10.0.0.1:5061", "c.example"))
	require.Error(t, err)
	_, err = client.Connect(t.Context(), hop("tcp", "10.0.0.1:5061"))
	require.ErrorContains(t, err, "cannot reach")
}

// TestTLSCertificateByName: GetCertificate sees what the client asks for, and a
// certificate can be renewed.
func TestTLSCertificateByName(t *testing.T) {
	checkLeaks(t)
	n, ca, dir := memnet.New(), newAuthority(t), t.TempDir()
	own, err := transport.NewCertificate(writePEM(t, dir, ca.sign(t, "a.example")))
	require.NoError(t, err)
	other := ca.sign(t, "b.example")
	config := &tls.Config{GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		if hello.ServerName == "b.example" {
			return &other, nil
		}
		return own.GetCertificate(hello)
	}}
	serve(t, tlsOn(t, n, "10.0.0.1:5061", config))
	shown := func(name string) []byte {
		c := tlsClient(t, dial(t, n, "10.0.0.2", "10.0.0.1:5061"), ca.config(t), name)
		return c.ConnectionState().PeerCertificates[0].Raw
	}
	require.Equal(t, other.Certificate[0], shown("b.example"))
	first := shown("a.example")
	renewed := ca.sign(t, "a.example")
	writePEM(t, dir, renewed)
	require.Equal(t, first, shown("a.example"), "until Reload")
	require.NoError(t, own.Reload())
	require.Equal(t, renewed.Certificate[0], shown("a.example"))

	_, keyFile := writePEM(t, t.TempDir(), renewed)
	_, err = transport.NewCertificate("/nonexistent", keyFile)
	require.Error(t, err)
	broken := writePEMOver(t, dir)
	require.Error(t, own.Reload(), broken)
	require.Equal(t, renewed.Certificate[0], shown("a.example"), "what was read before stays")
	mine, err := own.GetClientCertificate(nil)
	require.NoError(t, err)
	require.Equal(t, renewed.Certificate[0], mine.Certificate[0])
}

func TestTLSRefusesConfig(t *testing.T) {
	l, err := memnet.New().Listen("10.0.0.1:5061")
	require.NoError(t, err)
	_, err = transport.NewTLS(l, &tls.Config{})
	require.ErrorContains(t, err, "no certificate")
	_, err = transport.ListenTLS("127.0.0.1:0", &tls.Config{})
	require.ErrorContains(t, err, "no certificate")
	_, err = transport.NewTLS(nil, &tls.Config{MinVersion: tls.VersionTLS11})
	require.ErrorContains(t, err, "TLS 1.2")
	_, err = transport.ListenTLS("nowhere:port", &tls.Config{})
	require.Error(t, err)
}

// TestTLSHandshakeTimeout: whoever stops in the middle of the handshake is
// dropped in time, and nobody else waits for it.
func TestTLSHandshakeTimeout(t *testing.T) {
	ca := newAuthority(t)
	hello := clientHello(t)
	for name, sent := range map[string][]byte{
		"nothing":        nil,
		"half a hello":   hello[:len(hello)/2],
		"a whole hello":  hello,
		"a record's end": {22, 3, 1, 0xff},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := memnet.New()
				config := ca.config(t, "a.example")
				tr := tlsOn(t, n, "10.0.0.1:5061", config, transport.WithTimeouts(transport.Timeouts{Handshake: 7 * time.Second}))
				r := serve(t, tr)
				start := time.Now()
				stuck := dial(t, n, "10.0.0.2", "10.0.0.1:5061")
				_, err := stuck.Write(sent)
				require.NoError(t, err)
				synctest.Wait()

				good := tlsClient(t, dial(t, n, "10.0.0.3", "10.0.0.1:5061"), ca.config(t), "a.example")
				_, err = io.WriteString(good, options("a"))
				require.NoError(t, err)
				<-r.messages
				require.Less(t, time.Since(start), time.Second)

				_, err = io.Copy(io.Discard, stuck)
				require.NoError(t, err)
				require.Equal(t, 7*time.Second, time.Since(start))
				synctest.Wait()
				require.EqualValues(t, 1, tr.Stats().Conns.Handshake)
				require.Equal(t, 1, tr.Stats().Conns.Open)
				require.Empty(t, r.failed)
			})
		})
	}
}

// TestTLSLimitsBeforeHandshake: a connection too many costs no handshake.
func TestTLSLimitsBeforeHandshake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, ca := memnet.New(), newAuthority(t)
		tr := tlsOn(t, n, "10.0.0.1:5061", ca.config(t, "a.example"), transport.WithSources(transport.Sources{AllConns: 10, Conns: 2}))
		serve(t, tr)
		for range 2 {
			dial(t, n, "10.0.0.2", "10.0.0.1:5061") // and not a word
		}
		synctest.Wait()
		raw := dial(t, n, "10.0.0.2", "10.0.0.1:5061")
		_, err := raw.Read(make([]byte, 1))
		require.Error(t, err)
		require.EqualValues(t, 1, tr.Stats().Conns.OverSource)
		require.Equal(t, 2, tr.Stats().Conns.Open)
		tlsClient(t, dial(t, n, "10.0.0.3", "10.0.0.1:5061"), ca.config(t), "a.example")
	})
}
