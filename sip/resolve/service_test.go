package resolve_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/resolve"
)

// The domain of RFC 3263 section 4.1's example, and others.
const domains = `
$TTL 600
example.com.            SOA ns.example.com. root.example.com. 1 1 1 1 600
example.com.            NAPTR 50 50 "s" "SIPS+D2T" "" _sips._tcp.example.com.
example.com.            NAPTR 90 50 "s" "SIP+D2T"  "" _sip._tcp.example.com.
example.com.            NAPTR 100 50 "s" "SIP+D2U" "" _sip._udp.example.com.
_sips._tcp.example.com. SRV 0 1 5061 server1.example.com.
_sips._tcp.example.com. SRV 1 1 5061 server2.example.com.
_sip._tcp.example.com.  SRV 0 1 5060 server1.example.com.
_sip._tcp.example.com.  SRV 0 0 5060 server2.example.com.
_sip._udp.example.com.  SRV 5 1 5062 server2.example.com.
_sip._udp.example.com.  SRV 9 1 5060 server1.example.com.
; their addresses
server1.example.com.    A 192.0.2.1
server2.example.com.    A 192.0.2.2
server2.example.com.    AAAA 2001:db8::2
example.com.            A 192.0.2.80

; no NAPTR, and TCP alone
srv.test.               SOA ns.srv.test. root.srv.test. 1 1 1 1 600
_sip._tcp.srv.test.     SRV 1 1 5070 a.srv.test.
_sip._tcp.srv.test.     SRV 2 1 5071 b.srv.test.
_sips._tcp.srv.test.    SRV 1 1 5072 a.srv.test.
; their addresses
a.srv.test.             A 198.51.100.1
b.srv.test.             A 198.51.100.2
srv.test.               A 198.51.100.80

; both, by SRV
both.test.              SOA ns.both.test. root.both.test. 1 1 1 1 600
_sip._udp.both.test.    SRV 1 1 5060 a.srv.test.
_sip._tcp.both.test.    SRV 1 1 5060 a.srv.test.

; addresses alone
plain.test.             SOA ns.plain.test. root.plain.test. 1 1 1 1 600
plain.test.             AAAA 2001:db8::80
plain.test.             A 203.0.113.80

; no such service, and one of which nothing exists
none.test.              SOA ns.none.test. root.none.test. 1 1 1 1 600
_sip._udp.none.test.    SRV 0 0 0 .
_sip._tcp.none.test.    SRV 0 0 0 a.srv.test.
none.test.              A 203.0.113.1

; records that are not for us
odd.test.               SOA ns.odd.test. root.odd.test. 1 1 1 1 600
odd.test.               NAPTR 1 1 "u" "E2U+sip" "!^.*$!sip:info@example.com!" .
odd.test.               NAPTR 1 1 "" "SIP+D2U" "" elsewhere.test.
odd.test.               NAPTR 1 1 "a" "SIP+D2U" "" srv.test.
odd.test.               NAPTR 1 1 "s" "SIP+D2S" "" _sip._sctp.odd.test.
odd.test.               NAPTR 2 9 "S" "sip+d2u" "" gone.odd.test.
odd.test.               NAPTR 3 9 "S" "sip+d2t" "" _sip._tcp.srv.test.
odd.test.               NAPTR 3 1 "S" "sip+d2u" "" _sip._udp.example.com.

; WebSocket
ws.test.                SOA ns.ws.test. root.ws.test. 1 1 1 1 600
ws.test.                NAPTR 1 1 "s" "SIPS+D2W" "" wss.ws.test.
ws.test.                NAPTR 1 2 "s" "SIP+D2W" "" ws.ws.test.
wss.ws.test.            SRV 1 1 8443 a.srv.test.
ws.ws.test.             SRV 1 1 8080 a.srv.test.
ws.test.                A 198.51.100.81
`

