package ws_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/transport"
	"github.com/patchbay-sip/patchbay/sip/transport/ws"
)

func checkLeaks(t testing.TB) {
	t.Helper()
	t.Cleanup(func() { goleak.VerifyNone(t) })
}

// recorder is a Sink that keeps what it is told.
type recorder struct {
	messages  chan delivery
	malformed chan delivery
	failed    chan error
}

type delivery struct {
	flow sip.Flow
	m    sip.Message
	err  *sip.ParseError
}

func newRecorder() *recorder {
	return &recorder{make(chan delivery, 100), make(chan delivery, 100), make(chan error, 100)}
}

func (r *recorder) Message(f sip.Flow, m sip.Message) { r.messages <- delivery{flow: f, m: m} }
func (r *recorder) FlowFailed(_ sip.Flow, err error)  { r.failed <- err }
func (r *recorder) Malformed(f sip.Flow, m sip.Message, err *sip.ParseError) {
	r.malformed <- delivery{f, m, err}
}

// serve runs a transport until the end of the test.
func serve(t testing.TB, s *ws.Server) *recorder {
	t.Helper()
	r := newRecorder()
	served := make(chan error, 1)
	go func() { served <- s.Serve(r) }()
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error("Close:", err)
		}
		if err := <-served; !errors.Is(err, net.ErrClosed) {
			t.Error("Serve:", err)
		}
	})
	return r
}

// listen makes a server on loopback.
func listen(t testing.TB, opts ...ws.Option) *ws.Server {
	t.Helper()
	s, err := ws.Listen("127.0.0.1:0", opts...)
	require.NoError(t, err)
	return s
}

func listenTLS(t testing.TB, opts ...ws.Option) *ws.Server {
	t.Helper()
	s, err := ws.ListenTLS("127.0.0.1:0", serverTLS(t), opts...)
	require.NoError(t, err)
	return s
}

// serverTLS borrows the certificate of httptest, which clientTLS believes.
func serverTLS(t testing.TB) *tls.Config {
	t.Helper()
	s := httptest.NewUnstartedServer(nil)
	s.StartTLS()
	defer s.Close()
	return &tls.Config{Certificates: s.TLS.Certificates}
}

func url(s *ws.Server) string { return s.Network() + "://" + s.Addrs()[0].String() }

// dial connects as a browser does.
func dial(t testing.TB, url string, header http.Header) (*websocket.Conn, *http.Response, error) {
	t.Helper()
	tr := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}
	c, resp, err := websocket.Dial(t.Context(), url, &websocket.DialOptions{
		HTTPClient: &http.Client{Transport: tr}, HTTPHeader: header, Subprotocols: []string{"sip"},
		CompressionMode: websocket.CompressionContextTakeover, // offered, as browsers do
	})
	t.Cleanup(func() {
		if c != nil {
			c.CloseNow()
		}
		tr.CloseIdleConnections()
	})
	return c, resp, err
}

func connect(t testing.TB, s *ws.Server) *websocket.Conn {
	t.Helper()
	c, _, err := dial(t, url(s), nil)
	require.NoError(t, err)
	return c
}

func write(t testing.TB, c *websocket.Conn, text string) {
	t.Helper()
	require.NoError(t, c.Write(t.Context(), websocket.MessageText, []byte(text)))
}

func read(t testing.TB, c *websocket.Conn) (websocket.MessageType, string) {
	t.Helper()
	c.SetReadLimit(1 << 20)
	kind, text, err := c.Read(t.Context())
	require.NoError(t, err)
	return kind, string(text)
}

// options is a request as browsers send it: without Content-Length, from a host
// that does not exist.
func options(callID string) string {
	return fmt.Sprintf("OPTIONS sip:bob@example.com SIP/2.0\r\n"+
		"Via: SIP/2.0/WSS df7jal23ls0d.invalid;branch=z9hG4bK%[1]s;rport\r\n"+
		"Max-Forwards: 70\r\n"+
		"From: <sip:alice@example.com>;tag=1\r\n"+
		"To: <sip:bob@example.com>\r\n"+
		"Call-ID: %[1]s\r\n"+
		"CSeq: 1 OPTIONS\r\n\r\n", callID)
}

func ok(t testing.TB, m sip.Message) *sip.Response {
	t.Helper()
	require.IsType(t, &sip.Request{}, m)
	return sip.NewResponse(m.(*sip.Request), 200)
}

// limits are options of package transport.
func limits(opts ...transport.Option) ws.Option { return ws.WithTransport(opts...) }
