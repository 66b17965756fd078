package transaction_test

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/digest"
	"github.com/patchbay-sip/patchbay/sip/transport"
	"github.com/patchbay-sip/patchbay/transaction"
)

// sized makes a request with a body of n octets.
func sized(m sip.Method, n int) *sip.Request {
	req := request(m, peerAddr)
	req.SetBody("text/plain", strings.Repeat("x", n))
	return req
}

// long makes one that is too long for a datagram.
func long(m sip.Method) *sip.Request { return sized(m, 1300) }

// sends has the Endpoint send a request, by the Request-URI where to is zero.
func (w *world) sends(ctx context.Context, req *sip.Request, to sip.Target, opts ...transaction.StartOption) *call {
	w.t.Helper()
	c := &call{t: w.t, events: make(chan event, 1000)}
	var err error
	c.ClientTx, err = w.ep.Start(ctx, req, to, func(ev transaction.Event) { c.events <- event{ev, time.Now()} }, opts...)
	require.NoError(w.t, err)
	return c
}

// answered waits at a peer for a request of the call, whose Via must name the way
// that it came, and has it answered. It returns how long that took.
func (c *call) answered(p *peer, code int) time.Duration {
	c.t.Helper()
	began := time.Now()
	pk := p.next()
	require.NotNil(c.t, pk.req, "%v", pk.resp)
	via, err := pk.req.Via()
	require.NoError(c.t, err)
	require.Equal(c.t, strings.ToUpper(p.Network()), via.Transport)
	require.NoError(c.t, p.Send(pk.flow, sip.NewResponse(pk.req, code)))
	c.response(code)
	return pk.at.Sub(began)
}

// RFC 3261 section 18.1.1, to the octet. What belongs to the INVITE goes the way
// of it.
func TestLongRequestGoesByTCP(t *testing.T) {
	inBubble(t, "udp", nil, func(w *world) {
		tcp := w.newPeer("tcp", peerAddr)
		c := w.sends(context.Background(), sized(sip.MESSAGE, 900), sip.Target{})
		least := 900 + 1300 - c.Request().Size()
		require.Less(t, least, 1000, "one more digit of Content-Length")
		c.answered(w.peer, 200)
		c = w.sends(context.Background(), sized(sip.MESSAGE, least), sip.Target{})
		require.Equal(t, 1300, c.Request().Size())
		c.answered(w.peer, 200)
		w.sends(context.Background(), sized(sip.MESSAGE, least+1), sip.Target{}).answered(tcp, 200)

		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		var networks []string
		c = w.sends(ctx, long(sip.INVITE), sip.Target{}, transaction.FillContact("alice"),
			transaction.BeforeSend(func(req *sip.Request, f sip.Flow) error {
				networks = append(networks, f.Network)
				req.Add("Record-Route", "<sip:"+w.ep.SentBy(f).String()+";lr>")
				return nil
			}))
		pk := tcp.next()
		require.Equal(t, []string{"udp", "tcp"}, networks)
		require.Equal(t, "<sip:alice@"+serverAddr+";transport=tcp>", pk.req.Get("Contact"))
		require.Equal(t, 1, strings.Count(pk.req.String(), "Record-Route"))
		require.NoError(t, tcp.Send(pk.flow, sip.NewResponse(pk.req, 180)))
		c.response(180)
		cancel()
		tcp.request(sip.CANCEL)
		require.NoError(t, tcp.Send(pk.flow, sip.NewResponse(pk.req, 487)))
		c.response(487)
		tcp.request(sip.ACK)
		w.peer.quiet(time.Minute)
	})
}

// What the URI says, or the name it was found by, makes no difference, but a flow
// does: nothing else may reach a phone behind a NAT. Nobody connects to a group.
func TestWhichRequestsGoByTCP(t *testing.T) {
	names := resolver(func(context.Context, sip.URI) ([]sip.Hop, error) { return hops("udp", peerAddr), nil })
	inBubble(t, "udp", nil, func(w *world) {
		tcp, group := w.newPeer("tcp", peerAddr), w.newPeer("udp", "224.0.1.75:5060")
		flow := w.flowToPeer()
		w.sends(context.Background(), long(sip.MESSAGE), sip.Target{URI: uri("sip:" + peerAddr + ";transport=udp")}).answered(tcp, 200)
		w.sends(context.Background(), long(sip.MESSAGE), sip.Target{URI: uri("sip:bob@example.com")}).answered(tcp, 200)
		w.sends(context.Background(), long(sip.MESSAGE), sip.Target{Flow: flow}).answered(w.peer, 200)
		w.sends(context.Background(), long(sip.MESSAGE), sip.Target{URI: uri("sip:224.0.1.75")})
		require.NotNil(t, group.next().req)
	}, transaction.WithResolver(names))
}

