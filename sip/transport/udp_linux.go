package transport

import (
	"net"
	"syscall"
)

// takesIPv4 tells whether a socket bound to [::] takes IPv4 as well.
func takesIPv4(conn *net.UDPConn) bool {
	raw, err := conn.SyscallConn()
	if err != nil {
		return false
	}
	only := 1
	err = raw.Control(func(fd uintptr) {
		if v, err := syscall.GetsockoptInt(int(fd), syscall.IPPROTO_IPV6, syscall.IPV6_V6ONLY); err == nil {
			only = v
		}
	})
	return err == nil && only == 0
}
