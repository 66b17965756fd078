package udpio

import (
	"context"
	"net/netip"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// sized makes packets of the given sizes to one peer.
func sized(to netip.AddrPort, sizes ...int) []Packet {
	ps := make([]Packet, len(sizes))
	for i, size := range sizes {
		ps[i] = Packet{Data: make([]byte, size), Peer: to}
	}
	return ps
}

func same(size, n int) []int {
	sizes := make([]int, n)
	for i := range sizes {
		sizes[i] = size
	}
	return sizes
}

func TestRunLength(t *testing.T) {
	to := netip.MustParseAddrPort("192.0.2.1:5060")
	tests := []struct {
		name  string
		sizes []int
		want  int
	}{
		{"one", same(500, 1), 1},
		{"too few", same(500, minRun-1), 1},
		{"just enough", same(500, minRun), minRun},
		{"many", same(500, 30), 30},
		{"too many", same(500, 70), maxRun},
		{"the last is shorter", []int{500, 500, 500, 500, 20, 20}, 5},
		{"the next is longer", []int{500, 500, 500, 500, 501}, 4},
		{"empty", same(0, 10), 1},
		{"an empty one behind", []int{500, 500, 500, 500, 0}, 4},
		{"too long for some networks", same(maxSegment+1, 10), 1},
		{"as long as a datagram", same(maxSegment, 64), maxRunBytes / maxSegment},
	}
	for _, tt := range tests {
		require.Equal(t, tt.want, runLength(sized(to, tt.sizes...)), tt.name)
	}
	ps := sized(to, same(500, 12)...)
	ps[8].Peer = netip.MustParseAddrPort("192.0.2.1:5061")
	require.Equal(t, 8, runLength(ps), "another peer")
	ps[6].Local = to
	require.Equal(t, 6, runLength(ps), "another source")
}

// A socket without checksums may not send segments.
func TestSegmentsThatAreRefusedGoOneByOne(t *testing.T) {
	conns, err := Listen(context.Background(), "udp", "127.0.0.1:0", Options{Segment: true, ReadBuffer: 4 << 20})
	require.NoError(t, err)
	c := conns[0]
	defer c.Close()
	require.NoError(t, control(c.path.(*batchPath).raw, func(fd int) error {
		return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_NO_CHECK, 1)
	}))
	for range 2 {
		ps := sized(c.local, same(500, 80)...)
		n, err := c.Write(ps)
		require.NoError(t, err)
		require.Equal(t, len(ps), n)
		for n := 0; n < len(ps); {
			require.NoError(t, ps[n].Err)
			got, err := c.Read()
			require.NoError(t, err)
			n += len(got)
		}
		require.False(t, c.path.(*batchPath).segment.Load(), "not to be tried again")
	}
}

// The kernel says EINVAL to packets that are at fault themselves, too.
func TestBadPacketsDoNotSwitchSegmentsOff(t *testing.T) {
	conns, err := Listen(context.Background(), "udp6", "[::]:0", Options{Segment: true})
	require.NoError(t, err)
	c := conns[0]
	defer c.Close()
	ps := sized(netip.AddrPortFrom(netip.IPv6Loopback(), c.local.Port()), same(500, 24)...)
	for i := range ps[:8] {
		ps[i].Local = netip.MustParseAddrPort("[2001:db8::77]:1") // not of this host
		ps[8+i].Peer = netip.AddrPortFrom(netip.IPv6Loopback(), 0)
	}
	n, err := c.Write(ps)
	require.NoError(t, err)
	require.Equal(t, len(ps), n)
	for i := range ps {
		if i < 16 {
			require.ErrorIs(t, ps[i].Err, syscall.EINVAL)
		} else {
			require.NoError(t, ps[i].Err)
		}
	}
	got, err := c.Read()
	require.NoError(t, err)
	require.Len(t, got, 8)
	require.True(t, c.path.(*batchPath).segment.Load())
}

func TestARunThatCannotBeSentFailsWhole(t *testing.T) {
	conns, err := Listen(context.Background(), "udp4", "0.0.0.0:0", Options{Segment: true})
	require.NoError(t, err)
	c := conns[0]
	defer c.Close()
	ps := sized(netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), c.local.Port()), same(500, 24)...)
	for i := range ps[:8] {
		ps[i].Peer = netip.AddrPortFrom(netip.IPv6Loopback(), 5060)
		ps[8+i].Local = netip.MustParseAddrPort("192.0.2.77:1") // not of this host
	}
	n, err := c.Write(ps)
	require.NoError(t, err)
	require.Equal(t, len(ps), n)
	for i := range ps {
		require.Equal(t, i < 16, ps[i].Err != nil, "packet %d: %v", i, ps[i].Err)
	}
	got, err := c.Read()
	require.NoError(t, err)
	require.Len(t, got, 8)
	require.True(t, c.path.(*batchPath).segment.Load())
}
