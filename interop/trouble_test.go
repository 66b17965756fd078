//go:build interop

package interop

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/patchbay-sip/patchbay/proxy"
	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/resolve"
	"github.com/patchbay-sip/patchbay/sip/transport"
	"github.com/patchbay-sip/patchbay/transaction"
)

// A relay is a proxy in this process that forwards by the Request-URI.
type relay struct {
	addr string
	tcp  *transport.TCP
	tls  *transport.TLS
}

// startRelay starts one that asks a name server.
func startRelay(t *testing.T, names net.PacketConn) *relay {
	t.Helper()
	udp, err := transport.ListenUDP("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{addr: udp.Addrs()[0].String()}
	if r.tcp, err = transport.ListenTCP("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	if r.tls, err = transport.NewTLS(nil, new(tls.Config)); err != nil {
		t.Fatal(err)
	}
	server := names.LocalAddr().(*net.UDPAddr).AddrPort()
	resolver := resolve.New(resolve.WithLookup(resolve.NewClient(nil, server)))
	ep := transaction.New(transaction.WithResolver(resolver))
	p := proxy.New(ep, sip.NewDomains("proxy.test"), proxy.First(), proxy.WithGate(proxy.Open{}))
	serving(t, ep, p, udp, r.tcp, r.tls)
	t.Cleanup(func() { _ = resolver.Close() })
	return r
}

// serving serves until the test ends.
func serving(t *testing.T, ep *transaction.Endpoint, h transaction.Handler, ts ...transport.Transport) {
	served := make(chan error, 1)
	go func() { served <- ep.Serve(t.Context(), h, ts...) }()
	t.Cleanup(func() {
		_ = ep.Close()
		if err := <-served; !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	})
}

// A trouble is requests that lead nowhere.
type trouble struct {
	names  net.PacketConn           // the name server, which keeps silent
	target func(n int) string       // of the request of a number
	body   int                      // how long each is
	check  func(*testing.T, *relay) // that there was trouble
}

const (
	troubleRate    = 100 // requests a second
	troubleSources = 16  // so many that each reader of a relay gets some
)

// begin sends such requests to a relay until the test ends.
func (tr trouble) begin(t *testing.T, r *relay) {
	t.Helper()
	var sources [troubleSources]net.Conn
	for i := range sources {
		conn, err := net.Dial("udp", r.addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		sources[i] = conn
	}
	end := make(chan struct{})
	var ended sync.WaitGroup
	ended.Go(func() {
		ticker := time.NewTicker(time.Second / troubleRate)
		defer ticker.Stop()
		for n := 0; ; n++ {
			select {
			case <-end:
				return
			case <-ticker.C:
			}
			from := sources[n%troubleSources]
			_, _ = from.Write(tr.request(n, r, from.LocalAddr())) // what comes back is not read
		}
	})
	t.Cleanup(func() {
		close(end)
		ended.Wait()
	})
}

func (tr trouble) request(n int, r *relay, from net.Addr) []byte {
	u := sip.MustParseURI(tr.target(n))
	req := sip.NewRequest(sip.MESSAGE, u, sip.Address{URI: sip.MustParseURI("sip:trouble@proxy.test")}, sip.Address{URI: u})
	req.Add("Route", "<sip:"+r.addr+";lr>")
	req.Prepend("Via", "SIP/2.0/UDP "+from.String()+";rport;branch="+sip.NewBranch())
	req.SetBody("text/plain", strings.Repeat("x", tr.body))
	return req.Append(nil)
}

// silence is a name server that never answers.
func silence(t *testing.T) net.PacketConn {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// stalledNameServer has requests wait for names, each for another one.
func stalledNameServer(t *testing.T) trouble {
	names := silence(t)
	return trouble{
		names:  names,
		target: func(n int) string { return fmt.Sprintf("sip:a@host%d.test", n) },
		check: func(t *testing.T, _ *relay) {
			_ = names.SetReadDeadline(time.Now().Add(time.Second))
			if _, _, err := names.ReadFrom(make([]byte, 512)); err != nil {
				t.Errorf("the name server was not asked: %v", err)
			}
		},
	}
}

// deafPeer has requests wait for a peer that accepts a connection and never
// reads.
func deafPeer(t *testing.T) trouble {
	addr := listener(t, func(conn net.Conn) { _ = conn.(*net.TCPConn).SetReadBuffer(4096) })
	return trouble{
		names:  silence(t),
		target: func(int) string { return "sip:a@" + addr + ";transport=tcp" },
		body:   40_000,
		check: func(t *testing.T, r *relay) {
			if s := r.tcp.Stats(); s.Dropped.QueueFull == 0 {
				t.Errorf("the peer seems to have read: %+v", s)
			}
		},
	}
}

// silentPeer has requests wait for a peer that accepts connections, reads, and
// says nothing, not in the handshake of TLS either.
func silentPeer(t *testing.T) trouble {
	addr := listener(t, func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) })
	return trouble{
		names:  silence(t),
		target: func(n int) string { return "sip:a@" + addr + ";transport=" + [...]string{"tcp", "tls"}[n%2] },
		check: func(t *testing.T, r *relay) {
			plain, secure := r.tcp.Stats(), r.tls.Stats()
			if plain.Sent == 0 || secure.Conns.DialErrors == 0 {
				t.Errorf("there was no trouble: %+v and %+v", plain, secure)
			}
		},
	}
}

// listener accepts connections and leaves them to f, until the test ends.
func listener(t *testing.T, f func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var open sync.WaitGroup
	end := make(chan struct{})
	open.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			open.Go(func() {
				defer context.AfterFunc(t.Context(), func() { conn.Close() })()
				f(conn)
				<-end
			})
		}
	})
	t.Cleanup(func() {
		close(end)
		l.Close()
		open.Wait()
	})
	return l.Addr().String()
}
