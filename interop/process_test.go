//go:build interop

package interop

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"regexp"
	"sync"
	"testing"
	"time"
)

// poll is how often a test looks again at what it waits for.
const poll = 20 * time.Millisecond

// A process is a program that a test has started. Whatever happens, it is
// gone when the test is over.
type process struct {
	cmd    *exec.Cmd
	output output
	ended  chan struct{} // closed when it has exited
	err    error         // of Wait, once ended is closed
}

// start runs a program in dir, with its output kept and nothing to read.
func start(t *testing.T, dir, path string, args ...string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(path, args...), ended: make(chan struct{})}
	p.cmd.Dir = dir
	p.cmd.Stdout = &p.output
	p.cmd.Stderr = &p.output
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.ended
		if t.Failed() {
			t.Logf("output of %s:\n%s", p.cmd, p.output.tail(4000))
		}
	})
	return p
}

// wait returns the exit status, or fails the test where there is none in time.
func (p *process) wait(t *testing.T, limit time.Duration) int {
	t.Helper()
	select {
	case <-p.ended:
	case <-time.After(limit):
		t.Fatalf("%s still runs after %v", p.cmd, limit)
	}
	var exit *exec.ExitError
	if p.err != nil && !errors.As(p.err, &exit) {
		t.Fatalf("%s: %v", p.cmd, p.err)
	}
	return p.cmd.ProcessState.ExitCode()
}

// signal sends a signal and returns at once.
func (p *process) signal(t *testing.T, s os.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Fatalf("signalling %s: %v", p.cmd, err)
	}
}

// expect waits until what the program has printed matches, and returns the
// groups of the first match.
func (p *process) expect(t *testing.T, pattern string, limit time.Duration) []string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	var found []string
	eventually(t, limit, func() bool {
		found = re.FindStringSubmatch(p.output.String())
		return found != nil
	}, "%s printed nothing like %q", p.cmd.Path, pattern)
	return found
}

// count waits until what the program has printed matches n times.
func (p *process) count(t *testing.T, pattern string, n int, limit time.Duration) {
	t.Helper()
	re := regexp.MustCompile(pattern)
	eventually(t, limit, func() bool {
		return len(re.FindAllStringIndex(p.output.String(), -1)) >= n
	}, "%s did not print %q %d times", p.cmd.Path, pattern, n)
}

// eventually waits until done is true.
func eventually(t *testing.T, limit time.Duration, done func() bool, format string, args ...any) {
	t.Helper()
	deadline := time.After(limit)
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("after %v: "+format, append([]any{limit}, args...)...)
		}
	}
}

// output keeps what a program prints.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

var _ io.Writer = (*output)(nil)

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

func (o *output) tail(n int) string {
	s := o.String()
	return s[max(0, len(s)-n):]
}
