package transport_test

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip/transport"
	"github.com/patchbay-sip/patchbay/sip/transport/memnet"
)

func prefixes(texts ...string) (list []netip.Prefix) {
	for _, text := range texts {
		list = append(list, netip.MustParsePrefix(text))
	}
	return list
}

// TestSourceLists: who may send, by UDP and by TCP.
func TestSourceLists(t *testing.T) {
	for name, c := range map[string]struct {
		sources  transport.Sources
		from     string
		accepted bool
	}{
		"no list":                    {transport.Sources{}, "10.0.0.2", true},
		"denied":                     {transport.Sources{Deny: prefixes("10.0.0.2/32")}, "10.0.0.2", false},
		"denied with its net":        {transport.Sources{Deny: prefixes("192.0.2.0/24", "10.0.0.0/8")}, "10.0.0.2", false},
		"denied by an unmasked one":  {transport.Sources{Deny: prefixes("10.0.0.99/24")}, "10.0.0.2", false},
		"denied by a mapped one":     {transport.Sources{Deny: prefixes("::ffff:10.0.0.0/120")}, "10.0.0.2", false},
		"another is denied":          {transport.Sources{Deny: prefixes("10.0.0.3/32")}, "10.0.0.2", true},
		"IPv6 is denied":             {transport.Sources{Deny: prefixes("::/0")}, "10.0.0.2", true},
		"IPv6, denied":               {transport.Sources{Deny: prefixes("2001:db8::/48")}, "2001:db8:0:1::2", false},
		"IPv6, another is denied":    {transport.Sources{Deny: prefixes("2001:db8::/48")}, "2001:db8:1::2", true},
		"IPv6, IPv4 is denied":       {transport.Sources{Deny: prefixes("0.0.0.0/0")}, "2001:db8::2", true},
		"allowed":                    {transport.Sources{Allow: prefixes("10.0.0.0/24")}, "10.0.0.2", true},
		"another is allowed":         {transport.Sources{Allow: prefixes("10.0.1.0/24")}, "10.0.0.2", false},
		"allowed, denied":            {transport.Sources{Allow: prefixes("10.0.0.2/32"), Deny: prefixes("10.0.0.0/8")}, "10.0.0.2", false},
		"unlimited, denied":          {transport.Sources{Unlimited: prefixes("10.0.0.2/32"), Deny: prefixes("10.0.0.0/8")}, "10.0.0.2", false},
		"a prefix that is none":      {transport.Sources{Deny: []netip.Prefix{{}}}, "10.0.0.2", true},
		"nobody that exists allowed": {transport.Sources{Allow: []netip.Prefix{{}}}, "10.0.0.2", false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := memnet.New()
				u := udpOn(t, n, "10.0.0.1:5060", transport.WithSources(c.sources))
				tr := tcpOn(t, n, "10.0.0.1:5060", transport.WithSources(c.sources))
				atUDP, atTCP := serve(t, u), serve(t, tr)
				packets, err := n.ListenPacket(netip.AddrPortFrom(netip.MustParseAddr(c.from), 5060).String())
				require.NoError(t, err)
				defer packets.Close()
				_, err = packets.WriteTo([]byte(options("a")), net.UDPAddrFromAddrPort(u.Addrs()[0]))
				require.NoError(t, err)
				conn := dial(t, n, c.from, "10.0.0.1:5060")
				_, _ = io.WriteString(conn, options("a")) // perhaps it is closed
				synctest.Wait()
				stats, conns := u.Stats(), tr.Stats().Conns
				if c.accepted {
					require.Len(t, atUDP.messages, 1)
					require.Len(t, atTCP.messages, 1)
					require.Zero(t, stats.Dropped.Denied+conns.Denied)
					return
				}
				require.Empty(t, atUDP.messages)
				require.Empty(t, atTCP.messages)
				require.EqualValues(t, 1, stats.Dropped.Denied)
				require.EqualValues(t, 1, conns.Denied)
				require.Zero(t, conns.Open)
				rest, err := io.ReadAll(conn)
				require.NoError(t, err)
				require.Empty(t, rest)
			})
		})
	}
}

