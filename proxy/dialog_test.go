package proxy_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/proxy"
	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/keyring"
)

// Requests within the dialog go both ways by Record-Route, though neither party
// is in our domains: the mark in it lets them pass.
func TestDialogBothWays(t *testing.T) {
	networks := []string{"udp", "tcp"}
	for _, from := range networks {
		for _, to := range networks {
			t.Run(from+" to "+to, func(t *testing.T) {
				inBubble(t, siteConfig{}, func(t *testing.T, s *site) {
					alice, bob := s.phoneOn(from, "alice", "10"), s.phoneOn(to, "bob", "20")
					s.users.register("bob", bob)
					caller, callee := establish(s, alice, bob)
					values := 1
					if from != to {
						values = 2 // one for each side
					}
					require.Len(t, caller.routes, values)
					for _, l := range []*leg{caller, callee} {
						top := l.routes[0].URI
						require.True(t, top.Params().Has("lr"))
						require.True(t, netip.MustParseAddrPort(top.HostPort().String()) == proxyAddr)
						network, has := top.Param("transport")
						require.Equal(t, l.phone.accept != nil, has)
						if has {
							require.Equal(t, "tcp", network)
						}
					}
					exchange(t, caller, callee)
				})
			})
		}
	}
}

func (s *site) phoneOn(network, user, host string) *phone {
	s.t.Helper()
	if network == "tcp" {
		return s.streamPhone(user, host)
	}
	return s.phone(user, host)
}

// exchange has a re-INVITE, an INFO and the BYE go through a dialog.
func exchange(t *testing.T, caller, callee *leg) {
	t.Helper()
	for _, way := range [][2]*leg{{caller, callee}, {callee, caller}} {
		here, there := way[0], way[1]
		again := here.request(sip.INVITE)
		here.send(again)
		in := there.phone.asked(sip.INVITE)
		require.Equal(t, there.phone.contact(), in.URI)
		require.False(t, in.Has("Route"))
		in.answer(200)
		here.phone.expect(200)
		here.send(here.request(sip.ACK))
		there.phone.asked(sip.ACK)

		here.send(here.request(sip.INFO))
		there.phone.asked(sip.INFO).answer(200)
		here.phone.expect(200)
	}
	callee.send(callee.request(sip.BYE))
	caller.phone.asked(sip.BYE).answer(200)
	callee.phone.expect(200)
}

// A caller in IPv4 and a callee in IPv6 each get an address that they can reach.
func TestDialogAcrossFamilies(t *testing.T) {
	inBubble(t, siteConfig{ipv6: true}, func(t *testing.T, s *site) {
		alice, bob := s.phone("alice", "10"), newPhone(t, s.net, "bob", "[2001:db8::20]:5060")
		s.users.register("bob", bob)
		caller, callee := establish(s, alice, bob)
		require.Len(t, caller.routes, 2)
		require.Equal(t, "192.0.2.1", caller.routes[0].URI.Host())
		require.Equal(t, "2001:db8::1", callee.routes[0].URI.Host())
		exchange(t, caller, callee)
	})
}

// A callee that is reached by the connection that it opened, and by no other
// way, gets the requests of its dialogs there.
func TestCalleeBehindItsConnection(t *testing.T) {
	inBubble(t, siteConfig{}, func(t *testing.T, s *site) {
		alice, bob := s.phone("alice", "10"), s.streamPhone("bob", "20")
		require.NoError(t, bob.accept.Close())
		bob.send(proxyAddr, bob.request(sip.OPTIONS, "sip:example.com"))
		bob.expect(200)
		bob.addr = netip.MustParseAddrPort(bob.conns[proxyAddr].LocalAddr().String())
		s.users.register("bob", bob)
		caller, callee := establish(s, alice, bob)
		exchange(t, caller, callee)
	})
}

