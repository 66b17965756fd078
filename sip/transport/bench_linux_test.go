package transport_test

import (
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/transport"
)

// BenchmarkUDPSaturated is what answering a packet of 500 octets costs where
// there is always another one, in CPU time of the process. The packets come from
// another process, each from another of 16 peers than the one before.
//
// The transport parses and writes out anew. "bare, parsing" does so in a loop
// around a *net.UDPConn; "bare" sends back what it read.
func BenchmarkUDPSaturated(b *testing.B) {
	through := func(b *testing.B, u *transport.UDP) {
		e := &meteredEcho{echo{Transport: u}, newMeter(b)}
		served := make(chan error)
		go func() { served <- u.Serve(e) }()
		e.measure(u.Addrs()[0])
		require.NoError(b, u.Close())
		require.ErrorIs(b, <-served, net.ErrClosed)
	}
	b.Run("transport", func(b *testing.B) {
		u, err := transport.ListenUDP("127.0.0.1:0", transport.WithSockets(1))
		require.NoError(b, err)
		through(b, u)
	})
	b.Run("transport, socket given", func(b *testing.B) {
		through(b, transport.NewUDP(bareUDP(b, "127.0.0.1:0")))
	})
	b.Run("transport, portable", func(b *testing.B) {
		through(b, transport.NewUDP(plainConn{bareUDP(b, "127.0.0.1:0")}))
	})
	bare := func(b *testing.B, work func(packet, out []byte) []byte) {
		c := bareUDP(b, "127.0.0.1:0")
		require.NoError(b, c.SetReadBuffer(4<<20)) // as the transport has it
		m := newMeter(b)
		go bareLoop(c, work, m)
		m.measure(c.LocalAddr().(*net.UDPAddr).AddrPort())
	}
	b.Run("bare, parsing", func(b *testing.B) {
		bare(b, func(packet, out []byte) []byte {
			m, err := sip.Parse(packet)
			if err != nil {
				return nil
			}
			return m.Append(out)
		})
	})
	b.Run("bare", func(b *testing.B) {
		bare(b, func(packet, _ []byte) []byte { return packet })
	})
}

// plainConn hides that it is a *net.UDPConn.
type plainConn struct{ *net.UDPConn }

type meteredEcho struct {
	echo
	*meter
}

func (e *meteredEcho) Message(f sip.Flow, m sip.Message) {
	e.echo.Message(f, m)
	e.count()
}

func bareLoop(c *net.UDPConn, work func(packet, out []byte) []byte, m *meter) {
	in, out := make([]byte, 65536), make([]byte, 0, 65536)
	for {
		n, from, err := c.ReadFromUDPAddrPort(in)
		if err != nil {
			return
		}
		_, _ = c.WriteToUDPAddrPort(work(in[:n], out[:0]), from)
		m.count()
	}
}

// meter takes the time of b.N packets out of a flood that goes on.
type meter struct {
	b     *testing.B
	seen  int
	start time.Duration
	ended chan time.Duration
}

const warmUp = 5000 // packets

func newMeter(b *testing.B) *meter { return &meter{b: b, ended: make(chan time.Duration, 1)} }

// count is called for each packet, by one goroutine.
func (m *meter) count() {
	m.seen++
	switch m.seen {
	case warmUp:
		m.b.ResetTimer()
		m.start = processTime()
	case warmUp + m.b.N:
		m.b.StopTimer()
		m.ended <- processTime() - m.start
	}
}

func (m *meter) measure(addr netip.AddrPort) {
	// As in any server, another goroutine waits on the runtime's poller, which
	// the kernel wakes for what happens on the socket.
	idle, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(m.b, err)
	defer idle.Close()
	go func() { _, _ = idle.Accept() }()

	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), floodEnv+"="+addr.String(), "GOMAXPROCS=1")
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	require.NoError(m.b, err)
	require.NoError(m.b, cmd.Start())
	m.b.ReportAllocs()
	m.b.ReportMetric(float64(<-m.ended)/float64(m.b.N), "cpu-ns/packet")
	require.NoError(m.b, stdin.Close())
	require.NoError(m.b, cmd.Wait())
}

func processTime() time.Duration {
	var r syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

const floodEnv = "TRANSPORT_FLOOD" // the address

// TestMain lets the test binary be a second process, whose CPU time is its own.
func TestMain(m *testing.M) {
	addr := os.Getenv(floodEnv)
	if addr == "" {
		os.Exit(m.Run())
	}
	if err := flood(addr); err != nil {
		panic(err)
	}
}

// flood sends to the address as fast as it can until its standard input ends.
// What comes back fills its receive buffers and is then dropped.
func flood(addr string) error {
	var packets [16][]byte
	var conns [16]net.Conn
	for i := range conns {
		c, err := net.Dial("udp4", addr)
		if err != nil {
			return err
		}
		if err := c.(*net.UDPConn).SetReadBuffer(1); err != nil {
			return err
		}
		text := request("MESSAGE", "bench", c.LocalAddr().String(), "")
		packets[i] = []byte(request("MESSAGE", "bench", c.LocalAddr().String(), string(make([]byte, 498-len(text)))))
		conns[i] = c
	}
	ended := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(ended)
	}()
	for i := 0; ; i = (i + 1) % len(conns) {
		select {
		case <-ended:
			return nil
		default:
		}
		if _, err := conns[i].Write(packets[i]); err != nil {
			return err
		}
	}
}