// RFC 3263 sections 4.1 and 4.2, RFC 7118.
func TestChoice(t *testing.T) {
	udpTCP := []string{"udp", "tcp"}
	for _, tc := range []struct {
		networks []string
		uri      string
		want     string // hops, or an error
	}{
		// NAPTR: the domain's order, as far as this element can follow it.
		{udpTCP, "sip:example.com", "tcp 192.0.2.1:5060, tcp [2001:db8::2]:5060, tcp 192.0.2.2:5060"},
		{[]string{"udp"}, "sip:example.com", "udp [2001:db8::2]:5062, udp 192.0.2.2:5062, udp 192.0.2.1:5060"},
		{
			[]string{"udp", "tcp", "tls"}, "sip:example.com",
			"tls 192.0.2.1:5061 example.com, tls [2001:db8::2]:5061 example.com, tls 192.0.2.2:5061 example.com",
		},
		{udpTCP, "sips:example.com", "tls 192.0.2.1:5061 example.com, tls [2001:db8::2]:5061 example.com, tls 192.0.2.2:5061 example.com"},
		// The URI's transport: no NAPTR.
		{udpTCP, "sip:example.com;transport=udp", "udp [2001:db8::2]:5062, udp 192.0.2.2:5062, udp 192.0.2.1:5060"},
		{udpTCP, "sips:example.com;transport=tcp", "tls 192.0.2.1:5061 example.com, tls [2001:db8::2]:5061 example.com, tls 192.0.2.2:5061 example.com"},
		{udpTCP, "sip:srv.test;transport=tls", "tls 198.51.100.1:5072 srv.test"},
		{udpTCP, "sip:plain.test;transport=tls", "tls [2001:db8::80]:5061 plain.test, tls 203.0.113.80:5061 plain.test"},
		// The URI's port: no SRV.
		{udpTCP, "sip:example.com:5060", "udp 192.0.2.80:5060"},
		{udpTCP, "sip:example.com:5070;transport=tcp", "tcp 192.0.2.80:5070"},
		{udpTCP, "sips:example.com:5070", "tls 192.0.2.80:5070 example.com"},
		// No NAPTR: what there is by SRV, in our order.
		{udpTCP, "sip:srv.test", "tcp 198.51.100.1:5070, tcp 198.51.100.2:5071"},
		{udpTCP, "sip:SRV.Test.", "tcp 198.51.100.1:5070, tcp 198.51.100.2:5071"},
		{udpTCP, "sip:both.test", "udp 198.51.100.1:5060, tcp 198.51.100.1:5060"},
		{[]string{"tcp", "udp"}, "sip:both.test", "tcp 198.51.100.1:5060, udp 198.51.100.1:5060"},
		{udpTCP, "sips:srv.test", "tls 198.51.100.1:5072 srv.test"},
		// No SRV.
		{udpTCP, "sip:plain.test", "udp [2001:db8::80]:5060, udp 203.0.113.80:5060"},
		{[]string{"tcp", "udp"}, "sip:plain.test", "udp [2001:db8::80]:5060, udp 203.0.113.80:5060"},
		{[]string{"tcp"}, "sip:plain.test", "tcp [2001:db8::80]:5060, tcp 203.0.113.80:5060"},
		{udpTCP, "sips:plain.test", "tls [2001:db8::80]:5061 plain.test, tls 203.0.113.80:5061 plain.test"},
		{udpTCP, "sip:none.test", "no such service"},
		{udpTCP, "sip:none.test:5060", "udp 203.0.113.1:5060"},
		{udpTCP, "sip:nowhere.test", "no address"},
		// maddr is the target; the certificate is the host's.
		{udpTCP, "sip:example.com;maddr=srv.test", "tcp 198.51.100.1:5070, tcp 198.51.100.2:5071"},
		{udpTCP, "sips:other.example;maddr=srv.test", "tls 198.51.100.1:5072 other.example"},
		// What cannot be used is passed over, and an order that leads nowhere.
		{udpTCP, "sip:odd.test", "udp [2001:db8::2]:5062, udp 192.0.2.2:5062, udp 192.0.2.1:5060, tcp 198.51.100.1:5070, tcp 198.51.100.2:5071"},
		{udpTCP, "sips:odd.test", "no address"},
		// WebSocket
		{[]string{"ws", "wss"}, "sip:ws.test", "wss 198.51.100.1:8443 ws.test, ws 198.51.100.1:8080"},
		{[]string{"ws"}, "sip:ws.test", "ws 198.51.100.1:8080"},
		{[]string{"ws", "wss"}, "sips:ws.test", "wss 198.51.100.1:8443 ws.test"},
		{udpTCP, "sip:ws.test;transport=ws", "ws 198.51.100.81:80"},
		{udpTCP, "sips:ws.test;transport=ws", "wss 198.51.100.81:443 ws.test"},
		{[]string{"ws"}, "sip:plain.test", "ws [2001:db8::80]:80, ws 203.0.113.80:80"},
	} {
		t.Run(strings.Join(tc.networks, "+")+" "+tc.uri, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := resolverOn(t, newZone(t, domains), resolve.WithNetworks(tc.networks...),
					resolve.WithRand(func(n int) int { return n - 1 }))
				found, err := find(t, r, tc.uri)
				if strings.Contains(tc.want, "no ") {
					require.ErrorIs(t, err, resolve.ErrNoAddress)
					require.ErrorContains(t, err, tc.want)
					return
				}
				require.NoError(t, err)
				require.Equal(t, hops(tc.want), found)
			})
		})
	}
}

