//go:build interop

package interop

import (
	"os"
	"testing"
	"time"
)

// TestBridge has SIPp's own caller reach SIPp's own callee through examples/b2bua,
// 300 times a second.
func TestBridge(t *testing.T) {
	const calls, rate, ip = 3000, 300, "127.0.47.1"
	answering := sipp{scenario: "uas", builtin: true, network: "udp", local: ip + ":5081", calls: calls, hold: 30 * time.Second}.start(t)
	p := start(t, t.TempDir(), example(t, "b2bua"), "-listen", ip+":5070", "-to", "sip:"+ip+":5081")
	t.Cleanup(func() {
		p.signal(t, os.Interrupt)
		if status := p.wait(t, 5*time.Second); status != 0 {
			t.Errorf("exit status %d after an interrupt", status)
		}
	})
	p.expect(t, `calls to UDP`, 10*time.Second)
	sipp{
		scenario: "uac", builtin: true, network: "udp", local: ip + ":5080", remote: ip + ":5070",
		calls: calls, rate: rate, hold: 100 * time.Millisecond,
	}.run(t).check(t, "caller", calls)
	answering.result(t).check(t, "callee", calls)
}