// PRACK and UPDATE go by the route set of an early dialog.
func TestEarlyDialog(t *testing.T) {
	inBubble(t, siteConfig{}, func(_ *testing.T, s *site) {
		alice, bob := s.phone("alice", "10"), s.phone("bob", "20")
		s.users.register("bob", bob)
		invite := alice.request(sip.INVITE, "sip:bob@example.com")
		alice.send(proxyAddr, invite)
		in := bob.asked(sip.INVITE)
		progress := in.answer(183)
		caller := callerLeg(alice, invite, alice.expect(183))
		callee := calleeLeg(in, progress)
		caller.send(caller.request(sip.PRACK))
		bob.asked(sip.PRACK).answer(200)
		alice.expect(200)
		callee.send(callee.request(sip.UPDATE))
		alice.asked(sip.UPDATE).answer(200)
		bob.expect(200)
		in.answer(200)
		alice.expect(200)
	})
}

// Two proxies in a row: each removes its own Route and follows the other's.
func TestTwoProxies(t *testing.T) {
	inBubble(t, siteConfig{}, func(t *testing.T, s *site) {
		alice, far := s.phone("alice", "10"), s.phone("bob", "66")
		s.users.register("bob", far)
		invite := alice.request(sip.INVITE, "sip:bob@example.com")
		alice.send(proxyAddr, invite)
		in := far.asked(sip.INVITE)
		// far plays a proxy behind which bob's phone is.
		in.Prepend("Record-Route", "<sip:192.0.2.66;lr>")
		answer := in.answer(200, func(r *sip.Response) {
			r.Set("Contact", "<sip:bob@10.0.0.20>")
		})
		caller := callerLeg(alice, invite, alice.expect(200))
		require.Len(t, caller.routes, 2)
		caller.send(caller.request(sip.ACK))
		ack := far.asked(sip.ACK)
		require.Equal(t, "<sip:192.0.2.66;lr>", ack.Get("Route"))
		require.Equal(t, "sip:bob@10.0.0.20", ack.URI.String())

		callee := calleeLeg(in, answer)
		bye := callee.request(sip.BYE)
		_, _ = bye.PopFirst("Route") // far's own
		callee.phone.send(proxyAddr, bye)
		alice.asked(sip.BYE).answer(200)
		far.expect(200)
	})
}

// RFC 3261 section 16.12.1.2: a strict router behind us gets its own URI in the
// Request-URI, and one before us puts ours there.
func TestStrictRouters(t *testing.T) {
	inBubble(t, siteConfig{}, func(t *testing.T, s *site) {
		alice, strict := s.phone("alice", "10"), s.phone("bob", "66")
		s.users.register("bob", strict)
		invite := alice.request(sip.INVITE, "sip:bob@example.com")
		alice.send(proxyAddr, invite)
		in := strict.asked(sip.INVITE)
		in.Prepend("Record-Route", "<sip:192.0.2.66>")
		answer := in.answer(200, func(r *sip.Response) { r.Set("Contact", "<sip:bob@10.0.0.20>") })
		caller := callerLeg(alice, invite, alice.expect(200))
		caller.send(caller.request(sip.ACK))
		ack := strict.asked(sip.ACK)
		require.Equal(t, "sip:192.0.2.66", ack.URI.String())
		require.Equal(t, "<sip:bob@10.0.0.20>", ack.Get("Route"))

		callee := calleeLeg(in, answer)
		bye := callee.request(sip.BYE)
		bye.URI = callee.routes[1].URI
		bye.Set("Route", "<"+alice.contact().String()+">")
		strict.send(proxyAddr, bye)
		end := alice.asked(sip.BYE)
		require.Equal(t, alice.contact(), end.URI)
		require.False(t, end.Has("Route"))
		end.answer(200)
		strict.expect(200)
	})
}

