//go:build interop

package interop

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"text/template"
	"time"
)

// A phone is one baresip without a screen or a sound card: it plays a tone
// into its calls and records what it hears.
type phone struct {
	*process
	account
	records string // folder of the recordings
}

// An account says who a phone is and where. Every phone has an address of its
// own, on which SIP has port 5090 and the control socket 5095.
type account struct {
	User, Password string
	Domain         string
	Transport      string // "udp", "tcp" or "tls"
	Proxy          string // host:port through which everything goes; may be empty
	IP             string
	RTP, LastRTP   int // the range of RTP ports
	Tone           int // Hz
	Records        string
}

// pickUp starts a phone that answers by itself, and returns when the softswitch
// has taken its registration.
func pickUp(t *testing.T, a account) *phone {
	t.Helper()
	dir := t.TempDir()
	a.Records = filepath.Join(dir, "records")
	if err := os.Mkdir(a.Records, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"config", "accounts"} {
		tmpl, err := template.ParseFiles(filepath.Join("testdata", "baresip", name))
		if err != nil {
			t.Fatal(err)
		}
		var text strings.Builder
		if err := tmpl.Execute(&text, a); err != nil {
			t.Fatal(err)
		}
		writeFile(t, filepath.Join(dir, name), text.String())
	}
	p := &phone{process: start(t, dir, peer(t, "baresip"), "-f", dir), account: a, records: a.Records}
	p.expect(t, `\Q`+a.User+`\E@.*/`+strings.ToUpper(a.Transport)+`/.*200 .*\[1 binding\]`, 10*time.Second)
	return p
}

// control gives the phone a command, as a person would with its keys.
func (p *phone) control(t *testing.T, command, params string) {
	t.Helper()
	conn, err := net.DialTimeout("tcp", p.IP+":5095", 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	request, err := json.Marshal(map[string]string{"command": command, "params": params, "token": "t"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(conn, "%d:%s,", len(request), request); err != nil { // a netstring
		t.Fatal(err)
	}
	// Events come on the same connection, so the answer is looked for.
	var answer strings.Builder
	b := make([]byte, 4096)
	for !strings.Contains(answer.String(), `"response":true`) {
		n, err := conn.Read(b)
		if err != nil {
			t.Fatalf("%s %s: %v after %q", command, params, err, answer.String())
		}
		answer.Write(b[:n])
	}
	if !strings.Contains(answer.String(), `"ok":true`) {
		t.Fatalf("%s %s: %s", command, params, answer.String())
	}
}

// putDown ends the phone, which takes its registration back.
func (p *phone) putDown(t *testing.T) {
	t.Helper()
	p.signal(t, syscall.SIGTERM)
	p.wait(t, 10*time.Second)
}

// packets returns how many RTP packets the phone says that its call sent and
// received.
func (p *phone) packets(t *testing.T) (sent, received int) {
	t.Helper()
	groups := p.expect(t, `packets:\s+(\d+)\s+(\d+)`, 5*time.Second)
	sent, _ = strconv.Atoi(groups[1])
	received, _ = strconv.Atoi(groups[2])
	return sent, received
}

// heard returns the share of the phone's recording that is the tone, from 0
// to 1, and the length of the recording.
func (p *phone) heard(t *testing.T, tone int) (float64, time.Duration) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(p.records, "*-dec.wav"))
	if err != nil || len(files) != 1 {
		t.Fatalf("recordings: %v, %v", files, err)
	}
	rate, samples := readWAV(t, files[0])
	return purity(samples, rate, tone), time.Duration(len(samples)) * time.Second / time.Duration(rate)
}
