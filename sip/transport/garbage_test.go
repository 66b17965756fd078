package transport_test

import (
	"crypto/tls"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf16"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip/transport"
	"github.com/patchbay-sip/patchbay/sip/transport/memnet"
)

// garbage is what port scanners, other protocols and broken programs send.
func garbage(t testing.TB) map[string]string {
	noise := make([]byte, 4096)
	rnd := rand.New(rand.NewPCG(1, 2))
	for i := range noise {
		noise[i] = byte(rnd.Uint32())
	}
	var wide []byte
	for _, c := range utf16.Encode([]rune(options("a"))) {
		wide = append(wide, byte(c), byte(c>>8))
	}
	return map[string]string{
		"noise":              string(noise),
		"zeros":              strings.Repeat("\x00", 60_000),
		"a long line":        strings.Repeat("A", 60_000),
		"spaces":             strings.Repeat(" ", 60_000),
		"HTTP":               "GET / HTTP/1.1\r\nHost: h\r\n\r\n",
		"SMTP":               "EHLO h\r\n",
		"a TLS hello":        string(clientHello(t)),
		"a STUN request":     "\x00\x01\x00\x00\x21\x12\xa4\x42transaction!",
		"a WebSocket frame":  "\x81\x85\x00\x00\x00\x00hello",
		"SIP in UTF-16":      string(wide),
		"a response to none": "SIP/2.0 999\r\n\r\n",
	}
}

// TestGarbage: on every port it is counted, costs little memory and nobody's
// time, gets no answer, and ends the connection.
func TestGarbage(t *testing.T) {
	ca := newAuthority(t)
	for name, text := range garbage(t) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := memnet.New()
				udp := udpOn(t, n, "10.0.0.1:5060")
				tcp := tcpOn(t, n, "10.0.0.1:5060")
				secure := tlsOn(t, n, "10.0.0.1:5061", ca.config(t, "a.example"))
				atUDP, atTCP, atTLS := serve(t, udp), serve(t, tcp), serve(t, secure)
				before := inUse()

				packets, err := n.ListenPacket("10.0.0.2:5060")
				require.NoError(t, err)
				defer packets.Close()
				for range 20 {
					_, err = packets.WriteTo([]byte(text), net.UDPAddrFromAddrPort(udp.Addrs()[0]))
					require.NoError(t, err)
				}
				onTCP := dial(t, n, "10.0.0.2", "10.0.0.1:5060")
				raw := dial(t, n, "10.0.0.2", "10.0.0.1:5061")
				within := tlsClient(t, dial(t, n, "10.0.0.2", "10.0.0.1:5061"), ca.config(t), "a.example")
				for _, c := range []io.Writer{onTCP, raw, within} {
					go io.WriteString(c, text)
				}
				synctest.Wait()
				require.Less(t, inUse()-before, int64(4<<20))

				// Others are served meanwhile.
				start := time.Now()
				good := tlsClient(t, dial(t, n, "10.0.0.3", "10.0.0.1:5061"), ca.config(t), "a.example")
				for _, c := range []net.Conn{dial(t, n, "10.0.0.3", "10.0.0.1:5060"), good} {
					_, err := io.WriteString(c, options("good"))
					require.NoError(t, err)
				}
				_, err = packets.WriteTo([]byte(options("good")), net.UDPAddrFromAddrPort(udp.Addrs()[0]))
				require.NoError(t, err)
				for _, r := range []*recorder{atUDP, atTCP, atTLS} {
					require.Equal(t, "good", (<-r.messages).m.Head().CallID())
					require.Empty(t, r.malformed)
				}
				require.Zero(t, time.Since(start))

				for _, c := range []net.Conn{onTCP, raw, within} {
					answer, _ := io.ReadAll(c) // TLS may find fault with the end
					require.LessOrEqual(t, time.Since(start), 31*time.Second)
					if c != raw { // where TLS itself says what is wrong
						require.Empty(t, answer)
					}
				}
				synctest.Wait()
				count := func(s transport.Stats) uint64 { return s.Conns.Unframed + s.Conns.Slow }
				u := udp.Stats()
				require.EqualValues(t, 20, u.Dropped.NotSIP+u.KeepAlives+u.STUN)
				require.EqualValues(t, 1, count(tcp.Stats()))
				require.EqualValues(t, 1, count(secure.Stats()))
				require.EqualValues(t, 1, secure.Stats().Conns.Handshake)
			})
		})
	}
}

// TestOctetByOctet: who sends in the smallest pieces gains nothing by it.
func TestOctetByOctet(t *testing.T) {
	ca := newAuthority(t)
	for name, c := range map[string]struct {
		text   string
		answer string
	}{
		"a request":            {options("a"), ""},
		"a header without end": {strings.TrimSuffix(options("a"), "\r\n") + strings.Repeat("X: y\r\n", 12_000), "SIP/2.0 513"},
		"1 GiB claimed":        {strings.Replace(options("a"), "Content-Length: 0", "Content-Length: 1073741824", 1), "SIP/2.0 513"},
		"noise":                {"\xde\xad\xbe\xef", ""},
	} {
		t.Run(name, func(t *testing.T) {
			n := memnet.New()
			tr := tlsOn(t, n, "10.0.0.1:5061", ca.config(t, "a.example"))
			r := newRecorder()
			r.on = answer400(t, tr.Send)
			serveSink(t, tr, r)
			raw := dial(t, n, "10.0.0.2", "10.0.0.1:5061")
			conn := tls.Client(raw, &tls.Config{RootCAs: ca.pool, ServerName: "a.example"})
			before := inUse()
			go func() {
				for i := range len(c.text) {
					if _, err := io.WriteString(conn, c.text[i:i+1]); err != nil {
						return // it was closed
					}
				}
			}()
			if name == "a request" {
				require.Equal(t, "a", (<-r.messages).m.Head().CallID())
				return
			}
			answer, _ := io.ReadAll(conn) // closed, or reset while there is more to come
			require.True(t, strings.HasPrefix(string(answer), c.answer), "%q", answer)
			<-r.failed
			require.EqualValues(t, 1, tr.Stats().Conns.Unframed)
			require.Less(t, inUse()-before, int64(2<<20))
		})
	}
}
