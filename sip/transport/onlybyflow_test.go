package transport_test

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/transport"
)

func TestOnlyByFlow(t *testing.T) {
	const public, private = "198.51.100.7:40000", "10.0.0.7:40000"
	for _, tt := range []struct {
		name            string
		network, remote string
		contact         string
		want            bool
	}{
		{"a browser", "wss", public, "sip:a@df7jal23ls0d.invalid;transport=ws", true},
		{"a browser that names no transport", "ws", public, "sip:a@DF7JAL23LS0D.Invalid.", true},
		{"a browser that names where it comes from", "wss", public, "sip:a@198.51.100.7:40000;transport=ws", true},
		{"a server behind a browser's connection", "wss", public, "sip:a@gw.example.com", false},
		{"a browser that names its private address", "wss", public, "sip:a@192.168.1.5", true},
		{"a client that cannot know its address", "tcp", public, "sip:a@x.invalid;transport=tcp", true},
		{"a name that only looks so", "udp", public, "sip:a@xinvalid", false},
		{"a plain phone", "udp", public, "sip:a@198.51.100.7:5060", false},
		{"a phone on another port", "tcp", public, "sip:a@198.51.100.7:5060;transport=tcp", false},
		{"another public address", "udp", public, "sip:a@203.0.113.9", false},
		{"behind a NAT", "udp", public, "sip:a@192.168.1.5", true},
		{"behind a NAT, by TCP", "tcp", public, "sip:a@10.0.0.5;transport=tcp", true},
		{"behind a NAT of IPv6", "udp", "[2001:db8::7]:5060", "sip:a@[fd00::5]", true},
		{"behind a provider's NAT", "udp", public, "sip:a@100.64.3.4", true},
		{"a private network behind a provider's NAT", "udp", "100.64.3.4:5060", "sip:a@192.168.1.5", true},
		{"not behind a provider's NAT", "udp", public, "sip:a@100.128.3.4", false},
		{"in one private network", "udp", private, "sip:a@10.0.0.9", false},
		{"a private network that is reached from here", "udp", private, "sip:a@192.168.1.5", false},
		{"a phone that knows no address", "udp", private, "sip:a@0.0.0.0", true},
		{"a phone that knows loopback alone", "udp", private, "sip:a@127.0.0.1", true},
		{"one on this host", "udp", "127.0.0.1:4000", "sip:a@127.0.0.2", false},
		{"a name", "udp", public, "sip:a@phone.example.com", false},
		{"a TLS phone", "tls", public, "sip:a@198.51.100.7:5061;transport=TLS", true},
		{"a TLS phone with sips", "tls", public, "sips:a@198.51.100.7", true},
		{"a TLS server", "tls", public, "sip:a@sbc.example.com;transport=tls", false},
		{"TLS that leads to UDP", "tls", public, "sip:a@198.51.100.7", false},
		{"outbound", "udp", public, "sip:a@198.51.100.7;ob", true},
		{"no SIP", "tcp", public, "tel:+123", false},
		{"mapped", "udp", private, "sip:a@[::ffff:127.0.0.1]", true},
	} {
		f := sip.Flow{Network: tt.network, Remote: netip.MustParseAddrPort(tt.remote)}
		require.Equal(t, tt.want, transport.OnlyByFlow(sip.MustParseURI(tt.contact), f), tt.name)
	}
	require.False(t, transport.OnlyByFlow(sip.MustParseURI("sip:a@x.invalid"), sip.Flow{}))
}