// TestSourceRate: what one source sends too much of is dropped without a word;
// another one, its responses and its calls come through.
func TestSourceRate(t *testing.T) {
	response := strings.Replace(options("r"), "OPTIONS sip:bob@example.com SIP/2.0", "SIP/2.0 200 OK", 1)
	inDialog := strings.Replace(request("INVITE", "d", "h", ""), "To: <sip:bob@example.com>", "To: <sip:bob@example.com>;tag=2", 1)
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		asked := 0
		u := udpOn(t, n, "10.0.0.1:5060",
			transport.WithSources(transport.Sources{Rate: 100, Burst: 10, Unlimited: prefixes("10.0.0.4/32")}),
			transport.WithSTUN(func([]byte, netip.AddrPort) []byte { asked++; return nil }))
		r := serve(t, u)
		to := net.UDPAddrFromAddrPort(u.Addrs()[0])
		// got tells how many of 200 packets from an address are looked at.
		got := func(from, text string) int {
			c, err := n.ListenPacket(from + ":5060")
			require.NoError(t, err)
			defer c.Close()
			before := u.Stats()
			for range 200 {
				_, err := c.WriteTo([]byte(text), to)
				require.NoError(t, err)
			}
			synctest.Wait()
			for len(r.messages) > 0 {
				<-r.messages
			}
			after := u.Stats()
			taken := 200 - int(after.Dropped.OverRate-before.Dropped.OverRate)
			counted := after.Received + after.Dropped.NotSIP + after.KeepAlives + after.STUN
			require.EqualValues(t, taken, counted-before.Received-before.Dropped.NotSIP-before.KeepAlives-before.STUN)
			require.Equal(t, before.Sent, after.Sent)
			return taken
		}
		require.Equal(t, 10, got("10.0.0.2", "garbage"))
		require.Zero(t, got("10.0.0.2", options("a")))
		require.Equal(t, 80, got("10.0.0.2", response), "not lost by a limit that is meant for scanners")
		require.Zero(t, got("10.0.0.2", inDialog))
		require.Equal(t, 10, got("10.0.0.3", options("a")))
		require.Equal(t, 80, got("10.0.0.3", inDialog))
		require.Equal(t, 200, got("10.0.0.3", "\r\n\r\n"), "costs nothing")
		require.Equal(t, 200, got("10.0.0.4", options("a")))
		require.Equal(t, 200, got("10.0.0.4", "garbage"))
		require.Equal(t, 80, got("10.0.0.5", "\x00\x01\x00\x00\x21\x12\xa4\x42"+strings.Repeat("x", 12)))
		require.Equal(t, 80, asked)
		time.Sleep(50 * time.Millisecond)
		require.Equal(t, 5, got("10.0.0.2", options("a")))
	})
}

// TestSourceRateOfConnections: a message too many waits, and is not lost; who
// opens too many connections is turned away.
func TestSourceRateOfConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		tr := tcpOn(t, n, "10.0.0.1:5060", transport.WithSources(transport.Sources{Rate: 10, Burst: 5}))
		r := serve(t, tr)
		c := dial(t, n, "10.0.0.2", "10.0.0.1:5060")
		start := time.Now()
		go func() {
			for i := range 400 {
				io.WriteString(c, options(fmt.Sprint(i)))
			}
		}()
		for i := range 400 {
			require.Equal(t, fmt.Sprint(i), (<-r.messages).m.Head().CallID())
		}
		require.InDelta(t, (400-4)/10., time.Since(start).Seconds(), 0.11, "the connection counts for one")
		require.EqualValues(t, 396, tr.Stats().Conns.Delayed)

		more := dial(t, n, "10.0.0.2", "10.0.0.1:5060")
		_, err := more.Read(make([]byte, 1))
		require.ErrorIs(t, err, io.EOF)
		require.EqualValues(t, 1, tr.Stats().Conns.OverRate)
		io.WriteString(dial(t, n, "10.0.0.3", "10.0.0.1:5060"), options("another"))
		synctest.Wait()
		require.Equal(t, "another", (<-r.messages).m.Head().CallID())

		// To have waited is not to have been silent.
		require.Zero(t, tr.Stats().Conns.Slow+tr.Stats().Conns.Idle)
		time.Sleep(time.Second)
		require.Equal(t, 2, tr.Stats().Conns.Open)
	})
}

// TestSourceRateOfKeepAlives: they want an answer, too. A peer that sends nothing
// else, as fast as it can, is held up.
func TestSourceRateOfKeepAlives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		tr := tcpOn(t, n, "10.0.0.1:5060", transport.WithSources(transport.Sources{Rate: 10, Burst: 5}))
		r := serve(t, tr)
		c := dial(t, n, "10.0.0.2", "10.0.0.1:5060")
		start := time.Now()
		go io.WriteString(c, strings.Repeat("\r\n\r\n", 400)+options("behind"))
		_, err := io.ReadFull(c, make([]byte, 2*400))
		require.NoError(t, err)
		require.InDelta(t, (400-40)/80., time.Since(start).Seconds(), 0.1)
		require.Equal(t, "behind", (<-r.messages).m.Head().CallID())
		require.EqualValues(t, 400, tr.Stats().KeepAlives)
		require.Zero(t, tr.Stats().Conns.Slow+tr.Stats().Conns.Idle)
	})
}

// TestCloseWhileHeldUp: Close does not wait for whose turn has not come.
func TestCloseWhileHeldUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		tr := tcpOn(t, n, "10.0.0.1:5060", transport.WithSources(transport.Sources{Rate: 1, Burst: 1}))
		serve(t, tr)
		c := dial(t, n, "10.0.0.2", "10.0.0.1:5060")
		_, err := io.WriteString(c, strings.Repeat(options("a"), 100))
		require.NoError(t, err)
		time.Sleep(10 * time.Second)
		start := time.Now()
		require.NoError(t, tr.Close())
		require.Less(t, time.Since(start), time.Second)
	})
}

// TestUnlimitedConnections: behind a proxy in front are many.
func TestUnlimitedConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		tr := tcpOn(t, n, "10.0.0.1:5060", transport.WithSources(transport.Sources{
			Conns: 2, AllConns: 10, Rate: 1, Unlimited: prefixes("10.0.0.2/32"),
		}))
		r := serve(t, tr)
		for range 10 {
			io.WriteString(dial(t, n, "10.0.0.2", "10.0.0.1:5060"), options("a")+options("b"))
		}
		synctest.Wait()
		require.Len(t, r.messages, 20)
		dial(t, n, "10.0.0.2", "10.0.0.1:5060")
		synctest.Wait()
		require.EqualValues(t, 1, tr.Stats().Conns.OverTotal)
	})
}
