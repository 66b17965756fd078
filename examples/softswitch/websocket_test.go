package main

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// browser connects to a softswitch as the phone of a web page.
func browser(t *testing.T, url string, header http.Header) (*websocket.Conn, error) {
	t.Helper()
	tr := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	c, _, err := websocket.Dial(t.Context(), url, &websocket.DialOptions{
		HTTPClient: &http.Client{Transport: tr}, HTTPHeader: header, Subprotocols: []string{"sip"},
	})
	t.Cleanup(tr.CloseIdleConnections)
	return c, err
}

func TestServeWebSocket(t *testing.T) {
	defer goleak.VerifyNone(t)
	s := start(t, "--ws", "127.0.0.1:0", "--wss", "127.0.0.1:0", "--auth", "off", "--origin", "https://phone.example.com")
	defer s.stop()
	for _, network := range []string{"WS", "WSS"} {
		addr := s.others[network]
		url := strings.ToLower(network) + "://" + addr
		_, err := browser(t, url, http.Header{"Origin": {"https://evil.example"}})
		require.Error(t, err)
		c, err := browser(t, url, http.Header{"Origin": {"https://phone.example.com"}})
		require.NoError(t, err)
		require.Equal(t, "SIP/2.0 200 OK", webRegister(t, c, network, addr))
		require.NoError(t, c.CloseNow())
	}
}

// A WebSocket is never near, from wherever it comes: any web page can open one.
func TestWebSocketIsNotNear(t *testing.T) {
	s := start(t, "--ws", "127.0.0.1:0")
	defer s.stop()
	c, err := browser(t, "ws://"+s.others["WS"], nil)
	require.NoError(t, err)
	defer c.CloseNow()
	require.Contains(t, webRegister(t, c, "WS", s.others["WS"]), "SIP/2.0 403 ")
}

// webRegister sends a browser's REGISTER and returns the answer's first line.
func webRegister(t *testing.T, c *websocket.Conn, network, addr string) string {
	t.Helper()
	text := fmt.Sprintf("REGISTER sip:%[1]s SIP/2.0\r\n"+
		"Via: SIP/2.0/%[2]s abc.invalid;branch=z9hG4bK%[2]s\r\n"+
		"Max-Forwards: 70\r\nFrom: <sip:alice@%[1]s>;tag=1\r\nTo: <sip:alice@%[1]s>\r\n"+
		"Call-ID: %[2]s\r\nCSeq: 1 REGISTER\r\nContact: <sip:alice@abc.invalid;transport=ws>\r\n\r\n", addr, network)
	require.NoError(t, c.Write(t.Context(), websocket.MessageText, []byte(text)))
	_, answer, err := c.Read(t.Context())
	require.NoError(t, err)
	line, _, _ := strings.Cut(string(answer), "\r\n")
	return line
}
