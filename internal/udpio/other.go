//go:build !linux

package udpio

import (
	"context"
	"net"
	"net/netip"
)

// newBatchPath has no path to give: New then takes the portable one.
func newBatchPath(*net.UDPConn, netip.AddrPort, Options) (path, error) { return nil, nil }

// leavePoller does nothing.
func (*Conn) leavePoller(*net.UDPConn) error { return nil }

// openSiblings opens none: other systems either do not spread packets over the
// sockets of a group or spell it in their own ways.
func openSiblings(context.Context, string, *net.UDPConn, int) ([]*net.UDPConn, error) {
	return nil, nil
}
