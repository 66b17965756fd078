package proxy_test

import (
	"testing"

	"github.com/patchbay-sip/patchbay/sip"
)

// BenchmarkCall is a whole call in one process over the in-memory network:
// INVITE, 180, 200, ACK, BYE, 200. The two phones' own work is in it.
func BenchmarkCall(b *testing.B) {
	for _, network := range []string{"udp", "tcp"} {
		b.Run(network, func(b *testing.B) {
			s := newSite(b, siteConfig{})
			alice, bob := s.phoneOn(network, "alice", "10"), s.phoneOn(network, "bob", "20")
			s.users.register("bob", bob)
			alice.forgetful, bob.forgetful = true, true
			b.ReportAllocs()
			for b.Loop() {
				invite := alice.request(sip.INVITE, "sip:bob@example.com")
				alice.send(proxyAddr, invite)
				in := bob.asked(sip.INVITE)
				in.answer(180)
				alice.expect(180)
				in.answer(200)
				caller := callerLeg(alice, invite, alice.expect(200))
				caller.send(caller.request(sip.ACK))
				bob.asked(sip.ACK)
				caller.send(caller.request(sip.BYE))
				bob.asked(sip.BYE).answer(200)
				alice.expect(200)
			}
		})
	}
}
