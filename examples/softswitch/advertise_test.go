package main

import (
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip"
)

func TestParseAdvertised(t *testing.T) {
	for s, want := range map[string]sip.HostPort{
		"":                      {},
		"sip.example.com":       {Host: "sip.example.com"},
		"sip.example.com:15060": {Host: "sip.example.com", Port: 15060},
		"203.0.113.7":           {Host: "203.0.113.7"},
		"203.0.113.7:15060":     {Host: "203.0.113.7", Port: 15060},
		"2001:db8::7":           {Host: "2001:db8::7"},
		"[2001:db8::7]:15060":   {Host: "2001:db8::7", Port: 15060},
	} {
		at, err := parseAdvertised(s)
		require.NoError(t, err, s)
		require.Equal(t, want, at, s)
	}
	for _, s := range []string{"exa mple", "203.0.113.7:port", ":5060", "0.0.0.0", "[::]:5060", "fe80::1%eth0", "203.0.113.7:99999", "a,b"} {
		_, err := parseAdvertised(s)
		require.ErrorContains(t, err, "--advertise", s)
	}
}

// TestAdvertise: who comes from beyond the NAT is told the name, with the port for
// UDP and TCP, and each other transport's own port.
func TestAdvertise(t *testing.T) {
	config, _, err := tlsConfig("", "", nil, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	anyPort := []string{"127.0.0.1:0"}
	ls, err := listen(addresses{
		udp: anyPort, tcp: anyPort, tls: anyPort, ws: anyPort, wss: anyPort, config: config,
		advertised: sip.HostPort{Host: "203.0.113.7", Port: 15060},
	}, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	defer closeAll(ls)
	require.Len(t, ls, 5)
	for _, l := range ls {
		want := sip.HostPort{Host: "203.0.113.7", Port: l.Addrs()[0].Port()}
		if l.name == "UDP" || l.name == "TCP" {
			want.Port = 15060
		}
		f := sip.Flow{Network: l.Network(), Local: l.Addrs()[0], Remote: netip.MustParseAddrPort("198.51.100.9:5060")}
		require.Equal(t, want, l.SentBy(f), l.name)
		if f.Remote = netip.MustParseAddrPort("127.0.0.1:5060"); !strings.HasPrefix(l.name, "W") { // which are never near
			require.Equal(t, "127.0.0.1", l.SentBy(f).Host, l.name)
		}
	}
}

// TestServeAdvertised: the name stands in what a browser gets, which is never
// near, and users of it are ours.
func TestServeAdvertised(t *testing.T) {
	s := start(t, "--ws", "127.0.0.1:0", "--auth", "off", "--advertise", "203.0.113.7:15060")
	defer s.stop()
	require.Contains(t, s.greeting, "203.0.113.7:15060")
	c, err := browser(t, "ws://"+s.others["WS"], nil)
	require.NoError(t, err)
	defer c.CloseNow()
	require.Equal(t, "SIP/2.0 200 OK", webRegister(t, c, "WS", s.others["WS"]))

	caller, err := net.Dial("udp", s.udp)
	require.NoError(t, err)
	defer caller.Close()
	require.NoError(t, caller.SetDeadline(time.Now().Add(5*time.Second)))
	for _, host := range []string{"203.0.113.7:15060", "203.0.113.7"} {
		_, err = caller.Write([]byte("INVITE sip:alice@" + host + " SIP/2.0\r\n" +
			"Via: SIP/2.0/UDP " + caller.LocalAddr().String() + ";branch=z9hG4bK" + host + "\r\nMax-Forwards: 70\r\n" +
			"From: <sip:bob@" + host + ">;tag=1\r\nTo: <sip:alice@" + host + ">\r\nCall-ID: " + host + "\r\nCSeq: 1 INVITE\r\n" +
			"Contact: <sip:bob@" + caller.LocalAddr().String() + ">\r\nContent-Length: 0\r\n\r\n"))
		require.NoError(t, err)
		_, text, err := c.Read(t.Context())
		require.NoError(t, err)
		m, err := sip.Parse(text)
		require.NoError(t, err)
		via, err := m.Head().Via()
		require.NoError(t, err)
		_, port, err := net.SplitHostPort(s.others["WS"])
		require.NoError(t, err)
		require.Equal(t, net.JoinHostPort("203.0.113.7", port), via.SentBy.String())
		require.Contains(t, m.Head().Get("Record-Route"), "203.0.113.7:"+port)
	}
}
