package transport_test

import (
	"crypto/tls"
	"io"
	"maps"
	"net"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/transport"
	"github.com/patchbay-sip/patchbay/sip/transport/memnet"
)

// bad is a request that must be answered with a code.
type bad struct {
	text string
	code int
}

// badFields are wrong inside, but tell where they end.
func badFields() map[string]bad {
	replace := func(s string) string { return strings.Replace(options("bad"), "Max-Forwards: 70", s, 1) }
	return map[string]bad{
		"10,000 header fields": {replace(strings.TrimSuffix(strings.Repeat("X:\r\n", 10000), "\r\n")), 400},
		"a field of 60 KiB":    {replace("X: " + strings.Repeat("x", 60<<10)), 400},
		"100 Vias":             {replace("Via: " + strings.Repeat("SIP/2.0/UDP h,", 99) + "SIP/2.0/UDP h"), 400},
		"a long Request-URI":   {strings.Replace(options("bad"), "bob@", strings.Repeat("b", 3000)+"@", 1), 414},
		"no colon":             {replace("nonsense"), 400},
	}
}

// badLengths are wrong about where they end.
func badLengths() map[string]bad {
	length := func(s string) string {
		return strings.Replace(options("bad"), "Content-Length: 0", "Content-Length: "+s, 1)
	}
	return map[string]bad{
		"1 GiB claimed":  {length("1073741824"), 400},
		"-1 claimed":     {length("-1"), 400},
		"beyond 64 bits": {length("99999999999999999999"), 400},
	}
}

func TestBadDatagrams(t *testing.T) {
	n := memnet.New()
	onMemnet := udpOn(t, n, "10.0.0.1:5060")
	fromMemnet, err := n.ListenPacket("10.0.0.2:5060")
	require.NoError(t, err)
	defer fromMemnet.Close()
	onSocket, err := transport.ListenUDP("127.0.0.1:0")
	require.NoError(t, err)
	fromSocket, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	defer fromSocket.Close()

	for name, c := range map[string]struct {
		tr   *transport.UDP
		from net.PacketConn
	}{"memnet": {onMemnet, fromMemnet}, "socket": {onSocket, fromSocket}} {
		r := serve(t, c.tr)
		to := net.UDPAddrFromAddrPort(c.tr.Addrs()[0])
		inputs := badFields()
		maps.Copy(inputs, badLengths())
		inputs["no empty line"] = bad{strings.TrimSuffix(options("bad"), "\r\n"), 400}
		for what, want := range inputs {
			t.Run(name+"/"+what, func(t *testing.T) {
				before := inUse()
				for range 20 {
					_, err := c.from.WriteTo([]byte(want.text), to)
					require.NoError(t, err)
					got := <-r.malformed
					require.Equal(t, want.code, got.err.Code)
					require.Contains(t, got.m.Head().Get("Via"), ";received=")
				}
				_, err := c.from.WriteTo([]byte(options("good")), to)
				require.NoError(t, err)
				require.Equal(t, "good", (<-r.messages).m.Head().CallID())
				require.Less(t, inUse()-before, int64(4<<20))
			})
		}
	}
}

func TestBadStreams(t *testing.T) {
	n := memnet.New()
	onMemnet := tcpOn(t, n, "10.0.0.1:5060")
	onSocket, err := transport.ListenTCP("127.0.0.1:0")
	require.NoError(t, err)
	ca := newAuthority(t)
	secure := tlsOn(t, n, "10.0.0.1:5061", ca.config(t, "a.example"))
	for name, c := range map[string]struct {
		tr   transport.Transport
		dial func() (net.Conn, error)
	}{
		"tls": {secure, func() (net.Conn, error) {
			raw, err := n.Dial(t.Context(), "tcp", "10.0.0.1:5061")
			if err != nil {
				return nil, err
			}
			return tls.Client(raw, &tls.Config{RootCAs: ca.pool, ServerName: "a.example"}), nil
		}},
		"memnet": {onMemnet, func() (net.Conn, error) { return n.Dial(t.Context(), "tcp", "10.0.0.1:5060") }},
		"socket": {onSocket, func() (net.Conn, error) { return net.Dial("tcp", onSocket.Addrs()[0].String()) }},
	} {
		r := newRecorder()
		r.on = answer400(t, c.tr.Send)
		serveSink(t, c.tr, r)
		endless := strings.TrimSuffix(options("bad"), "\r\n")
		unframed := badLengths()
		unframed["1 GiB claimed"] = bad{unframed["1 GiB claimed"].text, 513}
		unframed["header without end"] = bad{endless + strings.Repeat("X: yyyyyyyyyyyyyyyy\r\n", 100_000), 513}
		unframed["line without end"] = bad{endless + "X: " + strings.Repeat("y", 2<<20), 513}
		inputs := badFields()
		maps.Copy(inputs, unframed)
		for what, want := range inputs {
			t.Run(name+"/"+what, func(t *testing.T) {
				before := inUse()
				conn, err := c.dial()
				require.NoError(t, err)
				defer conn.Close()
				go io.WriteString(conn, want.text+options("good"))
				require.Equal(t, want.code, (<-r.malformed).err.Code)
				require.Contains(t, readMessage(t, conn), "SIP/2.0 "+strconv.Itoa(want.code))
				if _, lost := unframed[what]; !lost {
					require.Equal(t, "good", (<-r.messages).m.Head().CallID())
				} else {
					// Closed, or reset when the peer goes on sending.
					io.Copy(io.Discard, conn)
				}
				conn.Close()
				<-r.failed
				require.Less(t, inUse()-before, int64(4<<20))
				require.Empty(t, r.messages)
			})
		}
	}
}

// TestLimitsOption: limits that a user sets hold for both transports.
func TestLimitsOption(t *testing.T) {
	n := memnet.New()
	limits := transport.WithLimits(sip.Limits{Message: 1000, Fields: 10})
	u, tr := udpOn(t, n, "10.0.0.1:5060", limits), tcpOn(t, n, "10.0.0.1:5060", limits)
	atUDP, atTCP := serve(t, u), serve(t, tr)
	packet, err := n.Dial(t.Context(), "udp", "10.0.0.1:5060")
	require.NoError(t, err)
	defer packet.Close()
	stream, err := n.Dial(t.Context(), "tcp", "10.0.0.1:5060")
	require.NoError(t, err)
	defer stream.Close()
	fields := strings.Replace(options("a"), "Max", "A:\r\nB:\r\nC:\r\nD:\r\nMax", 1)
	large := request("MESSAGE", "a", "h", strings.Repeat("x", 1000))
	for _, c := range []struct {
		net.Conn
		*recorder
	}{{packet, atUDP}, {stream, atTCP}} {
		io.WriteString(c, options("good"))
		require.Equal(t, "good", (<-c.messages).m.Head().CallID())
		io.WriteString(c, fields)
		require.Equal(t, 400, (<-c.malformed).err.Code)
		io.WriteString(c, large)
		require.Equal(t, 513, (<-c.malformed).err.Code)
	}
}
