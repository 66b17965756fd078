package transport

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestControlMessages: what is written to name an address is read as it.
func TestControlMessages(t *testing.T) {
	var c control
	for _, addr := range []string{"127.0.0.2", "2001:db8::1"} {
		a := netip.MustParseAddr(addr)
		oob := appendSource(c[:0], a)
		require.Equal(t, a, localAddr(oob))
		// Nothing that is cut off is taken for an address.
		for n := range oob[:len(oob)-8] {
			require.False(t, localAddr(oob[:n]).IsValid(), "%s cut at %d", addr, n)
		}
	}
	require.False(t, localAddr(appendSource(c[:0], netip.MustParseAddr("ff02::1"))).IsValid(),
		"nothing can be sent from a multicast address")

	// Of an IPv4 packet on a socket for both families, the IPv4 one counts,
	// whichever comes first.
	v6 := appendSource(c[:0], netip.MustParseAddr("2001:db8::1"))
	v4 := appendSource(c[len(v6):len(v6)], netip.MustParseAddr("192.0.2.1"))
	require.Equal(t, "192.0.2.1", localAddr(c[:len(v6)+len(v4)]).String())
}
