//go:build interop

package interop

import (
	"net"
	"strings"
	"testing"
	"time"
)

// TestCommandLine holds what the program says where it cannot start: one line,
// and exit status 1.
func TestCommandLine(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.41.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	takenUDP, err := net.ListenPacket("udp", "127.0.41.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer takenUDP.Close()

	for name, args := range map[string][]string{
		"a TCP port in use":     {"--udp", "", "--tcp", taken.Addr().String()},
		"a UDP port in use":     {"--tcp", "", "--udp", takenUDP.LocalAddr().String()},
		"an unknown flag":       {"--no-such-flag"},
		"an unknown mode":       {"--auth", "maybe"},
		"a user without a word": {"--udp", "", "--tcp", "127.0.41.1:0", "--user", "alice"},
		"no file of users":      {"--udp", "", "--tcp", "127.0.41.1:0", "--users-file", "missing"},
	} {
		t.Run(name, func(t *testing.T) {
			p := start(t, t.TempDir(), program, args...)
			status := p.wait(t, 5*time.Second)
			said := strings.TrimRight(p.output.String(), "\n")
			if status != 1 || said == "" || strings.Contains(said, "\n") {
				t.Errorf("exit status %d, and it said\n%s", status, said)
			}
		})
	}
}

// TestVersion is what a packager asks first.
func TestVersion(t *testing.T) {
	p := start(t, t.TempDir(), program, "--version")
	if status := p.wait(t, 5*time.Second); status != 0 || !strings.Contains(p.output.String(), "softswitch") {
		t.Errorf("exit status %d, and it said\n%s", status, p.output.String())
	}
}

// TestSecondProcess starts the program twice on one port.
func TestSecondProcess(t *testing.T) {
	s := serve(t, "127.0.41.2")
	for _, flags := range [][]string{{"--udp", s.addr, "--tcp", ""}, {"--udp", "", "--tcp", s.addr}} {
		p := start(t, t.TempDir(), program, flags...)
		if status := p.wait(t, 5*time.Second); status != 1 || !strings.Contains(p.output.String(), s.addr) {
			t.Errorf("with %q: exit status %d, and it said\n%s", flags, status, p.output.String())
		}
	}
}
