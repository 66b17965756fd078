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
	o := Options{Segment: true, Unreachable: func(netip.AddrPort, error) {}}
	given := func(t *testing.T) *net.UDPConn {
		socket, err := net.ListenUDP("udp", &net.UDPAddr{})
		require.NoError(t, err)
		return socket
	}
	for name, open := range map[string]func(t *testing.T) *Conn{
		"listen": func(t *testing.T) *Conn {
			conns, err := Listen(t.Context(), "udp", ":0", o)
			require.NoError(t, err)
			return conns[0]
		},
		"given":    func(t *testing.T) *Conn { return newConn(t, given(t), o) },
		"portable": func(t *testing.T) *Conn { return newConn(t, struct{ *net.UDPConn }{given(t)}, o) },
	} {
		t.Run(name, func(t *testing.T) {
			c := open(t)
			defer c.Close()
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
