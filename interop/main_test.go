//go:build interop

package interop

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// program is the softswitch under test; TestMain builds it.
var program string

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "patchbay-interop")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)

	program = filepath.Join(dir, "softswitch")
	build := exec.Command("go", "build", "-o", program, "github.com/patchbay-sip/patchbay/examples/softswitch")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building examples/softswitch: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// peer returns the path of a program that a test cannot do without.
func peer(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s is not installed (see CONTRIBUTING.md): %v", name, err)
	}
	return path
}
