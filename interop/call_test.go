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
