package proxy_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip"
)

// markOf is the mark that a party has of a dialog.
func markOf(t *testing.T, l *leg) string {
	t.Helper()
	mark, ok := l.routes[0].URI.Param("pb")
	require.True(t, ok)
	return mark
}

// Whoever once had an answer of one of our users has a mark. It leads to that
// user, and nowhere else: a stranger who rings a phone has no relay by that.
func TestMarkLeadsWhereTheDialogDoes(t *testing.T) {
	const victim = "sip:victim@192.0.2.66:5060"
	tests := []struct {
		name string
		edit func(r *sip.Request, mark string)
	}{
		{"another Request-URI", func(r *sip.Request, _ string) { r.URI = sip.MustParseURI(victim) }},
		{"another Request-URI over TCP", func(r *sip.Request, _ string) {
			r.URI = sip.MustParseURI(victim + ";transport=tcp")
		}},
		{"another port of the phone's host", func(r *sip.Request, _ string) {
			r.URI = r.URI.WithHost(r.URI.Host(), 6379)
		}},
		{"another network, and so somebody's connection", func(r *sip.Request, _ string) {
			r.URI = r.URI.WithParam("transport", "tcp")
		}},
		{"another port, by a Route behind ours", func(r *sip.Request, _ string) {
			r.Add("Route", "<sip:"+r.URI.Host()+":6379;lr>")
		}},
		{"maddr", func(r *sip.Request, _ string) {
			r.URI = r.URI.WithParam("maddr", "192.0.2.66")
		}},
		{"a Route behind ours", func(r *sip.Request, _ string) { r.Add("Route", "<sip:192.0.2.66;lr>") }},
		{"a strict Route behind ours", func(r *sip.Request, _ string) { r.Add("Route", "<sip:192.0.2.66>") }},
		{"Route values of ours behind ours", func(r *sip.Request, _ string) {
			r.Add("Route", "<sip:192.0.2.1;lr>, <sip:example.com;lr>, <sip:192.0.2.66;lr>")
		}},
		{"the phone's own address as a Route of ours", func(r *sip.Request, mark string) {
			r.Add("Route", "<sip:192.0.2.20;lr;pb="+mark+">, <sip:192.0.2.66;lr>")
		}},
		{"the way of a strict router", func(r *sip.Request, mark string) {
			r.URI = sip.MustParseURI("sip:192.0.2.1;lr;pb=" + mark)
			r.Set("Route", "<"+victim+">")
		}},
		{"the way of a strict router, by a peer", func(r *sip.Request, mark string) {
			r.URI = sip.MustParseURI("sip:192.0.2.20;lr;pb=" + mark)
			r.Set("Route", "<sip:192.0.2.20;pb="+mark+">, <"+victim+">")
		}},
		{"the mark in the Request-URI", func(r *sip.Request, mark string) {
			r.URI = sip.MustParseURI(victim + ";lr;pb=" + mark)
		}},
		{"as the callee", func(r *sip.Request, _ string) {
			from, to := r.Get("From"), r.Get("To")
			r.Set("From", to)
			r.Set("To", from)
			r.URI = sip.MustParseURI(victim)
		}},
	}
	inBubble(t, siteConfig{}, func(t *testing.T, s *site) {
		eve, bob := s.phone("eve", "10"), s.phone("bob", "20")
		victim, victimTCP := s.phone("victim", "66"), s.streamPhone("victim", "66")
		s.users.register("bob", bob)
		invite := eve.request(sip.INVITE, "sip:bob@example.com")
		invite.Set("Contact", "<sip:victim@192.0.2.66>") // as callee, bob might go there
		eve.send(proxyAddr, invite)
		in := bob.asked(sip.INVITE)
		in.answer(180)
		caller := callerLeg(eve, invite, eve.expect(180))
		mark := markOf(t, caller)
		for _, tt := range tests {
			for _, m := range []sip.Method{sip.INVITE, sip.BYE, sip.MESSAGE, sip.ACK} {
				req := caller.request(m)
				tt.edit(req, mark)
				require.False(t, s.proxy.InDialog(req), tt.name)
				eve.send(proxyAddr, req)
				if m != sip.ACK {
					require.Equal(t, "Relaying Denied", eve.expect(403).Reason, tt.name)
				}
			}
		}
		victim.silent(time.Second)
		victimTCP.silent(0)
		bob.silent(0)

		// What the dialog itself needs passes.
		caller.send(caller.request(sip.PRACK))
		bob.asked(sip.PRACK).answer(200)
		eve.expect(200)
		in.answer(486)
		eve.expect(486)
	})
}

