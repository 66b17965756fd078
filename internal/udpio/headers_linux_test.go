package udpio

import (
	"net"
	"net/netip"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestZones(t *testing.T) {
	var z zoneNames
	linkLocal := netip.MustParseAddr("fe80::1")
	require.Equal(t, "fe80::1%7", z.addr(linkLocal.As16(), 7).String())
	require.Equal(t, "fe80::1%7", z.addr(linkLocal.As16(), 7).String())
	require.Equal(t, "fe80::1%12", z.addr(linkLocal.As16(), 12).String())
	require.Equal(t, "fe80::1", z.addr(linkLocal.As16(), 0).String())
	require.Equal(t, "2001:db8::1", z.addr(netip.MustParseAddr("2001:db8::1").As16(), 7).String())
	require.Equal(t, "169.254.1.1", z.addr(netip.MustParseAddr("::ffff:169.254.1.1").As16(), 7).String())

	interfaces, err := net.Interfaces()
	require.NoError(t, err)
	for _, i := range interfaces {
		require.Equal(t, uint32(i.Index), zoneIndex(linkLocal.WithZone(i.Name)))
		require.Equal(t, uint32(i.Index), zoneIndex(linkLocal.WithZone(strconv.Itoa(i.Index))))
	}
	require.Zero(t, zoneIndex(linkLocal))
	require.Zero(t, zoneIndex(linkLocal.WithZone("no such interface")))
}

func TestControlData(t *testing.T) {
	h := newHeaders(1)
	*addControl[uint16](h, 0, unix.SOL_UDP, unix.UDP_SEGMENT) = 500
	addControl[unix.Inet6Pktinfo](h, 0, unix.SOL_IPV6, unix.IPV6_PKTINFO).Ifindex = 3
	b := h.received(0)
	first, data, rest := nextControl(b)
	require.Equal(t, int32(unix.UDP_SEGMENT), first.Type)
	require.Len(t, data, 2)
	second, data, rest := nextControl(rest)
	require.Equal(t, int32(unix.IPV6_PKTINFO), second.Type)
	require.Len(t, data, unix.SizeofInet6Pktinfo)
	third, _, _ := nextControl(rest)
	require.Nil(t, third)

	for n := range b { // cut short anywhere: nothing is read behind the end
		for hdr, data, rest := nextControl(b[:n:n]); hdr != nil; hdr, data, rest = nextControl(rest) {
			require.LessOrEqual(t, len(data)+len(rest), n)
		}
	}
	first.SetLen(unix.SizeofCmsghdr - 1)
	hdr, _, _ := nextControl(b)
	require.Nil(t, hdr)
}
