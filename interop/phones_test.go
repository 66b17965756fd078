//go:build interop

package interop

import (
	"fmt"
	"testing"
	"time"
)

// A conversation is a call between two phones through the proxy.
type conversation struct {
	network  string
	domain   string
	proxy    string // that the phones send everything to; may be empty
	prefix   string // of the phones' addresses
	hangsUp  string // who ends it: "alice", who called, or "bob"
	duration time.Duration
}

// TestPhones has two phones register with digests and hold a call through the
// proxy. Each plays a tone of its own; what the other one recorded must be
// that tone. The sound goes from phone to phone.
func TestPhones(t *testing.T) {
	accounts := []string{"--user", "alice:wonderland", "--user", "bob:builder"}
	for i, network := range networks {
		t.Run(network, func(t *testing.T) {
			s := serve(t, fmt.Sprintf("127.0.36.%d", i+1), accounts...)
			conversation{
				network: network, domain: s.addr,
				prefix: fmt.Sprintf("127.0.37.%d", i+1), hangsUp: "alice", duration: 3 * time.Second,
			}.hold(t)
		})
		// The same with a domain that has a name but no address: the phones
		// have the softswitch as their outbound proxy, in a Route. The BYE goes
		// the other way.
		t.Run(network+" outbound", func(t *testing.T) {
			s := serve(t, fmt.Sprintf("127.0.38.%d", i+1), append(accounts, "--domain", "office.test")...)
			conversation{
				network: network, domain: "office.test", proxy: s.addr,
				prefix: fmt.Sprintf("127.0.39.%d", i+1), hangsUp: "bob", duration: 3 * time.Second,
			}.hold(t)
		})
	}
}

// TestSecurePhones is the same over TLS, with the certificate that softswitch
// makes itself. A phone has none: it is called, and hung up on, over the
// connection that it opened.
func TestSecurePhones(t *testing.T) {
	accounts := []string{"--user", "alice:wonderland", "--user", "bob:builder"}
	s := serveSecure(t, "127.0.43.1", accounts...)
	s.expect(t, `the certificate is self-signed`, time.Second)
	conversation{
		network: "tls", domain: s.tls, prefix: "127.0.44.1", hangsUp: "alice", duration: 3 * time.Second,
	}.hold(t)

	s = serveSecure(t, "127.0.43.2", append(accounts, "--domain", "office.test")...)
	conversation{
		network: "tls", domain: "office.test", proxy: s.tls, prefix: "127.0.44.2", hangsUp: "bob", duration: 3 * time.Second,
	}.hold(t)
}

// hold registers alice and bob, has alice call bob, and looks at what came out
// of it on both sides.
func (c conversation) hold(t *testing.T) {
	t.Helper()
	alice := pickUp(t, account{
		User: "alice", Password: "wonderland", Domain: c.domain, Transport: c.network, Proxy: c.proxy,
		IP: c.prefix + "1", RTP: 6200, LastRTP: 6219, Tone: 440,
	})
	bob := pickUp(t, account{
		User: "bob", Password: "builder", Domain: c.domain, Transport: c.network, Proxy: c.proxy,
		IP: c.prefix + "2", RTP: 6220, LastRTP: 6239, Tone: 880,
	})

	number := "sip:bob@" + c.domain
	if c.network == "tls" {
		number += ";transport=tls"
	}
	alice.control(t, "dial", number)
	alice.expect(t, `Call established: sip:bob@`, 10*time.Second)
	bob.expect(t, `Call established: sip:alice@`, 10*time.Second)
	<-time.After(c.duration) // sound takes its time
	map[string]*phone{"alice": alice, "bob": bob}[c.hangsUp].control(t, "hangup", "")
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