// Each party has a mark of its own, which the other one never sees, not even in
// a response that forms no dialog.
func TestMarksAreNotShared(t *testing.T) {
	inBubble(t, siteConfig{}, func(t *testing.T, s *site) {
		eve, bob := s.phone("eve", "10"), s.phone("bob", "20")
		s.users.register("bob", bob)
		for _, code := range []int{180, 183, 200, 302, 404, 486, 603} {
			eve.send(proxyAddr, eve.request(sip.INVITE, "sip:bob@example.com"))
			in := bob.asked(sip.INVITE)
			route, err := in.Address("Record-Route")
			require.NoError(t, err)
			back, _ := route.URI.Param("pb")
			in.answer(code, func(r *sip.Response) {
				r.Del("Record-Route")
				r.Copy(&in.Header, "Record-Route")
			})
			resp := eve.expect(code)
			require.Contains(t, resp.String(), ";pb=")
			require.NotContains(t, resp.String(), back)
			if code < 200 {
				in.answer(486)
				eve.expect(486)
			}
		}
	})
}

// A party that moved to another host is reached by who can say who he is.
func TestMovedParty(t *testing.T) {
	authenticating(t, func(t *testing.T, s *site) {
		alice, bob, moved := s.phone("alice", "10"), s.phone("bob", "20"), s.phone("bob", "21")
		s.users.register("bob", bob)
		invite := alice.request(sip.INVITE, "sip:bob@example.com")
		alice.send(proxyAddr, invite)
		resend(alice, invite, alice.expect(407))
		bob.asked(sip.INVITE).answer(200)
		caller := callerLeg(alice, invite, alice.expect(200))
		caller.target = moved.contact()
		bye := caller.request(sip.BYE)
		caller.send(bye)
		resend(alice, bye, alice.expect(407))
		moved.asked(sip.BYE).answer(200)
		alice.expect(200)
	})
}

// Contacts are compared as addresses: names in any case, numbers in any spelling,
// the usual port and network whether they are written or not.
func TestMarkOfANamedContact(t *testing.T) {
	inBubble(t, siteConfig{}, func(t *testing.T, s *site) {
		alice, bob := s.phone("alice", "10"), s.phone("bob", "20")
		s.users.register("bob", bob)
		invite := alice.request(sip.INVITE, "sip:bob@example.com")
		invite.Set("Contact", "<sip:alice@PC33.atlanta.example.com:5070>")
		alice.send(proxyAddr, invite)
		in := bob.asked(sip.INVITE)
		answer := in.answer(200, func(r *sip.Response) { r.Set("Contact", "<sip:bob@[2001:DB8::0:20]>") })
		caller, callee := callerLeg(alice, invite, alice.expect(200)), calleeLeg(in, answer)

		bye := callee.request(sip.BYE)
		bye.URI = sip.MustParseURI("sip:alice@pc33.Atlanta.example.com:5070")
		require.True(t, s.proxy.InDialog(bye))
		for _, uri := range []string{
			"sip:alice@pc34.atlanta.example.com:5070",
			"sip:alice@pc33.atlanta.example.com:22",
			"sip:alice@pc33.atlanta.example.com",
			"sip:alice@pc33.atlanta.example.com:5070;transport=tcp",
		} {
			bye.URI = sip.MustParseURI(uri)
			require.False(t, s.proxy.InDialog(bye), uri)
		}

		bye = caller.request(sip.BYE)
		for uri, same := range map[string]bool{
			"sip:bob@[2001:db8::20]":                    true,
			"sip:bob@[2001:db8::20]:5060;transport=UDP": true,
			"sip:bob@[2001:db8::20]:5062":               false,
			"sip:bob@[2001:db8::20];transport=tcp":      false,
			"sips:bob@[2001:db8::20]":                   false,
		} {
			bye.URI = sip.MustParseURI(uri)
			require.Equal(t, same, s.proxy.InDialog(bye), uri)
		}
	})
}
