package transport_test

import (
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip/transport"
	"github.com/patchbay-sip/patchbay/sip/transport/memnet"
)

// inUse returns the bytes of heap and stacks after a collection.
func inUse() int64 {
	runtime.GC()
	runtime.GC() // what pools hold goes with the second one
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

// TestIdleConnectionsAreSmall: 12 KiB for each end that was used and is idle,
// goroutine and all.
func TestIdleConnectionsAreSmall(t *testing.T) {
	const conns = 400
	tr, err := transport.ListenTCP("127.0.0.1:0")
	require.NoError(t, err)
	r := newRecorder()
	serveSink(t, tr, r)
	before := inUse()
	for range conns {
		c, err := net.Dial("tcp", tr.Addrs()[0].String())
		require.NoError(t, err)
		defer c.Close()
		_, err = io.WriteString(c, options("a"))
		require.NoError(t, err)
		got := <-r.messages
		require.NoError(t, tr.Send(got.flow, ok(t, got.m)))
		readMessage(t, c)
	}
	each := (inUse() - before) / conns
	t.Logf("%d bytes for each connection, the peer's end included", each)
	require.Less(t, each, int64(12<<10))
}

// TestManyIdleConnections: 10,000 phones that have nothing to say, and others
// that have not even begun, take 12 KiB each and nobody's time.
func TestManyIdleConnections(t *testing.T) {
	const conns = 10_000
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		tr := tcpOn(t, n, "10.0.0.1:5060")
		r := newRecorder()
		r.failed = make(chan failure, conns+1)
		serveSink(t, tr, r)
		alive := dial(t, n, "10.0.0.2", "10.0.0.1:5060")
		before := inUse()
		for i := range conns {
			c := dial(t, n, fmt.Sprintf("10.1.%d.%d", i/250, i%250), "10.0.0.1:5060")
			if i%2 == 0 {
				_, err := io.WriteString(c, options("a"))
				require.NoError(t, err)
				<-r.messages
			}
		}
		synctest.Wait()
		require.Equal(t, conns+1, tr.Stats().Conns.Open)
		each := (inUse() - before) / conns
		t.Logf("%d bytes for each connection, the peer's end included", each)
		require.Less(t, each, int64(12<<10))

		start := time.Now()
		for i := range 100 {
			_, err := io.WriteString(alive, options(fmt.Sprint(i)))
			require.NoError(t, err)
			got := <-r.messages
			require.NoError(t, tr.Send(got.flow, ok(t, got.m)))
			require.Contains(t, readMessage(t, alive), "SIP/2.0 200 ")
		}
		require.Zero(t, time.Since(start))

		time.Sleep(time.Minute)
		synctest.Wait()
		require.Equal(t, conns/2+1, tr.Stats().Conns.Open, "who has said nothing is gone")
		require.EqualValues(t, conns/2, tr.Stats().Conns.Slow)
		time.Sleep(2 * 65 * time.Minute)
		synctest.Wait()
		require.Zero(t, tr.Stats().Conns.Open)
		require.EqualValues(t, conns/2+1, tr.Stats().Conns.Idle)
	})
}

// TestLargeBuffersAreGivenBack: a connection that had a large message to read
// does not keep the room for it.
func TestLargeBuffersAreGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const conns = 50
		n := memnet.New()
		r := serve(t, tcpOn(t, n, "10.0.0.1:5060"))
		for range conns {
			c := dial(t, n, "10.0.0.2", "10.0.0.1:5060")
			_, err := io.WriteString(c, request("MESSAGE", "a", "h", strings.Repeat("x", 60_000)))
			require.NoError(t, err)
			<-r.messages
		}
		busy := inUse()
		time.Sleep(10 * time.Second)
		synctest.Wait()
		require.Greater(t, busy-inUse(), int64(conns*50_000))
	})
}
