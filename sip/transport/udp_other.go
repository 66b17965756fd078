//go:build !linux

package transport

import "net"

// takesIPv4 tells whether a socket bound to [::] takes IPv4 as well.
func takesIPv4(*net.UDPConn) bool { return true }
