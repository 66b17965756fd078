package proxy

import (
	"fmt"
	"io"
	"net/netip"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/keyring"
	"github.com/patchbay-sip/patchbay/sip/transport"
	"github.com/patchbay-sip/patchbay/transaction"
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

func TestErrorsOfFlows(t *testing.T) {
	for _, err := range []error{transport.ErrFlowGone, transaction.ErrNoTransport, io.EOF, syscall.ECONNREFUSED} {
		require.True(t, isOfFlow(fmt.Errorf("wrapped: %w", err)), err)
	}
	for _, err := range []error{transport.ErrQueueFull, transport.ErrTooLarge, transaction.ErrOverloaded, transaction.ErrClosed} {
		require.False(t, isOfFlow(fmt.Errorf("wrapped: %w", err)), err)
	}
}
