//go:build interop

package interop

import (
	"strings"
	"testing"
	"time"
)

// TestTLSVersions has openssl offer one version of TLS after the other. Those
// before 1.2 are refused (RFC 8996), by softswitch and not by openssl, whose own
// qualms are turned off.
func TestTLSVersions(t *testing.T) {
	s := serveSecure(t, "127.0.46.1")
	for name, addr := range map[string]string{"TLS": s.tls, "WSS": s.wss} {
		for _, tt := range []struct{ flag, want string }{
			{"-tls1", "alert protocol version"},
			{"-tls1_1", "alert protocol version"},
			{"-tls1_2", "Protocol version: TLSv1.2"},
			{"-tls1_3", "Protocol version: TLSv1.3"},
		} {
			t.Run(name+tt.flag, func(t *testing.T) {
				p := start(t, t.TempDir(), peer(t, "openssl"), "s_client", "-brief", "-connect", addr, "-cipher", "DEFAULT:@SECLEVEL=0", tt.flag)
				status := p.wait(t, 10*time.Second)
				said := p.output.String()
				accepted := strings.HasPrefix(tt.want, "Protocol")
				if !strings.Contains(said, tt.want) || (status == 0) != accepted {
					t.Errorf("exit status %d, and openssl said\n%s", status, said)
				}
			})
		}
	}
}