// A phone that routes strictly finds its way through both of our values, when
// the other one is on another network.
func TestStrictPhones(t *testing.T) {
	inBubble(t, siteConfig{}, func(t *testing.T, s *site) {
		alice, bob := s.phone("alice", "10"), s.streamPhone("bob", "20")
		s.users.register("bob", bob)
		caller, callee := establish(s, alice, bob)
		for _, way := range [][2]*leg{{caller, callee}, {callee, caller}} {
			here, there := way[0], way[1]
			req := here.request(sip.INFO)
			req.URI = here.routes[0].URI
			req.Set("Route", here.routes[1].String()+", <"+here.target.String()+">")
			here.phone.send(proxyAddr, req)
			in := there.phone.asked(sip.INFO)
			require.Equal(t, here.target, in.URI)
			require.False(t, in.Has("Route"))
			in.answer(200)
			here.phone.expect(200)
		}
	})
}

// What follows a strict router stays in order, and the target comes last (RFC
// 3261 section 16.6 item 6).
func TestRoutesBehindStrictRouter(t *testing.T) {
	inBubble(t, siteConfig{options: []proxy.Option{proxy.WithGate(proxy.Open{})}}, func(t *testing.T, s *site) {
		alice, strict := s.phone("alice", "10"), s.phone("strict", "66")
		req := alice.request(sip.MESSAGE, "sip:bob@192.0.2.77")
		req.Add("Route", "<sip:192.0.2.1;lr>")
		req.Add("Route", "<sip:192.0.2.66>, <sip:192.0.2.67;lr>")
		req.Add("Route", `"x" <sip:192.0.2.68;lr>;p=q`)
		alice.send(proxyAddr, req)
		in := strict.asked(sip.MESSAGE)
		require.Equal(t, "sip:192.0.2.66", in.URI.String())
		var routes []string
		for v := range in.Values("Route") {
			routes = append(routes, v)
		}
		require.Equal(t, []string{"<sip:192.0.2.67;lr>", `"x" <sip:192.0.2.68;lr>;p=q`, "<sip:bob@192.0.2.77>"}, routes)
	})
}

// RFC 3261 section 16.4: a maddr of ours is no detour.
func TestMaddr(t *testing.T) {
	inBubble(t, siteConfig{}, func(t *testing.T, s *site) {
		alice, bob := s.phone("alice", "10"), s.phone("bob", "20")
		s.users.register("bob", bob)
		for _, uri := range []string{
			"sip:bob@example.com;maddr=192.0.2.1",
			"sip:bob@example.com:5060;transport=udp;maddr=192.0.2.1",
			"sip:bob@example.com;maddr=example.com",
		} {
			alice.send(proxyAddr, alice.request(sip.MESSAGE, uri))
			bob.asked(sip.MESSAGE).answer(200)
			alice.expect(200)
		}
		// Another port or transport is another way in.
		alice.send(proxyAddr, alice.request(sip.MESSAGE, "sip:bob@example.com;transport=tcp;maddr=192.0.2.1"))
		alice.expect(403)
	})
}

// What is left of a Request-URI with maddr, and where it leads (RFC 3261
// sections 16.4 and 16.5).
func TestMaddrElsewhere(t *testing.T) {
	cfg := siteConfig{options: []proxy.Option{proxy.WithGate(proxy.Open{})}}
	inBubble(t, cfg, func(t *testing.T, s *site) {
		alice, bob, far := s.phone("alice", "10"), s.phone("bob", "20"), s.phone("far", "66")
		s.users.register("bob", bob)
		for _, tt := range []struct{ uri, route, want string }{
			// The usual port and transport stay: without them SRV would be asked.
			{"sip:far@192.0.2.66:5060;maddr=192.0.2.1", "", "sip:far@192.0.2.66:5060"},
			{"sip:far@192.0.2.66;transport=udp;maddr=192.0.2.1", "", "sip:far@192.0.2.66;transport=udp"},
			// A maddr that is not ours leads there, whoever the host is.
			{"sip:far@192.0.2.1:5060;maddr=192.0.2.66", "", "sip:far@192.0.2.1:5060;maddr=192.0.2.66"},
			{"sip:far@192.0.2.66;method=BYE", "", "sip:far@192.0.2.66"}, // 16.6 item 2
			{"sip:bob@example.com", "<sip:example.com;maddr=192.0.2.66;lr>", "sip:bob@192.0.2.20:5060"},
			{"sip:far@192.0.2.66", "<sip:elsewhere.example;maddr=192.0.2.1;lr>", "sip:far@192.0.2.66"},
		} {
			req := alice.request(sip.MESSAGE, tt.uri)
			if tt.route != "" {
				req.Add("Route", tt.route)
			}
			alice.send(proxyAddr, req)
			in := far.asked(sip.MESSAGE)
			require.Equal(t, tt.want, in.URI.String())
			in.answer(200)
			alice.expect(200)
		}
	})
}

