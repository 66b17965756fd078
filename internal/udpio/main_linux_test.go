package udpio

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// TestMain lets the test binary be a second process, whose CPU time is its own.
func TestMain(m *testing.M) {
	if addr := os.Getenv(floodEnv); addr != "" {
		flood(addr)
		return
	}
	goleak.VerifyTestMain(m)
}
