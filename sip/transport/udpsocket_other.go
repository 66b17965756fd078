//go:build !linux

package transport

import "net"

// newWildcardSocket does not learn the local address of a datagram here;
// answers leave from the address that the routing table chooses.
func newWildcardSocket(conn *net.UDPConn) (udpSocket, error) {
	return addrPortSocket{conn}, nil
}

// takesIPv4 tells whether a socket bound to [::] takes IPv4 as well.
func takesIPv4(*net.UDPConn) bool { return true }