func TestFamilies(t *testing.T) {
	for _, tc := range []struct {
		families []resolve.Family
		want     string
	}{
		{nil, "udp [2001:db8::80]:5060, udp 203.0.113.80:5060"},
		{[]resolve.Family{resolve.IPv4, resolve.IPv6}, "udp 203.0.113.80:5060, udp [2001:db8::80]:5060"},
		{[]resolve.Family{resolve.IPv4}, "udp 203.0.113.80:5060"},
		{[]resolve.Family{resolve.IPv6, resolve.IPv6}, "udp [2001:db8::80]:5060"},
	} {
		synctest.Test(t, func(t *testing.T) {
			z := newZone(t, domains)
			found, err := find(t, resolverOn(t, z, resolve.WithFamilies(tc.families...)), "sip:plain.test:5060")
			require.NoError(t, err)
			require.Equal(t, hops(tc.want), found)
			require.Equal(t, len(found), z.count(""), "no question for nothing")
		})
	}
}

// RFC 3263 section 5.
func TestResolveVia(t *testing.T) {
	for via, want := range map[string]string{
		"UDP 192.0.2.4:5070;received=192.0.2.5;rport=9": "udp 192.0.2.4:5070",
		"UDP 192.0.2.4":        "udp 192.0.2.4:5060",
		"TLS [2001:db8::4]":    "tls [2001:db8::4]:5061 2001:db8::4",
		"TCP srv.test":         "tcp 198.51.100.1:5070, tcp 198.51.100.2:5071",
		"tcp srv.test:5060":    "tcp 198.51.100.80:5060",
		"TLS srv.test":         "tls 198.51.100.1:5072 srv.test",
		"UDP srv.test":         "udp 198.51.100.80:5060",
		"UDP none.test":        "",
		"SCTP 192.0.2.4":       "",
		"WS df7jal23.invalid":  "",
		"WSS df7jal23.invalid": "",
	} {
		t.Run(via, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := resolverOn(t, newZone(t, domains))
				v, err := sip.ParseVia("SIP/2.0/" + via)
				require.NoError(t, err)
				found, err := r.ResolveVia(t.Context(), v)
				if want == "" {
					require.Error(t, err)
					return
				}
				require.NoError(t, err)
				require.Equal(t, hops(want), found)
			})
		})
	}
}

