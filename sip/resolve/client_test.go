package resolve_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/patchbay-sip/patchbay/sip/resolve"
	"github.com/patchbay-sip/patchbay/sip/transport/memnet"
)

// NAPTR, SRV and addresses from a server on real sockets: two of the domain's
// servers are dead, and the one that lives is found and then remembered.
func TestFailover(t *testing.T) {
	defer goleak.VerifyNone(t)
	live, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer live.Close()
	var dead [2]net.Listener
	for i := range dead {
		dead[i], err = net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		dead[i].Close()
	}
	port := func(l net.Listener) int { return l.Addr().(*net.TCPAddr).Port }
	z := newZone(t, fmt.Sprintf(`$TTL 600
example. SOA ns. root. 1 1 1 1 600
example. NAPTR 10 10 "s" "SIP+D2T" "" _sip._tcp.example.
_sip._tcp.example. SRV 1 0 %d dead.example.
_sip._tcp.example. SRV 2 0 %d dead.example.
_sip._tcp.example. SRV 3 0 %d live.example.
dead.example. A 127.0.0.1
live.example. A 127.0.0.1`, port(dead[0]), port(dead[1]), port(live)))

	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	l, err := net.Listen("tcp", pc.LocalAddr().String())
	require.NoError(t, err)
	t.Run("", func(t *testing.T) { // its end stops the servers
		serve(t, pc, l, z)
		client := resolve.NewClient(nil, pc.LocalAddr().(*net.UDPAddr).AddrPort())
		r := resolve.New(resolve.WithLookup(client))
		defer r.Close()

		found, err := find(t, r, "sip:bob@example")
		require.NoError(t, err)
		require.Len(t, found, 3)
		var answered string
		for _, h := range found {
			conn, err := net.Dial(h.Network, h.Addr.String())
			if err != nil {
				r.Failed(h, 0)
				continue
			}
			answered = h.Addr.String()
			conn.Close()
		}
		require.Equal(t, live.Addr().String(), answered)
		again, err := find(t, r, "sip:alice@example")
		require.NoError(t, err)
		require.Equal(t, answered, again[0].Addr.String())
		require.ElementsMatch(t, found, again)
		require.Equal(t, 6, z.count(""))
	})
}

func TestTruncatedAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var text strings.Builder
		for i := range 200 {
			fmt.Fprintf(&text, "a.example. 60 A 192.0.2.%d\n", i)
		}
		z := newZone(t, text.String())
		found, err := find(t, resolverOn(t, z, resolve.WithFamilies(resolve.IPv4)), "sip:a.example:5060")
		require.NoError(t, err)
		require.Len(t, found, 16)
		require.Equal(t, 1, z.count("tcp"))
	})
}

// answers makes a Resolver whose name server answers a question for addresses as
// it likes.
func answers(t *testing.T, instead func(w dns.ResponseWriter, q, m *dns.Msg)) *resolve.Resolver {
	z := newZone(t, "a.example. 60 A 192.0.2.1\nb.example. 60 A 192.0.2.66")
	z.handle(func(w dns.ResponseWriter, q *dns.Msg) bool {
		instead(w, q, z.answer(q))
		return true
	})
	return resolverOn(t, z, resolve.WithFamilies(resolve.IPv4))
}

func record(t testing.TB, text string) dns.RR {
	rr, err := dns.NewRR(text)
	require.NoError(t, err)
	return rr
}

