package transaction_test

import (
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip"
)

const options = "OPTIONS sip:bob@192.0.2.1 SIP/2.0\r\n" +
	"Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKbad;rport\r\n" +
	"Max-Forwards: 70\r\n" +
	"From: <sip:alice@example.com>;tag=1\r\n" +
	"To: <sip:bob@example.com>\r\n" +
	"Call-ID: bad@example.com\r\n" +
	"CSeq: 1 OPTIONS\r\n" +
	"Content-Length: 0\r\n\r\n"

// What can be answered is answered with a reason that names the field; the
// rest is dropped. Nothing is kept, and the next request works.
func TestBadInput(t *testing.T) {
	line := func(name, value string) string { // replaces or removes a field
		from := strings.Index(options, name+":")
		to := from + strings.Index(options[from:], "\r\n") + 2
		if value != "" {
			value = name + ": " + value + "\r\n"
		}
		return options[:from] + value + options[to:]
	}
	cases := []struct {
		name, text string
		code       int // 0: no answer
		reason     string
	}{
		{"no SIP", "GET / HTTP/1.1\r\nHost: example.com\r\n\r\n", 0, ""},
		{"garbage", strings.Repeat("\xff\x00", 700), 0, ""},
		{"a response to nothing", "SIP/2.0 200 OK\r\n\r\n", 0, ""},
		{"no To", line("To", ""), 400, "To"},
		{"no From", line("From", ""), 400, "From"},
		{"no Call-ID", line("Call-ID", ""), 400, "Call-ID"},
		{"no CSeq", line("CSeq", ""), 400, "CSeq"},
		{"no Via", line("Via", ""), 400, "Via"},
		{"malformed Via", line("Via", "nonsense"), 400, "Via"},
		{"malformed From", line("From", "<sip:"), 400, "From"},
		{"another method", line("CSeq", "1 INVITE"), 400, "CSeq"},
		{"absurd CSeq", line("CSeq", "99999999999 OPTIONS"), 400, "CSeq"},
		{"negative Content-Length", line("Content-Length", "-1"), 400, "Content-Length"},
		{"absurd Content-Length", line("Content-Length", "1099511627776"), 400, "Content-Length"},
		{"1 GiB of body", line("Content-Length", "1073741824"), 400, "Content-Length"},
		{"10,000 fields", line("Max-Forwards", "70\r\n"+strings.Repeat("X: y\r\n", 9000)+"Y: z"), 400, "header"},
		{"a version to come", strings.Replace(options, "bob@192.0.2.1 SIP/2.0", "bob@192.0.2.1 SIP/3.0", 1), 505, ""},
		{"absurd Max-Forwards", line("Max-Forwards", "4294967296"), 400, "Max-Forwards"},
		{"a bad ACK", strings.ReplaceAll(line("To", ""), "OPTIONS", "ACK"), 0, ""},
		{"a bad CANCEL", strings.ReplaceAll(line("To", ""), "OPTIONS", "CANCEL"), 400, "To"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, "udp", answer(200), func(w *world) {
				conn, err := w.net.ListenPacket("192.0.2.9:5099")
				require.NoError(t, err)
				defer conn.Close()
				to := net.UDPAddrFromAddrPort(netip.MustParseAddrPort(serverAddr))
				replies := func() (all []string) {
					buf := make([]byte, 65536)
					for {
						require.NoError(t, conn.SetReadDeadline(time.Now().Add(100*time.Millisecond)))
						n, _, err := conn.ReadFrom(buf)
						if err != nil {
							return all
						}
						all = append(all, string(buf[:n]))
					}
				}
				_, err = conn.WriteTo([]byte(c.text), to)
				require.NoError(t, err)
				got := replies()
				if c.code == 0 {
					require.Empty(t, got)
				} else {
					require.Len(t, got, 1)
					m, err := sip.Parse([]byte(got[0]))
					require.NoError(t, err, got[0])
					resp := m.(*sip.Response)
					require.Equal(t, c.code, resp.StatusCode, got[0])
					require.Contains(t, resp.Reason, c.reason)
				}
				require.Zero(t, w.ep.Stats().Server)
				_, err = conn.WriteTo([]byte(options), to)
				require.NoError(t, err)
				next := replies()
				require.Len(t, next, 1)
				require.True(t, strings.HasPrefix(next[0], "SIP/2.0 200"), next[0])
			})
		})
	}
}

// A response that matches no transaction goes nowhere, whatever it claims.
func TestStrayResponsesAreCounted(t *testing.T) {
	inBubble(t, "udp", answer(200), func(w *world) {
		req := w.peer.newRequest(sip.OPTIONS)
		w.peer.respond(req, 200)
		w.peer.quiet(time.Second)
		require.EqualValues(t, 1, w.ep.Stats().Stray)
	})
}
