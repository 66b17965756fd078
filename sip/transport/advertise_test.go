package transport_test

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/transport"
	"github.com/patchbay-sip/patchbay/sip/transport/memnet"
)

// TestAdvertise: far peers are told the address outside the NAT, near ones and
// those that cannot use it the local one.
func TestAdvertise(t *testing.T) {
	const local = "10.255.254.253:5070"
	for _, c := range []struct {
		host   string
		port   uint16
		remote string
		want   string
	}{
		{"203.0.113.7", 0, "198.51.100.1:5060", "203.0.113.7:5070"},
		{"203.0.113.7", 15060, "198.51.100.1:5060", "203.0.113.7:15060"},
		{"sip.example.com", 5060, "198.51.100.1:5060", "sip.example.com:5060"},
		{"sip.example.com", 0, "[2001:db8::1]:5060", "sip.example.com:5070"},
		{"203.0.113.7", 0, "127.0.0.1:5060", local},
		{"203.0.113.7", 0, "[2001:db8::1]:5060", local},
		{"2001:db8::7", 0, "198.51.100.1:5060", local},
		{"2001:db8::7", 0, "[2001:db8::1]:5060", "[2001:db8::7]:5070"},
		{"203.0.113.7", 0, "", "203.0.113.7:5070"}, // what the transport is called
	} {
		n := memnet.New()
		option := transport.WithAdvertise(c.host, c.port)
		for _, tr := range []transport.Transport{udpOn(t, n, local, option), tcpOn(t, n, local, option)} {
			f := sip.Flow{Network: tr.Network(), Local: netip.MustParseAddrPort(local)}
			if c.remote != "" {
				f.Remote = netip.MustParseAddrPort(c.remote)
			}
			require.Equal(t, c.want, tr.SentBy(f).String(), "%s %s to %s", tr.Network(), c.host, c.remote)
			require.NoError(t, tr.Close())
		}
	}
}