// What an answer holds beside the name that was asked for is not believed, and
// what answers something else is not heard (RFC 5452).
func TestPoison(t *testing.T) {
	for name, instead := range map[string]func(w dns.ResponseWriter, q, m *dns.Msg){
		"other names": func(w dns.ResponseWriter, q, m *dns.Msg) {
			name := q.Question[0].Name
			other := map[string]string{"a.example.": "b.example.", "b.example.": "a.example."}[name]
			m.Answer = append(m.Answer, record(t, other+" 60 A 192.0.2.99"), record(t, name+" 60 CH A 192.0.2.99"))
			m.Extra = append(m.Extra, record(t, other+" 60 A 192.0.2.99"), record(t, name+" 60 A 192.0.2.99"))
			m.Ns = append(m.Ns, record(t, name+" 60 A 192.0.2.99"), record(t, "example. 60 NS "+other))
			w.WriteMsg(m)
		},
		"other numbers, questions and kinds": func(w dns.ResponseWriter, q, m *dns.Msg) {
			forged := func(change func(f *dns.Msg)) {
				f := new(dns.Msg).SetReply(q)
				f.Answer = []dns.RR{record(t, q.Question[0].Name+" 60 A 192.0.2.99")}
				change(f)
				w.WriteMsg(f)
			}
			forged(func(f *dns.Msg) { f.Id++ })
			forged(func(f *dns.Msg) { f.Response = false })
			forged(func(f *dns.Msg) { f.Opcode = dns.OpcodeNotify })
			forged(func(f *dns.Msg) { f.Question = nil })
			forged(func(f *dns.Msg) { f.Question[0].Name = "c.example." })
			forged(func(f *dns.Msg) { f.Question[0].Qtype = dns.TypeAAAA })
			forged(func(f *dns.Msg) { f.Question = append(f.Question, f.Question[0]) })
			w.Write([]byte("not DNS"))
			w.Write(nil)
			w.WriteMsg(m)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := answers(t, instead)
				for uri, want := range map[string]string{"sip:a.example:5060": "192.0.2.1:5060", "sip:b.example:5060": "192.0.2.66:5060"} {
					found, err := find(t, r, uri)
					require.NoError(t, err)
					require.Len(t, found, 1)
					require.Equal(t, want, found[0].Addr.String())
				}
			})
		})
	}
}

// Answers of absurd size are not read, those with absurd counts not believed.
func TestAbsurdAnswers(t *testing.T) {
	for name, instead := range map[string]func(w dns.ResponseWriter, q, m *dns.Msg){
		"more than 16 KiB over TCP": func(w dns.ResponseWriter, _, m *dns.Msg) {
			m.Truncated = w.RemoteAddr().Network() == "udp"
			for range 2000 {
				m.Answer = append(m.Answer, m.Answer[0])
			}
			if m.Truncated {
				m.Answer = nil
			}
			w.WriteMsg(m)
		},
		"more than was offered over UDP": func(w dns.ResponseWriter, _, m *dns.Msg) {
			for range 2000 {
				m.Answer = append(m.Answer, m.Answer[0])
			}
			w.WriteMsg(m)
		},
		"more counted than there": func(w dns.ResponseWriter, _, m *dns.Msg) {
			b, _ := m.Pack()
			b[6], b[7] = 0xff, 0xff
			w.Write(b[:len(b)-3])
		},
		"aliases in a circle": func(w dns.ResponseWriter, _, m *dns.Msg) {
			m.Answer = []dns.RR{record(t, "a.example. 60 CNAME b.example."), record(t, "b.example. 60 CNAME a.example.")}
			w.WriteMsg(m)
		},
		"an alias of itself": func(w dns.ResponseWriter, _, m *dns.Msg) {
			m.Answer = []dns.RR{record(t, "a.example. 60 CNAME a.example.")}
			w.WriteMsg(m)
		},
		"an endless chain of questions": func(w dns.ResponseWriter, q, m *dns.Msg) {
			name := q.Question[0].Name
			m.Answer, m.Rcode = []dns.RR{record(t, name+" 60 CNAME a"+name)}, dns.RcodeSuccess
			w.WriteMsg(m)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begun := time.Now()
				_, err := find(t, answers(t, instead), "sip:a.example:5060")
				require.Error(t, err)
				require.NotErrorIs(t, err, resolve.ErrNoAddress)
				require.Zero(t, time.Since(begun))
			})
		})
	}
}

