//go:build interop

package interop

import (
	"os"
	"testing"
	"time"
)

// bridge starts examples/b2bua on an address of its own, with a gateway, and
// returns ip:port.
func bridge(t *testing.T, ip, gateway string) string {
	t.Helper()
	addr := ip + ":5070"
	p := start(t, t.TempDir(), example(t, "b2bua"), "-listen", addr, "-to", "sip:"+gateway)
	t.Cleanup(func() {
		p.signal(t, os.Interrupt)
		if status := p.wait(t, 5*time.Second); status != 0 {
			t.Errorf("exit status %d after an interrupt", status)
		}
	})
	p.expect(t, `calls to UDP`, 10*time.Second)
	return addr
}

// TestBridge has SIPp's own caller reach SIPp's own callee through examples/b2bua,
// 300 times a second.
func TestBridge(t *testing.T) {
	const calls, rate, ip = 1500, 300, "127.0.47.1"
	callee := ip + ":5081"
	answering := sipp{scenario: "uas", builtin: true, network: "udp", local: callee, calls: calls, hold: 30 * time.Second}.start(t)
	sipp{
		scenario: "uac", builtin: true, network: "udp", local: ip + ":5080", remote: bridge(t, ip, callee),
		calls: calls, rate: rate, hold: 100 * time.Millisecond,
	}.run(t).check(t, "caller", calls)
	answering.result(t).check(t, "callee", calls)
}

// TestBridgeWithPRACK has callers that insist on PRACK reach examples/echo through
// examples/b2bua, which sends PRACK on one side and takes it on the other.
func TestBridgeWithPRACK(t *testing.T) {
	const calls, rate, ip = 1500, 300, "127.0.47.2"
	sipp{
		scenario: "echo-100rel", network: "udp", local: ip + ":5080", remote: bridge(t, ip, mirror(t, "127.0.47.3")),
		calls: calls, rate: rate, hold: 100 * time.Millisecond,
	}.run(t).check(t, "caller", calls)
}
