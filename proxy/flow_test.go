package proxy

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/keyring"
)

func TestFlowAsBytes(t *testing.T) {
	for _, f := range []sip.Flow{
		{},
		{Network: "udp", Local: netip.MustParseAddrPort("192.0.2.1:5060"), Remote: netip.MustParseAddrPort("198.51.100.9:1024")},
		{Network: "wss", Local: netip.MustParseAddrPort("[2001:db8::1]:443"), Remote: netip.MustParseAddrPort("[fe80::9%eth0]:65535"), ID: 1<<64 - 1},
	} {
		b := appendFlow(nil, f)
		got, ok := parseFlow(b)
		require.True(t, ok)
		require.Equal(t, f, got)
		require.LessOrEqual(t, len(b), keyring.MaxContent)
		for n := range b {
			_, ok := parseFlow(b[:n])
			require.False(t, ok, "%d bytes of %d", n, len(b))
		}
		_, ok = parseFlow(append(b, 0))
		require.False(t, ok)
	}
}
