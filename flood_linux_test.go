package patchbay_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/patchbay-sip/patchbay/proxy"
	"github.com/patchbay-sip/patchbay/registrar"
	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/transport"
	"github.com/patchbay-sip/patchbay/transaction"
)

const (
	perSource = 500    // requests a second that one source may send
	flooding  = 20_000 // a second that one of them does send
	calling   = 200    // calls a second beside it
)

// TestCallsDuringFlood: somebody sends forty times what he may, and two phones
// call each other as if nothing were.
func TestCallsDuringFlood(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	server, err := transport.ListenUDP("127.0.0.1:0", transport.WithSources(transport.Sources{Rate: perSource}))
	require.NoError(t, err)
	domains := sip.NewDomains("example.com")
	endpoint := transaction.New()
	reg := registrar.New(domains, registrar.NewMemory())
	mux := transaction.NewMux()
	var registers atomic.Uint64
	mux.HandleFunc(sip.REGISTER, func(ctx context.Context, req *sip.Request, tx *transaction.ServerTx) error {
		registers.Add(1)
		return reg.ServeSIP(ctx, req, tx)
	})
	mux.Default(proxy.New(endpoint, domains, proxy.Location(domains, reg)))
	served := make(chan error)
	go func() { served <- endpoint.Serve(context.Background(), mux, server) }()
	defer func() {
		require.NoError(t, endpoint.Close())
		require.ErrorIs(t, <-served, net.ErrClosed)
	}()
	caller, callee := newUDPPhone(t, "caller", "127.0.0.3:0", server), newUDPPhone(t, "callee", "127.0.0.4:0", server)
	go callee.answer()

	calm := timeCalls(caller)
	t.Logf("calm: %v", calm)
	for name, text := range map[string]string{
		"garbage": strings.Repeat("\xde\xad", 200),
		"REGISTER": "REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.2;branch=z9hG4bK#\r\n" +
			"From: <sip:#@example.com>;tag=1\r\nTo: <sip:#@example.com>\r\nCall-ID: #\r\nCSeq: 1 REGISTER\r\n" +
			"Contact: <sip:flood@127.0.0.2:9>\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			before := server.Stats()
			taken := before.Dropped.NotSIP + registers.Load()
			stop, begun := flood(t, server, text), time.Now()
			got := timeCalls(caller)
			sent, took := stop(), time.Since(begun)
			after := server.Stats()
			dropped := after.Dropped.OverRate - before.Dropped.OverRate
			taken = after.Dropped.NotSIP + registers.Load() - taken
			t.Logf("%d packets in %v, of which %d were taken: %v", sent, took.Round(time.Millisecond), taken, got)
			require.Less(t, got.p50, max(2*calm.p50, 50*time.Millisecond))
			require.LessOrEqual(t, float64(taken), perSource*(1+took.Seconds())+1)
			require.Greater(t, int(dropped), sent/2)
		})
	}
}

// udpPhone is a phone over UDP. It sends a request again when there is no answer
// for half a second, as RFC 3261 section 17.1.1.2 wants it.
type udpPhone struct {
	*net.UDPConn
	t     *testing.T
	user  string
	n     int // requests
	again int // of them, those that were sent again
}

// newUDPPhone makes a phone that is registered.
func newUDPPhone(t *testing.T, user, from string, server *transport.UDP) *udpPhone {
	t.Helper()
	p := &udpPhone{UDPConn: dialUDP(t, from, server), t: t, user: user}
	p.ask("REGISTER", "sip:example.com", "To: <sip:"+user+"@example.com>")
	return p
}

func dialUDP(t *testing.T, from string, server *transport.UDP) *net.UDPConn {
	t.Helper()
	local := net.UDPAddrFromAddrPort(netip.MustParseAddrPort(from))
	c, err := net.DialUDP("udp", local, net.UDPAddrFromAddrPort(server.Addrs()[0]))
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}

// request is one with a new branch.
func (p *udpPhone) request(method, uri string, fields ...string) string {
	p.n++
	return fmt.Sprintf("%s %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK%d\r\nMax-Forwards: 70\r\n"+
		"From: <sip:%[5]s@example.com>;tag=1\r\nCall-ID: call\r\nCSeq: %[4]d %[1]s\r\n"+
		"Contact: <sip:%[5]s@%[3]s>\r\n%[6]s\r\nContent-Length: 0\r\n\r\n",
		method, uri, p.LocalAddr(), p.n, p.user, strings.Join(fields, "\r\n"))
}

