package transport_test

import (
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/transport"
	"github.com/patchbay-sip/patchbay/sip/transport/memnet"
)

// serveTap runs a tap until the end of the test.
func serveTap(t testing.TB, tap *transport.Tap) <-chan transport.Tapped {
	t.Helper()
	shown := make(chan transport.Tapped, 4096)
	served := make(chan error, 1)
	go func() { served <- tap.Serve(func(m transport.Tapped) { shown <- m }) }()
	t.Cleanup(func() {
		require.NoError(t, tap.Close())
		require.ErrorIs(t, <-served, net.ErrClosed)
	})
	return shown
}

// rest closes a tap and returns what it had left to show.
func rest(t testing.TB, tap *transport.Tap) []transport.Tapped {
	t.Helper()
	require.NoError(t, tap.Close())
	var all []transport.Tapped
	require.ErrorIs(t, tap.Serve(func(m transport.Tapped) { all = append(all, m) }), net.ErrClosed)
	return all
}

// TestTap: each end sees both messages as they are on the wire, in order.
func TestTap(t *testing.T) {
	type ends func(t *testing.T, n *memnet.Network, server, client transport.Option) (a, b transport.Transport)
	for network, open := range map[string]ends{
		"udp": func(t *testing.T, n *memnet.Network, server, client transport.Option) (a, b transport.Transport) {
			return udpOn(t, n, "10.0.0.1:5060", server), udpOn(t, n, "10.0.0.2:5060", client)
		},
		"tcp": func(t *testing.T, n *memnet.Network, server, client transport.Option) (a, b transport.Transport) {
			return tcpOn(t, n, "10.0.0.1:5060", server), tcpOn(t, n, "10.0.0.2:5060", client)
		},
		"tls": func(t *testing.T, n *memnet.Network, server, client transport.Option) (a, b transport.Transport) {
			config := newAuthority(t).config(t, "10.0.0.1")
			return tlsOn(t, n, "10.0.0.1:5060", config, server), tlsOn(t, n, "10.0.0.2:5060", config, client)
		},
	} {
		t.Run(network, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				atServer, atClient := transport.NewTap(0), transport.NewTap(0)
				server, client := open(t, memnet.New(), transport.WithTap(atServer), transport.WithTap(atClient))
				received, answers := serve(t, server), serve(t, client)
				flow, err := client.Connect(t.Context(), hop(network, "10.0.0.1:5060"))
				require.NoError(t, err)

				sent := time.Now()
				require.NoError(t, client.Send(flow, parse(t, options("a"))))
				got := <-received.messages
				require.NoError(t, server.Send(got.flow, ok(t, got.m)))
				answer := (<-answers.messages).m.String()

				require.Equal(t, []transport.Tapped{
					{Time: sent, Flow: flow, Sent: true, Text: options("a")},
					{Time: sent, Flow: flow, Text: answer},
				}, rest(t, atClient))
				require.Equal(t, []transport.Tapped{
					{Time: sent, Flow: got.flow, Text: options("a")},
					{Time: sent, Flow: got.flow, Sent: true, Text: answer},
				}, rest(t, atServer))
			})
		})
	}
}

// TestTapOrder: an answer is never shown before its request, although the two
// are read and written by different goroutines. All sockets are one's own.
func TestTapOrder(t *testing.T) {
	checkLeaks(t)
	for network, open := range map[string]func(...transport.Option) (transport.Transport, error){
		"udp": func(o ...transport.Option) (transport.Transport, error) {
			return transport.ListenUDP("127.0.0.1:0", o...)
		},
		"tcp": func(o ...transport.Option) (transport.Transport, error) {
			return transport.ListenTCP("127.0.0.1:0", o...)
		},
	} {
		t.Run(network, func(t *testing.T) {
			tap := transport.NewTap(0)
			shown := serveTap(t, tap)
			server, err := open()
			require.NoError(t, err)
			client, err := open(transport.WithTap(tap))
			require.NoError(t, err)
			echoing := newRecorder()
			echoing.on = func(f sip.Flow, m sip.Message, _ *sip.ParseError) { _ = server.Send(f, m) }
			serveSink(t, server, echoing)
			serve(t, client)
			flow, err := client.Connect(t.Context(), sip.Hop{Network: network, Addr: server.Addrs()[0]})
			require.NoError(t, err)
			m := parse(t, options("a"))
			for range 1000 {
				require.NoError(t, client.Send(flow, m))
				require.True(t, (<-shown).Sent)
				require.False(t, (<-shown).Sent)
			}
			require.Zero(t, tap.Dropped())
		})
	}
}