// Whoever has no TCP gets it by UDP, and is not asked again for a while.
func TestFallBackToUDP(t *testing.T) {
	for name, c := range map[string]struct {
		peer       func(w *world) // what is there for TCP
		after      time.Duration
		remembered bool
	}{
		"refused": {func(*world) {}, 0, true},
		"black hole": {func(w *world) {
			l, err := w.net.Listen(peerAddr)
			require.NoError(w.t, err)
			w.t.Cleanup(func() { _ = l.Close() })
			for range 128 { // the backlog is full, and the next one waits
				_, err := w.net.Dial(context.Background(), "tcp", peerAddr)
				require.NoError(w.t, err)
			}
		}, 2 * time.Second, true},
		"silent": {func(w *world) { w.newPeer("tcp", peerAddr) }, 32 * time.Second, true},
		"reset": {func(w *world) {
			l, err := w.net.Listen(peerAddr)
			require.NoError(w.t, err)
			w.t.Cleanup(func() { _ = l.Close() })
			go func() {
				for conn, err := l.Accept(); err == nil; conn, err = l.Accept() {
					_ = conn.Close()
				}
			}()
		}, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, "udp", nil, func(w *world) {
				c.peer(w)
				for _, m := range []sip.Method{sip.MESSAGE, sip.INVITE} {
					tx := w.sends(context.Background(), long(m), sip.Target{})
					took := tx.answered(w.peer, 404)
					require.InDelta(t, c.after, took, float64(2*grain))
					if c.remembered {
						c.after = 0
					}
					if m == sip.INVITE {
						w.peer.request(sip.ACK)
					}
				}
			})
		})
	}
}

// A peer that learns TCP is asked for it after ten minutes.
func TestNoTCPIsForgotten(t *testing.T) {
	inBubble(t, "udp", nil, func(w *world) {
		w.sends(context.Background(), long(sip.MESSAGE), sip.Target{}).answered(w.peer, 200)
		tcp := w.newPeer("tcp", peerAddr)
		time.Sleep(10*time.Minute - time.Second)
		w.sends(context.Background(), long(sip.MESSAGE), sip.Target{}).answered(w.peer, 200)
		time.Sleep(time.Second)
		w.sends(context.Background(), long(sip.MESSAGE), sip.Target{}).answered(tcp, 200)
	})
}

// However many peers have no TCP, no more than 4,096 are remembered.
func TestNoTCPIsBounded(t *testing.T) {
	inBubble(t, "udp", nil, func(w *world) {
		w.sends(context.Background(), long(sip.MESSAGE), sip.Target{}).answered(w.peer, 200)
		tcp := w.newPeer("tcp", peerAddr)
		for i := range 4096 {
			addr := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 5060)
			require.NoError(t, w.ep.Send(context.Background(), long(sip.ACK), sip.Target{URI: uri("sip:" + addr.String())}))
		}
		w.sends(context.Background(), long(sip.MESSAGE), sip.Target{}).answered(tcp, 200)
	})
}

// A resolver may write an address of IPv4 as one of IPv6.
func TestNoTCPAtAMappedAddress(t *testing.T) {
	mapped := netip.AddrPortFrom(netip.MustParseAddr("::ffff:192.0.2.9"), 5060)
	names := resolver(func(context.Context, sip.URI) ([]sip.Hop, error) {
		return []sip.Hop{{Network: "udp", Addr: mapped}}, nil
	})
	inBubble(t, "udp", nil, func(w *world) {
		example := sip.Target{URI: uri("sip:example.com")}
		w.sends(context.Background(), long(sip.MESSAGE), example).answered(w.peer, 200)
		prepared := 0
		w.sends(context.Background(), long(sip.MESSAGE), example, transaction.BeforeSend(func(*sip.Request, sip.Flow) error {
			prepared++
			return nil
		})).answered(w.peer, 200)
		require.Equal(t, 1, prepared, "for UDP, at once")
	}, transaction.WithResolver(names))
}

