package memnet_test

import (
	"encoding/binary"
	"net"
	"net/netip"
	"os"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip/transport/memnet"
)

// arrivals sends count numbered datagrams, one each millisecond, and tells
// which arrive when.
func arrivals(t *testing.T, n *memnet.Network, count int) (numbers []int, times []time.Duration) {
	t.Helper()
	a, b := listenPacket(t, n, "10.0.0.1:1"), listenPacket(t, n, "10.0.0.2:2")
	start := time.Now()
	go func() {
		for i := range count {
			a.WriteTo(binary.BigEndian.AppendUint32(nil, uint32(i)), b.LocalAddr())
			time.Sleep(time.Millisecond)
		}
	}()
	buf := make([]byte, 100)
	for {
		require.NoError(t, b.SetReadDeadline(time.Now().Add(time.Minute)))
		_, _, err := b.ReadFrom(buf)
		if err != nil {
			require.ErrorIs(t, err, os.ErrDeadlineExceeded)
			return numbers, times
		}
		numbers = append(numbers, int(binary.BigEndian.Uint32(buf)))
		times = append(times, time.Since(start))
	}
}

func TestSameSeedSameFate(t *testing.T) {
	run := func(seed uint64) (numbers []int, times []time.Duration, stats memnet.Stats) {
		synctest.Test(t, func(t *testing.T) {
			n := memnet.New(
				memnet.WithSeed(seed), memnet.WithLoss(0.1), memnet.WithDuplication(0.1),
				memnet.WithDelay(20*time.Millisecond), memnet.WithJitter(10*time.Millisecond))
			numbers, times = arrivals(t, n, 1000)
			stats = n.Stats()
		})
		return numbers, times, stats
	}
	numbers, times, stats := run(1)
	again, timesAgain, _ := run(1)
	require.Equal(t, numbers, again)
	require.Equal(t, times, timesAgain)
	other, _, _ := run(2)
	require.NotEqual(t, numbers, other)

	require.InDelta(t, 100, stats.Lost, 40)
	require.InDelta(t, 90, stats.Duplicated, 40)
	require.Len(t, numbers, 1000-int(stats.Lost)+int(stats.Duplicated))
	require.False(t, slices.IsSorted(numbers), "jitter reorders")
	for i, number := range numbers {
		late := times[i] - time.Duration(number)*time.Millisecond
		require.GreaterOrEqual(t, late, 20*time.Millisecond)
		require.Less(t, late, 30*time.Millisecond)
	}
}

func TestDelayKeepsOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.WithDelay(50 * time.Millisecond))
		a, b := listenPacket(t, n, "10.0.0.1:1"), listenPacket(t, n, "10.0.0.2:2")
		start := time.Now()
		for i := range 100 {
			_, err := a.WriteTo([]byte{byte(i)}, b.LocalAddr())
			require.NoError(t, err)
		}
		for i := range 100 {
			text, _ := read(t, b)
			require.Equal(t, string([]byte{byte(i)}), text)
		}
		require.Equal(t, 50*time.Millisecond, time.Since(start))
	})
}

func TestFilter(t *testing.T) {
	n := memnet.New(memnet.WithFilter(func(from, _ netip.AddrPort, packet []byte) bool {
		return from.Port() != 1 || string(packet) != "ACK"
	}))
	a, b := listenPacket(t, n, "10.0.0.1:1"), listenPacket(t, n, "10.0.0.2:2")
	for _, text := range []string{"ACK", "BYE"} {
		_, err := a.WriteTo([]byte(text), b.LocalAddr())
		require.NoError(t, err)
	}
	text, _ := read(t, b)
	require.Equal(t, "BYE", text)
	require.EqualValues(t, 1, n.Stats().Lost)
}

// What is under way when its receiver closes is lost, and keeps no bubble open.
func TestCloseWithPacketsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.WithDelay(time.Second))
		a, b := listenPacket(t, n, "10.0.0.1:1"), listenPacket(t, n, "10.0.0.2:2")
		_, err := a.WriteTo([]byte("late"), b.LocalAddr())
		require.NoError(t, err)
		require.NoError(t, b.Close())
		time.Sleep(2 * time.Second)
		require.EqualValues(t, 1, n.Stats().NoSocket)
		_, err = a.WriteTo([]byte("never"), &net.UDPAddr{IP: net.IP{10, 0, 0, 2}, Port: 2})
		require.NoError(t, err)
	})
}
