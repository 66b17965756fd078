package patchbay_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/patchbay-sip/patchbay/proxy"
	"github.com/patchbay-sip/patchbay/registrar"
	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/transport"
	"github.com/patchbay-sip/patchbay/sip/transport/ws"
	"github.com/patchbay-sip/patchbay/transaction"
)

// webPhone is a phone over TLS or WSS that the test speaks for.
type webPhone struct {
	t         *testing.T
	user, via string
	contact   string
	send      func(text string) error
	receive   func() (string, error)
}

// TestCallsOverTLSAndWSS: a desk phone over TLS and a browser over WSS register,
// and each calls the other, with an endpoint, a registrar and a proxy between.
func TestCallsOverTLSAndWSS(t *testing.T) {
	defer goleak.VerifyNone(t)
	web := httptest.NewUnstartedServer(nil)
	web.StartTLS() // for its certificate
	config, roots := &tls.Config{Certificates: web.TLS.Certificates}, x509.NewCertPool()
	roots.AddCert(web.Certificate())
	web.Close()
	secure, err := transport.ListenTLS("127.0.0.1:0", config)
	require.NoError(t, err)
	browsers, err := ws.ListenTLS("127.0.0.1:0", config)
	require.NoError(t, err)

	domains := sip.NewDomains("example.com")
	endpoint := transaction.New()
	reg := registrar.New(domains, registrar.NewMemory())
	mux := transaction.NewMux()
	mux.Handle(sip.REGISTER, reg)
	mux.Default(proxy.New(endpoint, domains, proxy.Location(domains, reg)))
	served := make(chan error)
	go func() { served <- endpoint.Serve(context.Background(), mux, secure, browsers) }()
	defer func() {
		require.NoError(t, endpoint.Close())
		require.ErrorIs(t, <-served, net.ErrClosed)
	}()

	client := &tls.Config{RootCAs: roots, ServerName: "example.com"}
	desk := deskPhone(t, "desk", secure.Addrs()[0].String(), client)
	browser := browserPhone(t, "browser", browsers.Addrs()[0].String(), client)
	for _, p := range []*webPhone{desk, browser} {
		p.request(sip.REGISTER, "sip:example.com", "To: <sip:"+p.user+"@example.com>")
		require.Equal(t, 200, p.response().StatusCode)
	}
	desk.call(browser)
	browser.call(desk)
}

func deskPhone(t *testing.T, user, addr string, config *tls.Config) *webPhone {
	t.Helper()
	c, err := tls.Dial("tcp", addr, config)
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	require.NoError(t, c.SetDeadline(time.Now().Add(20*time.Second)))
	in := bufio.NewReader(c)
	return &webPhone{
		t: t, user: user, via: "SIP/2.0/TLS " + c.LocalAddr().String(),
		contact: "<sip:" + user + "@" + c.LocalAddr().String() + ";transport=tls>",
		send:    func(text string) error { _, err := c.Write([]byte(text)); return err },
		receive: func() (string, error) {
			var text strings.Builder
			for !strings.HasSuffix(text.String(), "\r\n\r\n") {
				line, err := in.ReadString('\n')
				if err != nil {
					return text.String(), err
				}
				text.WriteString(line)
			}
			return text.String(), nil
		},
	}
}

func browserPhone(t *testing.T, user, addr string, config *tls.Config) *webPhone {
	t.Helper()
	var local net.Addr
	tr := &http.Transport{TLSClientConfig: config, DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, addr)
		if err == nil {
			local = c.LocalAddr()
		}
		return c, err
	}}
	c, _, err := websocket.Dial(t.Context(), "wss://"+addr, &websocket.DialOptions{
		HTTPClient: &http.Client{Transport: tr}, Subprotocols: []string{"sip"},
	})
	require.NoError(t, err)
	t.Cleanup(func() { c.CloseNow(); tr.CloseIdleConnections() })
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return &webPhone{
		t: t, user: user, via: "SIP/2.0/WSS df7jal23ls0d.invalid",
		contact: "<sip:" + user + "@" + local.String() + ";transport=wss>",
		send: func(text string) error {
			text = strings.Replace(text, "Content-Length: 0\r\n", "", 1)
			return c.Write(ctx, websocket.MessageText, []byte(text))
		},
		receive: func() (string, error) { _, text, err := c.Read(ctx); return string(text), err },
	}
}

// request sends a request; its To is among the fields.
func (p *webPhone) request(method sip.Method, uri string, fields ...string) {
	p.t.Helper()
	require.NoError(p.t, p.send(fmt.Sprintf("%s %s SIP/2.0\r\nVia: %s;branch=%s;rport\r\nMax-Forwards: 70\r\n"+
		"From: <sip:%[5]s@example.com>;tag=%[5]s\r\nCall-ID: call-of-%[5]s\r\nCSeq: 1 %[1]s\r\nContact: %[6]s\r\n%[7]s\r\n"+
		"Content-Length: 0\r\n\r\n", method, uri, p.via, sip.NewBranch(), p.user, p.contact, strings.Join(fields, "\r\n"))))
}

func (p *webPhone) message() sip.Message {
	p.t.Helper()
	text, err := p.receive()
	require.NoError(p.t, err)
	m, err := sip.Parse([]byte(text))
	require.NoError(p.t, err, text)
	return m
}

// response waits for a response that is no 100.
func (p *webPhone) response() *sip.Response {
	p.t.Helper()
	for {
		m := p.message()
		require.IsType(p.t, &sip.Response{}, m, "%s", m)
		if resp := m.(*sip.Response); resp.StatusCode != 100 {
			return resp
		}
	}
}

func (p *webPhone) answer(req *sip.Request, code int) {
	p.t.Helper()
	resp := sip.NewResponse(req, code)
	resp.Set("Contact", p.contact)
	resp.Set("Content-Length", "0")
	require.NoError(p.t, p.send(resp.String()))
}

// call rings another phone, which answers; then the caller hangs up.
func (p *webPhone) call(other *webPhone) {
	t := p.t
	t.Helper()
	p.request(sip.INVITE, "sip:"+other.user+"@example.com", "To: <sip:"+other.user+"@example.com>")
	invite, ok := other.message().(*sip.Request)
	require.True(t, ok)
	require.Equal(t, sip.INVITE, invite.Method)
	received, err := invite.Via()
	require.NoError(t, err)
	require.Equal(t, strings.Fields(strings.TrimPrefix(other.via, "SIP/2.0/"))[0], received.Transport)
	other.answer(invite, 180)
	require.Equal(t, 180, p.response().StatusCode)
	other.answer(invite, 200)
	resp := p.response()
	require.Equal(t, 200, resp.StatusCode)

	// Routes in the caller's order: the last Record-Route first.
	var fields []string
	for route := range resp.Values("Record-Route") {
		fields = append([]string{"Route: " + route}, fields...)
	}
	require.NotEmpty(t, fields)
	fields = append(fields, "To: "+resp.Get("To"))
	contact, err := resp.Address("Contact")
	require.NoError(t, err)
	for _, method := range []sip.Method{sip.ACK, sip.BYE} {
		p.request(method, contact.URI.String(), fields...)
		req, ok := other.message().(*sip.Request)
		require.True(t, ok)
		require.Equal(t, method, req.Method)
		if method == sip.BYE {
			other.answer(req, 200)
			require.Equal(t, 200, p.response().StatusCode)
		}
	}
}