// Each address is tried both ways before the next one.
func TestLongRequestFailsOver(t *testing.T) {
	names := failures{
		resolver: func(context.Context, sip.URI) ([]sip.Hop, error) {
			return hops("udp", "192.0.2.77:5060", peerAddr), nil
		},
		failed: make(chan sip.Hop, 2),
	}
	inBubble(t, "udp", nil, func(w *world) {
		silent, tcp := w.newPeer("udp", "192.0.2.77:5060"), w.newPeer("tcp", peerAddr)
		c := w.sends(context.Background(), long(sip.MESSAGE), sip.Target{URI: uri("sip:example.com")})
		require.InDelta(t, 32*time.Second, c.answered(tcp, 200), float64(2*grain))
		require.NotEmpty(t, silent.all())
		require.Equal(t, "192.0.2.77:5060", (<-names.failed).Addr.String())
		require.Empty(t, names.failed, "that there is no TCP is no failure")
	}, transaction.WithResolver(names))
}

// Credentials may be what makes a request too long.
func TestCredentialsMakeItLong(t *testing.T) {
	creds := transaction.WithCredentials(func(string) (digest.Credentials, bool) {
		return digest.Credentials{User: "alice", Password: "secret"}, true
	})
	inBubble(t, "udp", nil, func(w *world) {
		tcp := w.newPeer("tcp", peerAddr)
		c := w.sends(context.Background(), sized(sip.MESSAGE, 850), sip.Target{})
		req := w.peer.request(sip.MESSAGE)
		resp := sip.NewResponse(req, 401)
		resp.Set("WWW-Authenticate", `Digest realm="a", qop="auth", nonce="`+strings.Repeat("n", 200)+`"`)
		w.peer.send(resp)
		c.answered(tcp, 200)
		require.True(t, c.Request().Has("Authorization"))
	}, creds)
}

// The end of ctx is not held up by a connection that does not come about.
func TestCancelWhileTCPIsTried(t *testing.T) {
	inBubble(t, "udp", nil, func(w *world) {
		l, err := w.net.Listen(peerAddr)
		require.NoError(t, err)
		defer l.Close()
		for range 128 {
			_, err := w.net.Dial(context.Background(), "tcp", peerAddr)
			require.NoError(t, err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		began := time.Now()
		w.sends(ctx, long(sip.INVITE), sip.Target{}).fails(context.DeadlineExceeded)
		require.Equal(t, time.Second, time.Since(began))
		w.peer.quiet(time.Minute)
	})
}

// Without a listener for TCP nothing but UDP is to be had; the limit can be set.
func TestLongRequestWithoutTCP(t *testing.T) {
	inBubble(t, "udp", nil, func(w *world) {
		tcp := w.newPeer("tcp", peerAddr)
		for addr, c := range map[string]struct {
			limit  int
			listen bool
			peer   *peer
		}{
			"192.0.2.2:5060": {1300, false, w.peer},
			"192.0.2.3:5060": {1300, true, tcp},
			"192.0.2.4:5060": {9000, true, w.peer},
		} {
			conn, err := w.net.ListenPacket(addr)
			require.NoError(t, err)
			var l net.Listener
			if c.listen {
				l, err = w.net.Listen(addr)
				require.NoError(t, err)
			}
			dialer := transport.WithDialer(w.net.Dialer(netip.MustParseAddrPort(addr).Addr()))
			ep := transaction.New()
			served := make(chan error, 1)
			go func() {
				served <- ep.Serve(context.Background(), nil,
					transport.NewUDP(conn, transport.WithRequestLimits(c.limit, c.limit)), transport.NewTCP(l, dialer))
			}()
			other := &world{t: t, net: w.net, ep: ep}
			other.sends(context.Background(), long(sip.MESSAGE), sip.Target{}).answered(c.peer, 200)
			require.NoError(t, ep.Close())
			require.ErrorIs(t, <-served, net.ErrClosed)
		}
	})
}

// What is sent without a transaction heeds the same rule, responses none.
func TestLongStatelessMessages(t *testing.T) {
	inBubble(t, "udp", nil, func(w *world) {
		require.NoError(t, w.ep.Send(context.Background(), long(sip.ACK), sip.Target{}))
		w.peer.request(sip.ACK) // TCP was refused
		time.Sleep(10 * time.Minute)
		tcp := w.newPeer("tcp", peerAddr)
		require.NoError(t, w.ep.Send(context.Background(), long(sip.ACK), sip.Target{}))
		pk := tcp.next()
		via, err := pk.req.Via()
		require.NoError(t, err)
		require.Equal(t, "TCP", via.Transport)

		req := w.peer.newRequest(sip.MESSAGE)
		resp := sip.NewResponse(req, 200)
		resp.SetBody("text/plain", strings.Repeat("x", 60_000))
		require.NoError(t, w.ep.Send(context.Background(), resp, sip.Target{}))
		require.Len(t, w.peer.response(200).Body(), 60_000)
		require.Empty(t, tcp.all())
		require.Empty(t, w.peer.all())
	})
}
