package udpio

import (
	"context"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

const (
	floodEnv     = "UDPIO_FLOOD" // the address, and floodRunEnv how many packets go in a row
	floodRunEnv  = "UDPIO_FLOOD_RUN"
	floodSockets = 16
	messageSize  = 500
)

// BenchmarkEcho echoes messages of 500 bytes on one socket that never runs dry
// and reports the CPU time of the process a packet. The flood comes from
// another process. In "mixed" each packet is from another peer than the one
// before, in "runs" eight in a row are from the same one.
func BenchmarkEcho(b *testing.B) {
	unreachable := func(netip.AddrPort, error) {}
	servers := []struct {
		name string
		open func(*testing.B) echoServer
	}{
		{"net", func(b *testing.B) echoServer {
			conn := givenConn(b)
			return echoServer{conn, conn.LocalAddr(), echoNet(conn)}
		}},
		{"portable", conn(func(b *testing.B) *Conn { return newConn(b, struct{ *net.UDPConn }{givenConn(b)}, Options{}) }, echoBatches)},
		{"given", conn(func(b *testing.B) *Conn { return newConn(b, givenConn(b), Options{}) }, echoBatches)},
		{"batch", conn(listenWith(Options{}), echoBatches)},
		{"batch+unreachable", conn(listenWith(Options{Unreachable: unreachable}), echoBatches)},
		{"batch+segment", conn(listenWith(Options{Segment: true}), echoBatches)},
		{"batch+send", conn(listenWith(Options{}), echoOneByOne)},
	}
	for _, flood := range []struct{ name, run string }{{"mixed", "1"}, {"runs", "8"}} {
		for _, s := range servers {
			b.Run(flood.name+"/"+s.name, func(b *testing.B) {
				server := s.open(b)
				defer server.socket.Close()
				benchmarkEcho(b, server.addr.String(), flood.run, server.echo)
			})
		}
	}
}

type echoServer struct {
	socket io.Closer
	addr   net.Addr
	echo   func() (packets int, err error)
}

func givenConn(b *testing.B) *net.UDPConn {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(b, err)
	require.NoError(b, conn.SetReadBuffer(4<<20))
	return conn
}

func listenWith(o Options) func(*testing.B) *Conn {
	o.ReadBuffer = 4 << 20
	return func(b *testing.B) *Conn {
		conns, err := Listen(b.Context(), "udp4", "127.0.0.1:0", o)
		require.NoError(b, err)
		return conns[0]
	}
}

func conn(open func(*testing.B) *Conn, echo func(*Conn) func() (int, error)) func(*testing.B) echoServer {
	return func(b *testing.B) echoServer {
		c := open(b)
		return echoServer{c, net.UDPAddrFromAddrPort(c.LocalAddr()), echo(c)}
	}
}

func newConn(tb testing.TB, pc net.PacketConn, o Options) *Conn {
	tb.Helper()
	c, err := New(pc, o)
	require.NoError(tb, err)
	return c
}

// echoNet is the loop that package net alone allows.
func echoNet(conn *net.UDPConn) func() (int, error) {
	buf := make([]byte, defaultMaxSize)
	return func() (int, error) {
		n, from, err := conn.ReadFromUDPAddrPort(buf)
		if err != nil {
			return 0, err
		}
		_, err = conn.WriteToUDPAddrPort(buf[:n], from)
		return 1, err
	}
}

func echoBatches(c *Conn) func() (int, error) {
	return func() (int, error) {
		ps, err := c.Read()
		if err != nil {
			return 0, err
		}
		return c.Write(ps)
	}
}

func echoOneByOne(c *Conn) func() (int, error) {
	return func() (int, error) {
		ps, err := c.Read()
		for _, p := range ps {
			if err := c.Send(p); err != nil {
				return 0, err
			}
		}
		return len(ps), err
	}
}

func benchmarkEcho(b *testing.B, addr, floodRun string, echo func() (int, error)) {
	defer startFlood(b, addr, floodRun)()
	// As in any server, another goroutine waits on the runtime's poller, which
	// the kernel wakes for each packet that leaves.
	idle, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(b, err)
	defer idle.Close()
	go func() { _, _ = idle.Accept() }()

	run := func(packets int) {
		for packets > 0 {
			n, err := echo()
			if err != nil {
				b.Fatal(err)
			}
			packets -= n
		}
	}
	run(5000) // the flood has begun
	b.ReportAllocs()
	b.ResetTimer()
	before := processCPU(b)
	run(b.N)
	b.ReportMetric(float64(processCPU(b)-before)/float64(b.N), "cpu-ns/op")
}

// processCPU is the CPU time of this process in nanoseconds.
func processCPU(tb testing.TB) int64 {
	var u unix.Rusage
	require.NoError(tb, unix.Getrusage(unix.RUSAGE_SELF, &u))
	return u.Utime.Nano() + u.Stime.Nano()
}

// startFlood floods the address from another process until the function that
// it returns is called.
func startFlood(tb testing.TB, addr, run string) (stop func()) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), floodEnv+"="+addr, floodRunEnv+"="+run, "GOMAXPROCS=1")
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	require.NoError(tb, err)
	require.NoError(tb, cmd.Start())
	return func() {
		stdin.Close()
		require.NoError(tb, cmd.Wait())
	}
}

// flood sends to the address as fast as it can until its standard input ends.
// What comes back fills its receive buffers and is then dropped.
func flood(addr string) {
	to := netip.MustParseAddrPort(addr)
	conns := make([]*Conn, floodSockets)
	for i := range conns {
		opened, err := Listen(context.Background(), "udp4", "127.0.0.1:0", Options{ReadBuffer: 1})
		if err != nil {
			panic(err)
		}
		conns[i] = opened[0]
	}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		for _, c := range conns {
			c.Close()
		}
	}()
	run := 1
	if os.Getenv(floodRunEnv) == "8" {
		run = 8
	}
	ps := make([]Packet, run)
	for i := range ps {
		ps[i] = Packet{Data: make([]byte, messageSize), Peer: to}
	}
	for i := 0; ; i++ {
		if _, err := conns[i%len(conns)].Write(ps); err != nil {
			return
		}
	}
}
