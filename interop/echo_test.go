//go:build interop

package interop

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"text/template"
	"time"
)

// example builds one of the examples.
func example(t *testing.T, name string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), name)
	build := exec.Command("go", "build", "-o", path, "github.com/patchbay-sip/patchbay/examples/"+name)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building examples/%s: %v\n%s", name, err, out)
	}
	return path
}

// mirror starts examples/echo on an address of its own and returns ip:port. At
// the end of the test an interrupt must end it with status 0.
func mirror(t *testing.T, ip string) string {
	t.Helper()
	addr := ip + ":5070"
	p := start(t, t.TempDir(), example(t, "echo"), "-listen", addr)
	t.Cleanup(func() {
		p.signal(t, os.Interrupt)
		if status := p.wait(t, 5*time.Second); status != 0 {
			t.Errorf("exit status %d after an interrupt", status)
		}
	})
	p.expect(t, `echo on UDP`, 10*time.Second)
	return addr
}

// TestEcho has SIPp call the mirror 300 times a second: with its own scenario,
// with callers that insist on PRACK, and with session timers. A scenario named
// -timer-uas or -reinvite waits 45 seconds for the refresh.
func TestEcho(t *testing.T) {
	const rate = 300
	for i, c := range []struct {
		scenario, network string
		calls             int
		hold              time.Duration
	}{
		{"uac", "udp", 1500, 100 * time.Millisecond},
		{"uac", "tcp", 1500, 100 * time.Millisecond},
		{"echo-100rel", "udp", 1500, 100 * time.Millisecond},
		{"echo-100rel", "tcp", 1500, 100 * time.Millisecond},
		{"echo-timer-uac", "udp", 1500, 100 * time.Millisecond},
		{"echo-timer-uas", "udp", 1500, 45 * time.Second},
		{"echo-timer-reinvite", "udp", 1500, 45 * time.Second},
	} {
		t.Run(c.scenario+" "+c.network, func(t *testing.T) {
			if c.hold > time.Second {
				t.Parallel() // they mostly wait
			}
			ip := "127.0.45." + string(rune('1'+i))
			addr := mirror(t, ip)
			sipp{
				scenario: c.scenario, builtin: c.scenario == "uac", network: c.network, local: ip + ":5080", remote: addr,
				calls: c.calls, rate: rate, hold: c.hold,
			}.run(t).check(t, "caller", c.calls)
		})
	}
}

// TestEchoOfAPhone has baresip call the mirror and hear itself: its own tone,
// and as many packets as it sent. Over TCP it is not where it says: on this
// network its connections come from 127.0.0.1.
func TestEchoOfAPhone(t *testing.T) {
	const tone = 440
	addr := mirror(t, "127.0.46.1")
	alice := unregistered(t, account{User: "alice", Transport: "udp", IP: "127.0.46.1", RTP: 6240, LastRTP: 6259, Tone: tone})
	alice.control(t, "dial", "sip:echo@"+addr)
	alice.expect(t, `Call established: sip:echo@`, 10*time.Second)
	<-time.After(3 * time.Second) // sound takes its time
	alice.control(t, "hangup", "")
	alice.expect(t, `Call with sip:echo@\S+ terminated`, 5*time.Second)

	sent, received := alice.packets(t)
	share, length := alice.heard(t, tone)
	t.Logf("%d RTP packets sent, %d came back; %v recorded, %.0f %% of it the tone", sent, received, length, 100*share)
	if sent < 100 || received < sent-5 || received > sent || share < 0.9 {
		t.Error("alice did not hear herself")
	}
	alice.putDown(t)
}

// unregistered starts a phone that belongs to no server.
func unregistered(t *testing.T, a account) *phone {
	t.Helper()
	dir := t.TempDir()
	a.Records = filepath.Join(dir, "records")
	if err := os.Mkdir(a.Records, 0o700); err != nil {
		t.Fatal(err)
	}
	for from, to := range map[string]string{"config": "config", "caller": "accounts"} {
		tmpl, err := template.ParseFiles(filepath.Join("testdata", "baresip", from))
		if err != nil {
			t.Fatal(err)
		}
		var text strings.Builder
		if err := tmpl.Execute(&text, a); err != nil {
			t.Fatal(err)
		}
		writeFile(t, filepath.Join(dir, to), text.String())
	}
	p := &phone{process: start(t, dir, peer(t, "baresip"), "-f", dir), account: a, records: a.Records}
	p.expect(t, `baresip is ready`, 10*time.Second)
	return p
}
