//go:build !race

package sip

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestMegabyteQuickly holds each parse of a megabyte of one octet, wherever it
// stands, against 50 ms. The best of five tries counts, since others use the
// machine; the race detector would take ten times as long.
func TestMegabyteQuickly(t *testing.T) {
	const head = optionsLine + "\r\n"
	begins := []string{
		"", "OPTIONS sip:", "OPTIONS sip:a@", "SIP/2.0 200 ", head, head + "X: \"", head + "Via: ", head + "v: SIP/2.0/UDP h;",
		head + "Contact: ", head + "m: <sip:a@b>;", head + "t: \"\" <sip:", head + "Content-Length: ",
	}
	for c := range 256 {
		mass := strings.Repeat(string([]byte{byte(c)}), megabyte)
		for i, begin := range begins {
			if i > 5 && !strings.ContainsRune(meaningful, rune(c)) {
				continue
			}
			packet := []byte(begin + mass + "\r\n\r\n")
			took := time.Hour
			for try := 0; try < 5 && took >= 50*time.Millisecond; try++ {
				start := time.Now()
				_, _ = wide.Parse(packet)
				took = min(took, time.Since(start))
			}
			require.Less(t, took, 50*time.Millisecond, "octet %#x behind %q", c, begin)
		}
	}
}