// Servers follow aliases, forwarders may not.
func TestAliases(t *testing.T) {
	const text = "c.example. 60 A 192.0.2.3\nb.example. 60 CNAME C.example.\na.example. 60 CNAME b.example.\n" +
		"d.example. 60 CNAME none.example.\nexample. 60 SOA ns. root. 1 1 1 1 60"
	for _, whole := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			z := newZone(t, text)
			z.handle(func(w dns.ResponseWriter, q *dns.Msg) bool {
				m := z.answer(q)
				if !whole && len(m.Answer) > 1 {
					m.Answer = m.Answer[:1]
				}
				w.WriteMsg(m)
				return true
			})
			r := resolverOn(t, z, resolve.WithFamilies(resolve.IPv4))
			found, err := find(t, r, "sip:a.example:5060")
			require.NoError(t, err)
			require.Equal(t, hops("udp 192.0.2.3:5060"), found)
			if whole {
				require.Equal(t, 1, z.count(""))
			}
			_, err = find(t, r, "sip:d.example:5060")
			require.ErrorIs(t, err, resolve.ErrNoAddress)
		})
	}
}

// The next server is asked when one is silent, is not there or refuses; the one
// that answered is the first the next time.
func TestServers(t *testing.T) {
	for name, tc := range map[string]struct {
		first func(t *testing.T, n *memnet.Network)
		after time.Duration
	}{
		"silent": {func(t *testing.T, n *memnet.Network) {
			z := newZone(t, "")
			z.handle(silent)
			serveOn(t, n, "192.0.2.10:53", z)
		}, time.Second},
		"gone": {func(*testing.T, *memnet.Network) {}, time.Second},
		"refusing": {func(t *testing.T, n *memnet.Network) {
			z := newZone(t, "")
			z.handle(refuse(dns.RcodeRefused))
			serveOn(t, n, "192.0.2.10:53", z)
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := memnet.New()
				tc.first(t, n)
				z := newZone(t, domains)
				const second = "[2001:db8::53]:53"
				serveOn(t, n, second, z)
				client := resolve.NewClient(n.Dial, netip.MustParseAddrPort("192.0.2.10:53"), netip.MustParseAddrPort(second))
				begun := time.Now()
				a, err := client.LookupAddr(t.Context(), resolve.IPv4, "plain.test")
				require.NoError(t, err)
				require.Equal(t, addrs("203.0.113.80"), a.Records)
				require.Equal(t, 600*time.Second, a.TTL)
				require.Equal(t, tc.after, time.Since(begun))
				begun = time.Now()
				_, err = client.LookupAddr(t.Context(), resolve.IPv6, "plain.test")
				require.NoError(t, err)
				require.Zero(t, time.Since(begun))
			})
		})
	}
	_, err := resolve.NewClient(nil).LookupSRV(t.Context(), "example")
	require.ErrorContains(t, err, "no name server")
}

// A lost question is asked again.
func TestLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z := newZone(t, domains)
		var asked atomic.Int32
		z.handle(func(dns.ResponseWriter, *dns.Msg) bool { return asked.Add(1) == 1 })
		r := resolverOn(t, z, resolve.WithFamilies(resolve.IPv4))
		begun := time.Now()
		_, err := find(t, r, "sip:plain.test:5060")
		require.NoError(t, err)
		require.Equal(t, time.Second, time.Since(begun))
	})
}

// A server that accepts over TCP and stays silent costs no more than another.
func TestSilentTCP(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		pc, err := n.ListenPacket(nameServer)
		require.NoError(t, err)
		z := newZone(t, "")
		z.handle(func(w dns.ResponseWriter, q *dns.Msg) bool {
			m := new(dns.Msg).SetReply(q)
			m.Truncated = true
			w.WriteMsg(m)
			return true
		})
		silent, err := n.Listen("192.0.2.53:5353")
		require.NoError(t, err)
		serve(t, pc, silent, z)
		l, err := n.Listen(nameServer)
		require.NoError(t, err)
		defer l.Close()
		client := resolve.NewClient(n.Dial, netip.MustParseAddrPort(nameServer))
		begun := time.Now()
		_, err = client.LookupSRV(deadline(t, 2500*time.Millisecond), "a.example")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, 2500*time.Millisecond, time.Since(begun))
		for range 2 { // each try has closed its connection
			conn, err := l.Accept()
			require.NoError(t, err)
			_, err = io.ReadAll(conn)
			require.NoError(t, err)
			conn.Close()
		}
	})
}
