package sip

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// viaCases drive the tests of Via and their fuzz seeds.
var viaCases = []struct {
	text      string
	transport string
	sentBy    HostPort
	branch    string
	written   string // "" for as it came
}{
	{"SIP/2.0/UDP h:5060;branch=x", "UDP", HostPort{"h", 5060}, "x", ""},
	{"SIP/2.0/UDP h1:5060 ; branch=x", "UDP", HostPort{"h1", 5060}, "x", "SIP/2.0/UDP h1:5060; branch=x"},
	{"SIP / 2.0 / UDP h ; branch=x", "UDP", HostPort{"h", 0}, "x", "SIP/2.0/UDP h; branch=x"},
	{"SIP / 2.0\r\n / TCP\t h : 5060\r\n ;branch =\r\n x", "TCP", HostPort{"h", 5060}, "x", "SIP/2.0/TCP h:5060;branch = x"},
	{"sip/2.0/udp h", "udp", HostPort{"h", 0}, "", "SIP/2.0/udp h"},
	{"SIP/2.0/TLS [2001:db8::1];BRANCH=x", "TLS", HostPort{"2001:db8::1", 0}, "x", ""},
	{"SIP/2.0/WSS [2001:db8::1]:443;branch=x", "WSS", HostPort{"2001:db8::1", 443}, "x", ""},
	{"SIP/2.0/UDP 192.0.2.1;received=[2001:db8::9];rport;ttl=1", "UDP", HostPort{"192.0.2.1", 0}, "", ""},
	{"SIP/2.0/UDP df7jal23ls0d.invalid;branch=z9hG4bK56sdasks", "UDP", HostPort{"df7jal23ls0d.invalid", 0}, "z9hG4bK56sdasks", ""},
	{"SIP/2.0/UNKNOWN-x h_1", "UNKNOWN-x", HostPort{"h_1", 0}, "", ""},
	{`SIP/2.0/UDP h;branch="quoted;=,"`, "UDP", HostPort{"h", 0}, "quoted;=,", ""},
}

func TestParseVia(t *testing.T) {
	for _, tt := range viaCases {
		t.Run(tt.text, func(t *testing.T) {
			v, err := ParseVia(tt.text)
			require.NoError(t, err)
			require.Equal(t, tt.transport, v.Transport)
			require.Equal(t, tt.sentBy, v.SentBy)
			require.Equal(t, tt.branch, v.Branch())
			want := tt.written
			if want == "" {
				want = tt.text
			}
			require.Equal(t, want, v.String())
			again, err := ParseVia(v.String())
			require.NoError(t, err)
			require.Equal(t, v, again)
		})
	}
}

func TestParseViaRefuses(t *testing.T) {
	for _, text := range []string{
		"", "h", "SIP/2.0/UDP", "SIP/2.0/UDP ", "SIP/2.0/UDPh", "SIP/2.0 UDP h", "SIP/3.0/UDP h", "XIP/2.0/UDP h",
		"SIP/2.0//h x", "SIP/2.0/UDP h:", "SIP/2.0/UDP h:70000", "SIP/2.0/UDP h:x", "SIP/2.0/UDP h h", "SIP/2.0/UDP h;;",
		"SIP/2.0/UDP h;", "SIP/2.0/UDP 2001:db8::1", "SIP/2.0/UDP [::1", "SIP/2.0/UDP [fe80::1%eth0]", "SIP/2.0/UDP [1]",
		"SIP/2.0/UDP ;branch=x", "SIP/2.0/UDP h,", "SIP/2.0/UDP h;branch=a b", "SIP/2.0/UDP h;=x",
	} {
		v, err := ParseVia(text)
		require.Error(t, err, text)
		require.Zero(t, v)
	}
}

func TestHostPort(t *testing.T) {
	for text, want := range map[string]HostPort{
		"h":                  {"h", 0},
		"h:5060":             {"h", 5060},
		"192.0.2.1:1":        {"192.0.2.1", 1},
		"[2001:db8::1]":      {"2001:db8::1", 0},
		"[2001:db8::1]:5060": {"2001:db8::1", 5060},
		"example.com.":       {"example.com.", 0},
	} {
		got, err := ParseHostPort(text)
		require.NoError(t, err)
		require.Equal(t, want, got)
		require.Equal(t, text, got.String())
	}
	for _, text := range []string{"", ":5060", "h:", "h:0x1", "h h", "::1", "[::1", "[h]", "[::1%eth0]", "[::1]5060", "h:65536"} {
		_, err := ParseHostPort(text)
		require.Error(t, err, text)
	}
	addr, ok := HostPort{Host: "2001:DB8::1"}.Addr()
	require.True(t, ok)
	require.Equal(t, "2001:db8::1", addr.String())
	for _, host := range []string{"", "example.com", "1.2.3", "::1%eth0", "deadbeef", "a::::b"} {
		_, ok = HostPort{Host: host}.Addr()
		require.False(t, ok, host)
	}
}