// A callee that gave an address-of-record as its Contact is found by location.
func TestContactInOurDomain(t *testing.T) {
	inBubble(t, siteConfig{}, func(t *testing.T, s *site) {
		alice, bob := s.phone("alice", "10"), s.phone("bob", "20")
		s.users.register("bob", bob)
		invite := alice.request(sip.INVITE, "sip:bob@example.com")
		alice.send(proxyAddr, invite)
		in := bob.asked(sip.INVITE)
		in.answer(200, func(r *sip.Response) { r.Set("Contact", "<sip:bob@example.com>") })
		caller := callerLeg(alice, invite, alice.expect(200))
		caller.send(caller.request(sip.ACK))
		require.Equal(t, bob.contact(), bob.asked(sip.ACK).URI)
		caller.send(caller.request(sip.BYE))
		end := bob.asked(sip.BYE)
		require.Equal(t, bob.contact(), end.URI)
		end.answer(200)
		alice.expect(200)
	})
}

// The ACK reaches a callee that is known by its address-of-record, whatever
// becomes of the other phones there and whichever group it is in (RFC 3261
// section 13.2.2.4).
func TestAckToAddressOfRecord(t *testing.T) {
	groups := func(*site) proxy.Route {
		return proxy.Route{Groups: [][]proxy.Branch{{to("sip:bob@192.0.2.99;transport=tcp")}, {to(bob1), to(bob1)}, {to(bob1)}}}
	}
	inBubble(t, siteConfig{router: fixed(groups)}, func(t *testing.T, s *site) {
		alice, bob := s.phone("alice", "10"), s.phone("bob", "21")
		invite := alice.request(sip.INVITE, "sip:bob@example.com")
		alice.send(proxyAddr, invite)
		bob.asked(sip.INVITE).answer(200, func(r *sip.Response) { r.Set("Contact", "<sip:bob@example.com>") })
		caller := callerLeg(alice, invite, alice.expect(200))
		bob.forgetful = true
		caller.send(caller.request(sip.ACK))
		bob.asked(sip.ACK)
		bob.silent(time.Minute) // once a target
	})
}

// A proxy that shares the keys knows the dialogs of another.
func TestSharedKeys(t *testing.T) {
	keys := keyring.New()
	cfg := siteConfig{options: []proxy.Option{proxy.WithKeys(keys)}}
	inBubble(t, cfg, func(t *testing.T, s *site) {
		alice, bob := s.phone("alice", "10"), s.phone("bob", "20")
		s.users.register("bob", bob)
		caller, _ := establish(s, alice, bob)
		bye := caller.request(sip.BYE)
		require.True(t, proxy.New(s.ep, s.domains, proxy.First(), proxy.WithKeys(keys)).InDialog(bye))
		require.False(t, proxy.New(s.ep, s.domains, proxy.First()).InDialog(bye))
	})
}

// An ACK with no hop left is dropped; there is nothing to answer it with.
func TestAckWithoutHops(t *testing.T) {
	inBubble(t, siteConfig{}, func(_ *testing.T, s *site) {
		alice, bob := s.phone("alice", "10"), s.phone("bob", "20")
		s.users.register("bob", bob)
		caller, _ := establish(s, alice, bob)
		ack := caller.request(sip.ACK)
		ack.Set("Max-Forwards", "0")
		caller.send(ack)
		bob.silent(time.Minute)
		alice.silent(0)
	})
}