// TestTapRefused: what the parser refuses is shown with the reason; keep-alives
// and STUN are not shown.
func TestTapRefused(t *testing.T) {
	malformed := strings.Replace(options("a"), "CSeq: ", "CSeq ", 1)
	endless := strings.Replace(options("a"), "Content-Length: 0", "Content-Length: -1", 1)
	stun := "\x00\x01\x00\x00\x21\x12\xa4\x42" + strings.Repeat("x", 12)

	t.Run("udp", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			n := memnet.New()
			tap := transport.NewTap(0)
			u := udpOn(t, n, "10.0.0.1:5060", transport.WithTap(tap))
			serve(t, u)
			c, err := n.ListenPacket("10.0.0.2:5060")
			require.NoError(t, err)
			defer c.Close()
			for _, packet := range []string{"garbage", "\r\n\r\n", stun, malformed} {
				_, err := c.WriteTo([]byte(packet), net.UDPAddrFromAddrPort(u.Addrs()[0]))
				require.NoError(t, err)
			}
			synctest.Wait()
			all := rest(t, tap)
			require.Len(t, all, 2)
			require.Equal(t, "garbage", all[0].Text)
			require.Error(t, all[0].Err)
			require.Equal(t, malformed, all[1].Text)
			parseErr := new(sip.ParseError)
			require.ErrorAs(t, all[1].Err, &parseErr)
			require.Equal(t, 400, parseErr.Code)
		})
	})
	t.Run("tcp", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			tap := transport.NewTap(0)
			_, c := stream(t, newRecorder(), transport.WithTap(tap))
			_, err := io.WriteString(c, "\r\n\r\n"+malformed+options("b")+endless)
			require.NoError(t, err)
			synctest.Wait()
			all := rest(t, tap)
			require.Len(t, all, 3)
			require.Equal(t, malformed, all[0].Text)
			require.Error(t, all[0].Err)
			require.Equal(t, options("b"), all[1].Text)
			require.NoError(t, all[1].Err)
			require.Equal(t, endless, all[2].Text)
			require.Error(t, all[2].Err)
		})
	})
}

// TestTapShowsWhatIsSent: not what no flow takes, nor what a queue has no room
// for.
func TestTapShowsWhatIsSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		tap := transport.NewTap(0)
		u := udpOn(t, n, "10.0.0.1:5060", transport.WithTap(tap))
		serve(t, u)
		other := sip.Flow{Network: "udp", Local: hop("", "10.0.0.9:5060").Addr, Remote: hop("", "10.0.0.2:5060").Addr}
		require.ErrorIs(t, u.Send(other, parse(t, options("a"))), transport.ErrFlowGone)

		c := tcpOn(t, n, "10.0.0.1:5060", transport.WithTap(tap), transport.WithSendQueue(1))
		serve(t, c)
		l, err := n.Listen("10.0.0.2:5060")
		require.NoError(t, err)
		defer l.Close()
		flow, err := c.Connect(t.Context(), hop("tcp", "10.0.0.2:5060"))
		require.NoError(t, err)
		sent := 0
		m := parse(t, request("MESSAGE", "a", "10.0.0.1", strings.Repeat("x", 30000)))
		for ; err == nil; sent++ { // until the peer, who does not read, takes no more
			synctest.Wait()
			err = c.Send(flow, m)
		}
		require.ErrorIs(t, err, transport.ErrQueueFull)
		require.Len(t, rest(t, tap), sent-1)
	})
}

// TestTapNobodyServes: what waits is bounded, the rest is counted, and the
// transport does not care.
func TestTapNobodyServes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const room = 64 << 10
		n := memnet.New()
		tap := transport.NewTap(room)
		a, b := udpOn(t, n, "10.0.0.1:5060", transport.WithTap(tap)), udpOn(t, n, "10.0.0.2:5060")
		serve(t, a)
		atB := serve(t, b)
		flow, err := a.Connect(t.Context(), hop("udp", "10.0.0.2:5060"))
		require.NoError(t, err)
		m := parse(t, options("a"))
		for range 1000 {
			require.NoError(t, a.Send(flow, m))
			<-atB.messages
		}
		all := rest(t, tap)
		require.Greater(t, len(all), 50)
		require.LessOrEqual(t, len(all)*len(options("a")), room)
		require.EqualValues(t, 1000-len(all), tap.Dropped())
		require.NoError(t, a.Send(flow, m))
		require.EqualValues(t, 1000-len(all), tap.Dropped(), "after Close nothing is dropped: nobody wants it")
	})
}

// TestTapStalled: a consumer that stalls keeps its room until it goes on.
func TestTapStalled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		text := options("a")
		n := memnet.New()
		tap := transport.NewTap(len(text) + 300) // for one
		a := udpOn(t, n, "10.0.0.1:5060", transport.WithTap(tap))
		serve(t, a)
		flow, err := a.Connect(t.Context(), hop("udp", "10.0.0.2:5060"))
		require.NoError(t, err)
		goOn, served, shown := make(chan struct{}), make(chan error, 1), 0
		go func() { served <- tap.Serve(func(transport.Tapped) { <-goOn; shown++ }) }()
		for want := range 3 {
			require.NoError(t, a.Send(flow, parse(t, text)))
			synctest.Wait()
			require.NoError(t, a.Send(flow, parse(t, text))) // finds no room
			require.EqualValues(t, want+1, tap.Dropped())
			goOn <- struct{}{}
			synctest.Wait()
		}
		require.Equal(t, 3, shown)
		require.NoError(t, tap.Close())
		require.ErrorIs(t, <-served, net.ErrClosed)
	})
}

func TestTapLifecycle(t *testing.T) {
	checkLeaks(t)
	tap := transport.NewTap(0)
	served := make(chan error)
	for range 2 {
		go func() { served <- tap.Serve(func(transport.Tapped) {}) }()
	}
	require.NotErrorIs(t, <-served, net.ErrClosed, "the second one")
	require.NoError(t, tap.Close())
	require.NoError(t, tap.Close())
	require.ErrorIs(t, <-served, net.ErrClosed)

	tap = transport.NewTap(0)
	require.NoError(t, tap.Close())
	require.ErrorIs(t, tap.Serve(nil), net.ErrClosed)
}