// ask sends a request until it gets a 200.
func (p *udpPhone) ask(method, uri string, fields ...string) *sip.Response {
	p.t.Helper()
	text, cseq, buf := p.request(method, uri, fields...), fmt.Sprint(p.n, " ", method), make([]byte, 4096)
	for range 40 {
		_, err := p.Write([]byte(text))
		require.NoError(p.t, err)
		require.NoError(p.t, p.SetReadDeadline(time.Now().Add(500*time.Millisecond)))
		for {
			n, err := p.Read(buf)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				p.again++
				break
			}
			require.NoError(p.t, err)
			m, err := sip.Parse(buf[:n])
			require.NoError(p.t, err)
			if resp, ok := m.(*sip.Response); ok && m.Head().Get("CSeq") == cseq && resp.StatusCode >= 200 {
				require.Equal(p.t, 200, resp.StatusCode)
				return resp
			}
		}
	}
	require.Fail(p.t, "no answer", "to %s", text)
	return nil
}

// call calls the callee, and hangs up.
func (p *udpPhone) call() {
	p.t.Helper()
	resp := p.ask("INVITE", "sip:callee@example.com", "To: <sip:callee@example.com>")
	fields := []string{"To: " + resp.Get("To")}
	for route := range resp.Values("Record-Route") {
		fields = append(fields, "Route: "+route) // there is one alone
	}
	contact, err := resp.Address("Contact")
	require.NoError(p.t, err)
	_, err = p.Write([]byte(p.request("ACK", contact.URI.String(), fields...)))
	require.NoError(p.t, err)
	p.ask("BYE", contact.URI.String(), fields...)
}

// answer says 200 to everything, as often as it comes, until the socket is
// closed.
func (p *udpPhone) answer() {
	_ = p.SetReadDeadline(time.Time{})
	buf := make([]byte, 4096)
	for {
		n, err := p.Read(buf)
		if err != nil {
			return
		}
		m, err := sip.Parse(buf[:n])
		if req, ok := m.(*sip.Request); ok && err == nil && req.Method != sip.ACK {
			resp := sip.NewResponse(req, 200)
			resp.Set("Contact", "<sip:callee@"+p.LocalAddr().String()+">")
			_, _ = p.Write([]byte(resp.String()))
		}
	}
}

// timings are how long calls took, from INVITE to the 200 for BYE.
type timings struct {
	p50, p99, most time.Duration
	again          int
}

func (t timings) String() string {
	return fmt.Sprintf("a call takes %v, p99 %v, at most %v; %d requests were sent again", t.p50, t.p99, t.most, t.again)
}

// timeCalls makes calls for a second.
func timeCalls(caller *udpPhone) timings {
	var each []time.Duration
	tick := time.NewTicker(time.Second / calling)
	defer tick.Stop()
	before := caller.again
	for range calling {
		<-tick.C
		start := time.Now()
		caller.call()
		each = append(each, time.Since(start).Round(time.Microsecond))
	}
	slices.Sort(each)
	return timings{each[len(each)/2], each[len(each)*99/100], each[len(each)-1], caller.again - before}
}

// flood sends a text over and over, with a number in the place of each #, until
// it is stopped; it tells how often.
func flood(t *testing.T, server *transport.UDP, text string) (stop func() int) {
	t.Helper()
	c := dialUDP(t, "127.0.0.2:0", server)
	parts := strings.Split(text, "#")
	done, sent := make(chan struct{}), 0
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		var packet []byte
		for last := time.Now(); ; {
			select {
			case <-done:
				return
			case <-tick.C:
			}
			since := min(time.Since(last), 10*time.Millisecond) // the test's own delays are not made up for
			last = time.Now()
			for range int(since.Seconds() * flooding) {
				packet = append(packet[:0], parts[0]...)
				for _, part := range parts[1:] {
					packet = append(strconv.AppendInt(packet, int64(sent), 10), part...)
				}
				_, _ = c.Write(packet) // what is lost is lost
				sent++
			}
		}
	})
	return func() int {
		close(done)
		wg.Wait()
		c.Close()
		return sent
	}
}
