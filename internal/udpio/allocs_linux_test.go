//go:build !race

package udpio

import (
	"net"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

// The race detector makes sync.Pool forget at random, so this is without it.
func TestNoAllocations(t *testing.T) {
	for name, portable := range map[string]bool{"batch": false, "portable": true} {
		t.Run(name, func(t *testing.T) {
			socket, err := net.ListenUDP("udp", &net.UDPAddr{})
			require.NoError(t, err)
			defer socket.Close()
			var pc net.PacketConn = socket
			if portable {
				pc = struct{ *net.UDPConn }{socket}
			}
			c := newConn(t, pc, Options{Segment: true, Unreachable: func(netip.AddrPort, error) {}})
			to := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), c.LocalAddr().Port())
			ps := make([]Packet, defaultBatch)
			for i := range ps {
				ps[i] = Packet{Data: make([]byte, messageSize), Peer: to}
			}
			require.Zero(t, testing.AllocsPerRun(100, func() {
				n, err := c.Write(ps)
				if err == nil {
					err = c.Send(ps[0])
				}
				if n != len(ps) || err != nil {
					t.Fatal(n, err)
				}
				for n := 0; n < len(ps)+1; {
					got, err := c.Read()
					if err != nil {
						t.Fatal(err)
					}
					n += len(got)
				}
			}))
		})
	}
}