// A request asks a bounded number of questions, whatever its domain has.
func TestManyRecords(t *testing.T) {
	var text strings.Builder
	fmt.Fprintln(&text, "$TTL 600\nexample. SOA ns. root. 1 1 1 1 600")
	for i := range 40 {
		fmt.Fprintf(&text, "a.example. NAPTR 1 %d \"s\" \"SIP+D2U\" \"\" s%d.example.\n", i, i)
		fmt.Fprintf(&text, "s%d.example. SRV 1 1 5060 h%d.example.\n", i, i)
		fmt.Fprintf(&text, "_sip._udp.b.example. SRV %d 1 5060 h%d.example.\n", i, i)
		fmt.Fprintf(&text, "h%d.example. A 192.0.2.%d\n", i, i)
		fmt.Fprintf(&text, "c.example. A 192.0.2.%d\nc.example. A 192.0.2.%d\n", i, i)
	}
	synctest.Test(t, func(t *testing.T) {
		z := newZone(t, text.String())
		for uri, want := range map[string]struct{ hops, questions int }{
			"sip:a.example":      {8, 1 + 8 + 2*8},
			"sip:b.example":      {8, 1 + 2 + 2*8},
			"sip:c.example:5060": {16, 2},
		} {
			before := z.count("")
			r := resolverOn(t, z)
			found, err := find(t, r, uri)
			require.NoError(t, err, uri)
			require.Len(t, found, want.hops, uri)
			require.Equal(t, want.questions, z.count("")-before, uri)
			require.Equal(t, "192.0.2.0", found[0].Addr.Addr().String(), uri)
			require.Equal(t, "192.0.2.1", found[1].Addr.Addr().String(), uri)
		}
	})
}

// Of more servers than are used, those are left out that would be drawn seldom, or
// last.
func TestManyWeights(t *testing.T) {
	var text strings.Builder
	fmt.Fprintln(&text, "$TTL 600\nexample. SOA ns. root. 1 1 1 1 600")
	for i := range 40 {
		fmt.Fprintf(&text, "_sip._udp.example. SRV 1 %d 5060 h%d.example.\n", i, i)
		fmt.Fprintf(&text, "_sip._udp.example. SRV 2 %d 5060 b%d.example.\n", 100+i, i)
		fmt.Fprintf(&text, "h%d.example. A 192.0.2.%d\nb%d.example. A 198.51.100.%d\n", i, i, i, i)
	}
	synctest.Test(t, func(t *testing.T) {
		heaviest := func(n int) int { return n - 1 }
		found, err := find(t, resolverOn(t, newZone(t, text.String()), resolve.WithRand(heaviest)), "sip:example")
		require.NoError(t, err)
		for i, h := range found {
			require.Equal(t, fmt.Sprintf("192.0.2.%d:5060", 39-i), h.Addr.String())
		}
	})
}

// RFC 2782: the share of a server is that of its weight, within its priority.
func TestWeights(t *testing.T) {
	const text = `$TTL 600
example. SOA ns. root. 1 1 1 1 600
_sip._udp.example. SRV 2 9 5060 backup.example.
_sip._udp.example. SRV 1 60 5060 a.example.
_sip._udp.example. SRV 1 30 5060 b.example.
_sip._udp.example. SRV 1 10 5060 c.example.
_sip._udp.example. SRV 1 0 5060 d.example.
_sip._udp.even.example. SRV 1 0 5060 a.example.
_sip._udp.even.example. SRV 1 0 5060 b.example.
a.example. A 192.0.2.1
b.example. A 192.0.2.2
c.example. A 192.0.2.3
d.example. A 192.0.2.4
backup.example. A 192.0.2.9`
	synctest.Test(t, func(t *testing.T) {
		r := resolverOn(t, newZone(t, text), resolve.WithRand(rand.New(rand.NewPCG(1, 2)).IntN))
		draw := func(uri string, n int) (first, second map[string]int) {
			first, second = map[string]int{}, map[string]int{}
			for range n {
				found, err := find(t, r, uri)
				require.NoError(t, err)
				first[found[0].Addr.Addr().String()]++
				second[found[1].Addr.Addr().String()]++
				if last := found[len(found)-1].Addr.Addr().String(); len(found) > 2 {
					require.Equal(t, "192.0.2.9", last, "another priority")
					require.Len(t, found, 5)
				}
			}
			return first, second
		}
		const n = 10000
		first, second := draw("sip:example;transport=udp", n)
		// By RFC 2782, a number from 0 to 100 is drawn.
		require.InDelta(t, n*60/101., first["192.0.2.1"], 200)
		require.InDelta(t, n*30/101., first["192.0.2.2"], 200)
		require.InDelta(t, n*10/101., first["192.0.2.3"], 120)
		require.InDelta(t, n*1/101., first["192.0.2.4"], 40)
		// Of the 60 % that drew the first, 30 of 40 draw the second next.
		require.InDelta(t, n*(.6*30/40+.1*30/90), second["192.0.2.2"], 250)

		first, _ = draw("sip:even.example;transport=udp", n)
		require.InDelta(t, n/2, first["192.0.2.1"], 250)
	})
}

