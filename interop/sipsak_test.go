//go:build interop

package interop

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// sipsak runs the program to its end, and returns its exit status and what it
// printed.
func sipsak(t *testing.T, args ...string) (status int, output string) {
	t.Helper()
	p := start(t, t.TempDir(), peer(t, "sipsak"), args...)
	status = p.wait(t, 40*time.Second)
	return status, p.output.String()
}

// TestSipsakOptions asks the softswitch itself whether it lives.
func TestSipsakOptions(t *testing.T) {
	s := serve(t, "127.0.40.1")
	for _, network := range networks {
		status, output := sipsak(t, "-vv", "--transport="+network, "-s", "sip:"+s.addr)
		if status != 0 || !strings.Contains(output, "SIP/2.0 200") {
			t.Errorf("OPTIONS over %s: exit status %d\n%s", network, status, output)
		}
	}
}

// TestSipsakRegister registers a user with a password, and looks at what the
// registrar holds then; a wrong password gets nowhere.
func TestSipsakRegister(t *testing.T) {
	s := serve(t, "127.0.40.2", "--user", "carol:cello")
	for i, network := range networks {
		contact := fmt.Sprintf("sip:carol@127.0.40.2:%d", 5081+i)
		status, output := sipsak(t, "-vvv", "--transport="+network, "-U", "-C", contact, "-x", "300", "-u", "carol", "-a", "cello", "-s", "sip:carol@"+s.addr)
		if status != 0 {
			t.Errorf("REGISTER over %s: exit status %d\n%s", network, status, output)
		}
		if !strings.Contains(output, "SIP/2.0 401") || !strings.Contains(output, "SIP/2.0 200") || !strings.Contains(lastMessage(output), contact) {
			t.Errorf("REGISTER over %s: want a 401 and then a 200 with %s\n%s", network, contact, output)
		}
		status, output = sipsak(t, "-vvv", "--transport="+network, "-U", "-C", "sip:mallory@127.0.40.2:5089", "-u", "carol", "-a", "guess", "-s", "sip:carol@"+s.addr)
		if status == 0 || strings.Contains(output, "SIP/2.0 200") {
			t.Errorf("REGISTER with a wrong password over %s: exit status %d\n%s", network, status, output)
		}
	}
}

// lastMessage returns the last response in what sipsak printed.
func lastMessage(output string) string {
	return output[max(0, strings.LastIndex(output, "SIP/2.0 ")):]
}

// TestSipsakTrace sends OPTIONS with Max-Forwards from 0 up until somebody
// answers: the proxy must say 483 and the phone behind it 200 (RFC 3261
// section 16.3).
func TestSipsakTrace(t *testing.T) {
	s := serve(t, "127.0.40.3")
	phone := connect(t, "udp", s.ip+":5081", s.addr)
	registerWire(t, s, phone, "dave")
	answered := make(chan message, 1)
	go func() {
		_ = phone.SetReadDeadline(time.Now().Add(30 * time.Second))
		m, err := phone.read()
		if err == nil {
			fmt.Fprintf(phone, "SIP/2.0 200 OK\r\n%s\r\nContent-Length: 0\r\n\r\n", strings.Join(m.reply("d"), "\r\n"))
		}
		answered <- m
	}()
	status, output := sipsak(t, "-vv", "-T", "-s", "sip:dave@"+s.addr)
	t.Logf("sipsak -T:\n%s", output)
	if status != 0 || !strings.Contains(output, "483") || !strings.Contains(output, "200") {
		t.Errorf("traceroute: exit status %d", status)
	}
	if m := <-answered; m == nil || !strings.HasPrefix(m[0], "OPTIONS ") || m.field("Max-Forwards") != "0" {
		t.Errorf("the phone got %q; want the OPTIONS that had one hop left", m)
	}
}
