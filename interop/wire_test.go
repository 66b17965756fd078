//go:build interop

package interop

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A wire is one end of a UDP or TCP path to the softswitch, for tests that
// must see and time each message. It knows no more of SIP than lines: a fault
// that the SDK makes in both directions would be none to the SDK.
type wire struct {
	net.Conn
	network string
	host    string        // what it calls itself
	reader  *bufio.Reader // of a stream
}

// connect makes a wire from an address (port 0: any) to the softswitch.
func connect(t *testing.T, network, local, remote string) *wire {
	t.Helper()
	d := net.Dialer{Timeout: 5 * time.Second}
	var err error
	if network == "udp" {
		d.LocalAddr, err = net.ResolveUDPAddr(network, local)
	} else {
		d.LocalAddr, err = net.ResolveTCPAddr(network, local)
	}
	if err != nil {
		t.Fatal(err)
	}
	conn, err := d.Dial(network, remote)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &wire{Conn: conn, network: network, host: conn.LocalAddr().String(), reader: bufio.NewReaderSize(conn, 1<<16)}
}

// via returns the value of a Via field for a request of this wire.
func (w *wire) via(branch string) string {
	return fmt.Sprintf("SIP/2.0/%s %s;branch=z9hG4bK%s;rport", strings.ToUpper(w.network), w.host, branch)
}

// uri returns the URI at which a user of this wire is reached.
func (w *wire) uri(user string) string {
	return fmt.Sprintf("sip:%s@%s;transport=%s", user, w.host, strings.TrimSuffix(w.network, "s"))
}

// send writes a message without a body: its start line and its fields.
func (w *wire) send(t *testing.T, start string, fields ...string) {
	t.Helper()
	w.sendBody(t, "", start, fields...)
}

// sendBody writes a message with a body; the fields have to tell its type.
func (w *wire) sendBody(t *testing.T, body, start string, fields ...string) {
	t.Helper()
	text := fmt.Sprintf("%s\r\n%s\r\nContent-Length: %d\r\n\r\n%s", start, strings.Join(fields, "\r\n"), len(body), body)
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
}

// receive waits for a message whose start line begins so, and passes over
// those whose start line begins like one of the others.
func (w *wire) receive(t *testing.T, start string, others ...string) message {
	t.Helper()
	_ = w.SetReadDeadline(time.Now().Add(5 * time.Second))
	for {
		m, err := w.read()
		if err != nil {
			t.Fatalf("waiting for %q: %v", start, err)
		}
		if strings.HasPrefix(m[0], start) {
			return m
		}
		expected := false
		for _, other := range others {
			expected = expected || strings.HasPrefix(m[0], other)
		}
		if !expected {
			t.Fatalf("waiting for %q: received\n%s", start, strings.Join(m, "\n"))
		}
	}
}

func (w *wire) read() (message, error) {
	if w.network == "udp" {
		b := make([]byte, 1<<16)
		n, err := w.Read(b)
		if err != nil {
			return nil, err
		}
		head, _, _ := strings.Cut(string(b[:n]), "\r\n\r\n")
		return strings.Split(head, "\r\n"), nil
	}
	var m message
	for {
		line, err := w.reader.ReadString('\n')
		if err != nil {
			return nil, err
		}
		if line = strings.TrimRight(line, "\r\n"); line != "" {
			m = append(m, line)
			continue
		}
		if m != nil {
			break
		}
	}
	length, _ := strconv.ParseInt(m.field("Content-Length"), 10, 64)
	_, err := io.CopyN(io.Discard, w.reader, length)
	return m, err
}

// A message is the lines of a message down to the empty one.
type message []string

// fields returns the lines of a header field, name included.
func (m message) fields(name string) []string {
	var lines []string
	for _, line := range m[1:] {
		if n, _, _ := strings.Cut(line, ":"); strings.EqualFold(strings.TrimSpace(n), name) {
			lines = append(lines, line)
		}
	}
	return lines
}

// field returns the value of the first field of a name, or "".
func (m message) field(name string) string {
	lines := m.fields(name)
	if len(lines) == 0 {
		return ""
	}
	_, value, _ := strings.Cut(lines[0], ":")
	return strings.TrimSpace(value)
}

// branch returns the branch of the topmost Via.
func (m message) branch() string {
	_, rest, _ := strings.Cut(m.field("Via"), ";branch=")
	if i := strings.IndexAny(rest, ";, "); i >= 0 {
		rest = rest[:i]
	}
	return rest
}

// reply returns the fields that a response to m repeats, with the tag added
// to a To that has none.
func (m message) reply(tag string) []string {
	fields := m.fields("Via")
	fields = append(fields, m.fields("Record-Route")...)
	to := "To: " + m.field("To")
	if !strings.Contains(to, ";tag=") {
		to += ";tag=" + tag
	}
	return append(fields, "From: "+m.field("From"), to, "Call-ID: "+m.field("Call-ID"), "CSeq: "+m.field("CSeq"))
}
