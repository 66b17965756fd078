//go:build interop

package interop

import (
	"fmt"
	"testing"
	"time"
)

// TestPhones has two phones register with digests and hold a call through the
// proxy. Each plays a tone of its own; what the other one recorded must be
// that tone. The sound goes from phone to phone.
func TestPhones(t *testing.T) {
	for i, network := range networks {
		t.Run(network, func(t *testing.T) {
			s := serve(t, fmt.Sprintf("127.0.36.%d", i+1), "--user", "alice:wonderland", "--user", "bob:builder")
			hold(t, network, s.addr, "", fmt.Sprintf("127.0.37.%d", 10*i))
		})
		// The same with a domain that has a name but no address: the phones
		// have the softswitch as their outbound proxy, in a Route.
		t.Run(network+" outbound", func(t *testing.T) {
			s := serve(t, fmt.Sprintf("127.0.38.%d", i+1), "--domain", "office.test", "--user", "alice:wonderland", "--user", "bob:builder")
			hold(t, network, "office.test", s.addr, fmt.Sprintf("127.0.39.%d", 10*i))
		})
	}
}

// hold registers alice and bob, has alice call bob for three seconds, and
// looks at what came out of it on both sides.
func hold(t *testing.T, network, domain, proxy, addresses string) {
	t.Helper()
	alice := pickUp(t, account{
		User: "alice", Password: "wonderland", Domain: domain, Transport: network, Proxy: proxy,
		IP: addresses + "1", RTP: 6200, LastRTP: 6219, Tone: 440,
	})
	bob := pickUp(t, account{
		User: "bob", Password: "builder", Domain: domain, Transport: network, Proxy: proxy,
		IP: addresses + "2", RTP: 6220, LastRTP: 6239, Tone: 880,
	})

	alice.control(t, "dial", "sip:bob@"+domain)
	alice.expect(t, `Call established: sip:bob@`, 10*time.Second)
	bob.expect(t, `Call established: sip:alice@`, 10*time.Second)
	began := time.Now()
	eventually(t, 10*time.Second, func() bool { return time.Since(began) > 3*time.Second }, "time stands still")
	alice.control(t, "hangup", "")
	alice.expect(t, `Call with sip:bob@\S+ terminated`, 5*time.Second)
	bob.expect(t, `Call with sip:alice@\S+ terminated`, 5*time.Second)

	listened(t, alice, bob)
	listened(t, bob, alice)
	alice.putDown(t)
	bob.putDown(t)
}

// listened demands that a phone heard what the other one played: at 50
// packets a second about 150 in three seconds, and two seconds are enough.
func listened(t *testing.T, p, other *phone) {
	t.Helper()
	sent, received := p.packets(t)
	share, length := p.heard(t, other.Tone)
	t.Logf("%s: %d RTP packets sent, %d received; %v recorded, %.0f %% of it the tone of %s", p.User, sent, received, length, 100*share, other.User)
	if sent < 100 || received < 100 || length < 2*time.Second || share < 0.8 {
		t.Errorf("%s did not hear %s", p.User, other.User)
	}
}
