//go:build interop

package interop

import (
	"bytes"
	"encoding/binary"
	"encoding/csv"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A sipp is one run of SIPp: a scenario of testdata/, calls times.
type sipp struct {
	scenario string
	builtin  bool   // it is one of SIPp's own
	network  string // "udp" or "tcp", where one connection carries all calls; "tls": "tcp" that says so
	local    string // ip:port
	remote   string // ip:port; empty for a scenario that waits for calls
	domain   string // of the URIs; default: remote
	calls    int
	rate     int               // calls a second
	hold     time.Duration     // of a <pause/>
	fields   []string          // one line a call, round and round; [field0] and on
	keys     map[string]string // [key] in the scenario
	authURI  string            // what credentials are made for, without "sip:"; default: remote
}

// run starts SIPp, waits until it is through, and returns its figures.
func (s sipp) run(t *testing.T) figures {
	t.Helper()
	return s.start(t).result(t)
}

// start starts SIPp and returns while it runs.
func (s sipp) start(t *testing.T) *sippRun {
	t.Helper()
	dir := t.TempDir()
	// SIPp puts some of its files beside the scenario, so it gets a copy.
	xml := s.text(t)
	carrier := s.network
	if s.network == "tls" {
		// SIPp knows of no TLS, and not that a tunnel is between it and the server.
		carrier = "tcp"
		xml = bytes.ReplaceAll(xml, []byte("[transport]"), []byte("TLS"))
	}
	if s.domain != "" {
		xml = bytes.ReplaceAll(xml, []byte("[remote_ip]:[remote_port]"), []byte(s.domain))
	}
	writeFile(t, filepath.Join(dir, "scenario.xml"), string(xml))

	ip, port, err := net.SplitHostPort(s.local)
	if err != nil {
		t.Fatal(err)
	}
	args := []string{
		"-sf", "scenario.xml", "-nostdin", "-buff_size", "1048576", // its own 64 KiB overflow when it is kept waiting
		"-i", ip, "-p", port,
		"-t", map[string]string{"udp": "u1", "tcp": "t1"}[carrier],
		"-m", strconv.Itoa(s.calls), "-d", strconv.FormatInt(s.hold.Milliseconds(), 10),
		"-timeout", fmt.Sprintf("%.0fs", s.limit().Seconds()), "-timeout_error",
		"-trace_stat", "-stf", "stat.csv", "-fd", "1", "-trace_counts",
		"-trace_err", "-error_file", "errors.log",
	}
	if s.rate > 0 {
		args = append(args, "-r", strconv.Itoa(s.rate), "-l", strconv.Itoa(s.calls))
	}
	if s.fields != nil {
		writeFile(t, filepath.Join(dir, "fields.csv"), "SEQUENTIAL\n"+strings.Join(s.fields, "\n")+"\n")
		args = append(args, "-inf", "fields.csv")
	}
	for _, key := range slices.Sorted(maps.Keys(s.keys)) {
		args = append(args, "-key", key, s.keys[key])
	}
	if s.authURI != "" {
		args = append(args, "-auth_uri", s.authURI)
	}
	if s.remote != "" {
		args = append(args, s.remote)
	}
	r := &sippRun{sipp: s, process: start(t, dir, peer(t, "sipp"), args...), dir: dir, started: time.Now()}
	if s.remote == "" {
		eventually(t, 10*time.Second, func() bool { return bound(t, carrier, s.local) }, "sipp does not listen on %s", s.local)
	}
	return r
}

// text is the scenario. SIPp prints its own ones with a status other than 0.
func (s sipp) text(t *testing.T) []byte {
	t.Helper()
	if s.builtin {
		xml, _ := exec.Command(peer(t, "sipp"), "-sd", s.scenario).Output()
		return xml
	}
	xml, err := os.ReadFile(filepath.Join("testdata", s.scenario+".xml"))
	if err != nil {
		t.Fatal(err)
	}
	return xml
}

// bound tells whether some program has bound an IPv4 address; it asks the
// kernel, because SIPp takes whatever it is sent for a call.
func bound(t *testing.T, network, addr string) bool {
	t.Helper()
	at := netip.MustParseAddrPort(addr)
	table, err := os.ReadFile("/proc/net/" + network)
	if err != nil {
		t.Fatal(err)
	}
	ip := at.Addr().As4()
	return strings.Contains(string(table), fmt.Sprintf(": %08X:%04X ", binary.NativeEndian.Uint32(ip[:]), at.Port()))
}

// limit is how long the run may take: twice its planned time, and the 32
// seconds that a lost message may take to be given up.
func (s sipp) limit() time.Duration {
	planned := s.hold
	if s.rate > 0 {
		planned += time.Duration(s.calls) * time.Second / time.Duration(s.rate)
	}
	return (2*planned + 40*time.Second).Round(time.Second)
}

// A sippRun is a SIPp that was started.
type sippRun struct {
	sipp
	*process
	dir     string
	started time.Time
}

// figures are what SIPp says of a run that is over.
type figures struct {
	Successful      int
	Failed          int
	Unexpected      int // messages that the scenario has no place for
	Retransmissions int // sent and received again
	ResponseTime    time.Duration
	Elapsed         time.Duration
}

func (f figures) String() string {
	return fmt.Sprintf("%d calls successful, %d failed, %d unexpected messages, %d retransmissions, mean response time %v, %.1f s",
		f.Successful, f.Failed, f.Unexpected, f.Retransmissions, f.ResponseTime, f.Elapsed.Seconds())
}

// result waits for the end of the run and reads the figures.
func (r *sippRun) result(t *testing.T) figures {
	t.Helper()
	status := r.wait(t, r.limit()+10*time.Second)
	f := r.figures(t)
	t.Logf("sipp %s %s: %v", r.scenario, r.network, f)
	if status != 0 {
		t.Errorf("sipp %s: exit status %d", r.scenario, status)
	}
	if t.Failed() {
		errors, _ := os.ReadFile(filepath.Join(r.dir, "errors.log"))
		t.Logf("sipp's errors:\n%.3000s", errors)
	}
	return f
}

// check demands that every call went well and nothing came that should not.
func (f figures) check(t *testing.T, who string, calls int) {
	t.Helper()
	if f.Successful != calls || f.Failed != 0 || f.Unexpected != 0 {
		t.Errorf("%s: %v; want %d calls successful and nothing else", who, f, calls)
	}
}

// figures reads the last lines of the two tables that SIPp keeps.
func (r *sippRun) figures(t *testing.T) figures {
	t.Helper()
	stat := lastRow(t, filepath.Join(r.dir, "stat.csv"))
	f := figures{
		Successful:   stat.number(t, "SuccessfulCall(C)"),
		Failed:       stat.number(t, "FailedCall(C)"),
		ResponseTime: stat.duration(t, "ResponseTime1(C)"),
		Elapsed:      time.Since(r.started),
		// Messages that belong to no call of this scenario.
		Unexpected: stat.number(t, "OutOfCallMsgs(C)") + stat.number(t, "DeadCallMsgs(C)"),
	}
	matches, err := filepath.Glob(filepath.Join(r.dir, "*_counts.csv"))
	if err != nil || len(matches) != 1 {
		t.Fatalf("sipp's counts: %v, %v", matches, err)
	}
	counts := lastRow(t, matches[0])
	for column := range counts {
		switch {
		case strings.HasSuffix(column, "_Unexp"):
			f.Unexpected += counts.number(t, column)
		case strings.HasSuffix(column, "_Retrans"):
			f.Retransmissions += counts.number(t, column)
		}
	}
	return f
}

// A row is a line of one of SIPp's tables by column name.
type row map[string]string

func lastRow(t *testing.T, file string) row {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	reader := csv.NewReader(f)
	reader.Comma = ';'
	reader.FieldsPerRecord = -1
	lines, err := reader.ReadAll()
	if err != nil || len(lines) < 2 {
		t.Fatalf("%s: %d lines, %v", file, len(lines), err)
	}
	r := row{}
	for i, name := range lines[0] {
		if last := lines[len(lines)-1]; i < len(last) {
			r[name] = strings.TrimSpace(last[i])
		}
	}
	return r
}

func (r row) number(t *testing.T, column string) int {
	t.Helper()
	n, err := strconv.Atoi(r[column])
	if err != nil {
		t.Fatalf("column %s: %q, columns are %v", column, r[column], slices.Sorted(maps.Keys(r)))
	}
	return n
}

// duration reads SIPp's hours:minutes:seconds:microseconds.
func (r row) duration(t *testing.T, column string) time.Duration {
	t.Helper()
	var h, m, s, us int
	if _, err := fmt.Sscanf(r[column], "%d:%d:%d:%d", &h, &m, &s, &us); err != nil {
		t.Fatalf("column %s: %q: %v", column, r[column], err)
	}
	return time.Duration(h)*time.Hour + time.Duration(m)*time.Minute +
		time.Duration(s)*time.Second + time.Duration(us)*time.Microsecond
}

func writeFile(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
