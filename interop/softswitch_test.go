//go:build interop

package interop

import (
	"fmt"
	"net"
	"syscall"
	"testing"
	"time"
)

// A softswitch is one run of the program under test, on one address for UDP
// and TCP. It is its own domain, as ip:port, beside what --domain names.
type softswitch struct {
	*process
	ip   string
	addr string // ip:port
	tls  string // ip:port, of serveSecure alone
	wss  string // likewise
}

// port is where every softswitch listens: of four digits, for sipsak, and not
// the default one. The next one is that of TLS, and the one behind that of WSS.
const port = 5070

// serveSecure starts a softswitch that takes TLS and WebSockets as well.
func serveSecure(t *testing.T, ip string, flags ...string) *softswitch {
	t.Helper()
	tls, wss := fmt.Sprintf("%s:%d", ip, port+1), fmt.Sprintf("%s:%d", ip, port+2)
	s := serve(t, ip, append([]string{"--tls", tls, "--wss", wss}, flags...)...)
	s.tls, s.wss = tls, wss
	return s
}

// serve starts a softswitch, and returns when it answers. At the end of the
// test SIGTERM must end it with status 0 within five seconds.
func serve(t *testing.T, ip string, flags ...string) *softswitch {
	t.Helper()
	addr := fmt.Sprintf("%s:%d", ip, port)
	args := append([]string{"serve", "--udp", addr, "--tcp", addr}, flags...)
	s := &softswitch{process: start(t, t.TempDir(), program, args...), ip: ip, addr: addr}
	t.Cleanup(func() {
		s.signal(t, syscall.SIGTERM)
		asked := time.Now()
		if status := s.wait(t, 5*time.Second); status != 0 {
			t.Errorf("exit status %d after SIGTERM", status)
		}
		t.Logf("softswitch ended %v after SIGTERM", time.Since(asked).Round(time.Millisecond))
	})
	eventually(t, 10*time.Second, func() bool {
		select {
		case <-s.ended:
			t.Fatalf("softswitch ended at once: %v\n%s", s.err, s.output.String())
		default:
		}
		return answers(addr)
	}, "softswitch does not answer at %s", addr)
	return s
}

// answers tells whether an OPTIONS over UDP gets any answer, and TCP a
// connection.
func answers(addr string) bool {
	stream, err := net.DialTimeout("tcp", addr, 200*time.Millisecond)
	if err != nil {
		return false
	}
	stream.Close()
	conn, err := net.Dial("udp", addr)
	if err != nil {
		return false
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(500 * time.Millisecond))
	local := conn.LocalAddr()
	fmt.Fprintf(conn, "OPTIONS sip:%s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bKprobe%d\r\nMax-Forwards: 70\r\n"+
		"From: <sip:probe@%s>;tag=1\r\nTo: <sip:%s>\r\nCall-ID: probe@%s\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n",
		addr, local, time.Now().UnixNano(), local, addr, local)
	n, err := conn.Read(make([]byte, 4096))
	return err == nil && n > 0
}
