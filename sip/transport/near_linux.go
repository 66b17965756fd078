package transport

import (
	"encoding/hex"
	"net/netip"
	"os"
	"slices"
	"strings"
)

// routeGateways reads the next hops of the kernel's routing tables.
func routeGateways() ([]netip.Addr, error) {
	v4, err := os.ReadFile("/proc/net/route")
	if err != nil {
		return nil, err
	}
	gateways := gatewaysV4(string(v4))
	// A kernel without IPv6 has no such file, and no such gateway.
	if v6, err := os.ReadFile("/proc/net/ipv6_route"); err == nil {
		gateways = append(gateways, gatewaysV6(string(v6))...)
	}
	return gateways, nil
}

// gatewaysV4 takes the Gateway column, a number in the machine's byte order,
// which is little-endian wherever this is likely to run; both are listed.
func gatewaysV4(table string) (gateways []netip.Addr) {
	for line := range strings.Lines(table) {
		cols := strings.Fields(line)
		if len(cols) < 3 {
			continue
		}
		b, err := hex.DecodeString(cols[2])
		if err != nil || len(b) != 4 || [4]byte(b) == [4]byte{} {
			continue
		}
		gateways = append(gateways, netip.AddrFrom4([4]byte(b)))
		slices.Reverse(b)
		gateways = append(gateways, netip.AddrFrom4([4]byte(b)))
	}
	return gateways
}

func gatewaysV6(table string) (gateways []netip.Addr) {
	for line := range strings.Lines(table) {
		cols := strings.Fields(line)
		if len(cols) < 5 {
			continue
		}
		b, err := hex.DecodeString(cols[4])
		if err != nil || len(b) != 16 || [16]byte(b) == [16]byte{} {
			continue
		}
		gateways = append(gateways, netip.AddrFrom16([16]byte(b)))
	}
	return gateways
}
