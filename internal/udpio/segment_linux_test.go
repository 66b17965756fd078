package udpio_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/internal/udpio"
)

// runs makes packets of the given sizes, each filled with a letter of its own.
func runs(to *udpio.Conn, sizes ...int) []udpio.Packet {
	ps := make([]udpio.Packet, len(sizes))
	for i, size := range sizes {
		ps[i] = udpio.Packet{Data: bytes.Repeat([]byte{byte('a' + i%26)}, size), Peer: to.LocalAddr()}
	}
	return ps
}

func TestSegmentsArriveAsTheyWere(t *testing.T) {
	tests := map[string][]int{
		"one size":             {500, 500, 500, 500, 500, 500},
		"the last is shorter":  {500, 500, 500, 500, 20, 500, 500, 500, 500},
		"one is longer":        {500, 500, 500, 500, 501, 500, 500, 500, 500},
		"empty ones":           {0, 0, 0, 0, 0, 10, 10, 10, 10, 10, 0, 10},
		"too few":              {100, 100, 200, 200, 300, 300},
		"too long for the MTU": {20000, 20000, 20000, 20000, 20000, 20000},
		"longer than a batch":  bytesRepeated(1200, 150),
	}
	for _, addr := range []string{"127.0.0.1:0", "[::1]:0", "[::]:0"} {
		for name, sizes := range tests {
			t.Run(addr+" "+name, func(t *testing.T) {
				peer := listen(t, "udp", map[bool]string{true: "[::1]:0", false: addr}[addr == "[::]:0"], udpio.Options{ReadBuffer: 4 << 20})
				c := listen(t, "udp", addr, udpio.Options{Segment: true, Batch: 100})
				ps := runs(peer, sizes...)
				n, err := c.Write(ps)
				require.NoError(t, err)
				require.Equal(t, len(ps), n)
				for i, p := range readN(t, peer, len(ps)) {
					require.NoError(t, ps[i].Err)
					require.Equal(t, string(ps[i].Data), string(p.Data))
				}
			})
		}
	}
}

func bytesRepeated(size, n int) []int {
	sizes := make([]int, n)
	for i := range sizes {
		sizes[i] = size
	}
	return sizes
}
