//go:build interop

package interop

import (
	"fmt"
	"testing"
	"time"
)

// TestCalls has one SIPp call the registered users of another through the
// proxy, at 100 calls a second.
func TestCalls(t *testing.T) {
	const calls, rate, accounts = 2000, 100, 100
	for i, network := range networks {
		t.Run(network, func(t *testing.T) {
			s := serve(t, fmt.Sprintf("127.0.33.%d", i+1))
			caller, callee := s.ip+":5080", s.ip+":5081"
			register(t, s, network, callee, users(accounts))

			answering := sipp{scenario: "call-callee", network: network, local: callee, calls: calls, hold: 30 * time.Second}.start(t)
			sipp{
				scenario: "call-caller", network: network, local: caller, remote: s.addr,
				calls: calls, rate: rate, hold: 100 * time.Millisecond, fields: users(accounts),
			}.run(t).check(t, "caller", calls)
			answering.result(t).check(t, "callee", calls)
		})
	}
}

// TestCallsDigest is the same where callers have to prove who they are. SIPp
// can make credentials for one Request-URI only, so one user gets every call.
func TestCallsDigest(t *testing.T) {
	const calls, rate = 500, 50
	for i, network := range networks {
		t.Run(network, func(t *testing.T) {
			s := serve(t, fmt.Sprintf("127.0.42.%d", i+1), "--user", "alice:wonderland", "--user", "bob:builder")
			caller, callee := s.ip+":5080", s.ip+":5081"
			sipp{
				scenario: "register-digest", network: network, local: s.ip + ":5079", remote: s.addr, calls: 1, rate: 1,
				fields: []string{"bob;[authentication username=bob password=builder]"}, keys: map[string]string{"contact": callee},
			}.run(t).check(t, "client", 1)

			answering := sipp{scenario: "call-callee", network: network, local: callee, calls: calls, hold: 30 * time.Second}.start(t)
			sipp{
				scenario: "call-caller-digest", network: network, local: caller, remote: s.addr, calls: calls, rate: rate,
				hold: 100 * time.Millisecond, authURI: "bob@" + s.addr,
				fields: []string{"bob;alice;[authentication username=alice password=wonderland]"},
			}.run(t).check(t, "caller", calls)
			answering.result(t).check(t, "callee", calls)
		})
	}
}

// TestMessages sends pages of text to registered users.
func TestMessages(t *testing.T) {
	const calls, rate, accounts = 500, 100, 20
	for i, network := range networks {
		t.Run(network, func(t *testing.T) {
			s := serve(t, fmt.Sprintf("127.0.34.%d", i+1))
			sender, receiver := s.ip+":5080", s.ip+":5081"
			register(t, s, network, receiver, users(accounts))

			receiving := sipp{scenario: "message-receiver", network: network, local: receiver, calls: calls, hold: 30 * time.Second}.start(t)
			sipp{
				scenario: "message-sender", network: network, local: sender, remote: s.addr,
				calls: calls, rate: rate, fields: users(accounts),
			}.run(t).check(t, "sender", calls)
			receiving.result(t).check(t, "receiver", calls)
		})
	}
}
