package transport_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/transport"
	"github.com/patchbay-sip/patchbay/sip/transport/memnet"
)

func TestUDPRequestLimit(t *testing.T) {
	n := memnet.New()
	flow := func(remote string) sip.Flow {
		return sip.Flow{Network: "udp", Remote: netip.MustParseAddrPort(remote)}
	}
	u := udpOn(t, n, "10.255.254.253:5060")
	defer u.Close()
	require.Equal(t, 1300, u.RequestLimit(flow("127.0.0.1:5060")))
	require.Equal(t, 1300, u.RequestLimit(flow("198.51.100.1:5060")))

	v := udpOn(t, n, "10.255.254.254:5060", transport.WithRequestLimits(8800, 1200))
	defer v.Close()
	require.Equal(t, 8800, v.RequestLimit(flow("127.0.0.1:5060")))
	require.Equal(t, 1200, v.RequestLimit(flow("198.51.100.1:5060")))

	long := parse(t, request("MESSAGE", "a", "h", strings.Repeat("x", 3000)))
	require.NoError(t, v.Send(flow("198.51.100.1:5060"), long), "it may be the only way")
}