// A name server that keeps silent about a part does not hold up the rest for
// long (RFC 7984 wants both families asked).
func TestSilenceAboutAPart(t *testing.T) {
	for silent, want := range map[string]string{
		"plain.test AAAA": "udp 203.0.113.80:5060",
		"plain.test A":    "udp [2001:db8::80]:5060",
		"b.srv.test A":    "tcp 198.51.100.1:5070",
	} {
		synctest.Test(t, func(t *testing.T) {
			z := newZone(t, domains)
			z.handle(func(_ dns.ResponseWriter, q *dns.Msg) bool {
				return strings.TrimSuffix(q.Question[0].Name, ".")+" "+dns.TypeToString[q.Question[0].Qtype] == silent
			})
			r := resolverOn(t, z)
			uri := "sip:plain.test"
			if strings.HasPrefix(silent, "b") {
				uri = "sip:srv.test"
			}
			begun := time.Now()
			found, err := find(t, r, uri)
			require.NoError(t, err)
			require.Equal(t, hops(want), found)
			require.Equal(t, 250*time.Millisecond, time.Since(begun))

			time.Sleep(3 * time.Second) // the lookup has failed
			begun = time.Now()
			_, err = find(t, r, uri)
			require.NoError(t, err)
			require.Zero(t, time.Since(begun))
		})
	}
}

// Name servers that drop what they do not know are common; the failure is kept
// for longer each time, so that it does not delay every other call.
func TestNAPTRWithoutAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z := newZone(t, domains)
		z.handle(func(_ dns.ResponseWriter, q *dns.Msg) bool { return q.Question[0].Qtype == dns.TypeNAPTR })
		r := resolverOn(t, z)
		for _, seconds := range []int{5, 10, 20, 30, 30} {
			begun := time.Now()
			found, err := find(t, r, "sip:srv.test")
			require.NoError(t, err)
			require.Equal(t, hops("tcp 198.51.100.1:5070, tcp 198.51.100.2:5071"), found)
			require.Equal(t, 3*time.Second, time.Since(begun))

			time.Sleep(time.Duration(seconds)*time.Second - time.Nanosecond)
			begun = time.Now()
			_, err = find(t, r, "sip:srv.test")
			require.NoError(t, err)
			require.Zero(t, time.Since(begun))
			time.Sleep(time.Nanosecond)
		}
	})
}

// A service that the domain wants is not replaced by a lesser one because its
// records could not be had.
func TestNoDowngrade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z := newZone(t, domains)
		z.handle(func(w dns.ResponseWriter, q *dns.Msg) bool {
			if q.Question[0].Name != "_sips._tcp.example.com." {
				return false
			}
			w.WriteMsg(new(dns.Msg).SetRcode(q, dns.RcodeRefused))
			return true
		})
		_, err := find(t, resolverOn(t, z, resolve.WithNetworks("udp", "tcp", "tls")), "sip:example.com")
		require.ErrorContains(t, err, "REFUSED")
	})
}
