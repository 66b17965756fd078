package proxy_test

import (
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/proxy"
	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/transaction"
)

// everywhere resolves each name to one address.
type everywhere netip.AddrPort

func (e everywhere) Resolve(context.Context, sip.URI) ([]sip.Hop, error) {
	return []sip.Hop{{Network: "udp", Addr: netip.AddrPort(e)}}, nil
}

// RFC 4475's messages, as an open proxy that routes by the Request-URI alone
// must treat them: code 0 is forwarded, with each field and the body byte for
// byte, and -1 has no answer and no effect.
func TestTorture(t *testing.T) {
	tests := []struct {
		file string
		code int
	}{
		{"wsinv", 0}, {"intmeth", 0}, {"esc01", 0}, {"esc02", 0}, {"lwsdisp", 0}, {"longreq", 0},
		{"semiuri", 0}, {"transports", 0}, {"mpart01", 0}, {"baddate", 0}, {"unksm2", 0},
		{"invut", 0}, {"regaut01", 0}, {"sdp01", 0}, {"inv2543", 0}, {"dblreq", 0},
		{"zeromf", 483}, {"bext01", 420}, {"unkscm", 416}, {"novelsc", 416}, {"escruri", 400},
		{"unreason", -1}, {"noreason", -1}, {"scalarlg", -1}, {"bigcode", -1}, {"bcast", -1},
	}
	far := netip.MustParseAddrPort("192.0.2.66:5060")
	cfg := siteConfig{
		options:  []proxy.Option{proxy.WithGate(proxy.Open{})},
		endpoint: []transaction.Option{transaction.WithResolver(everywhere(far))},
		router:   func(*site) proxy.Router { return proxy.First() },
		domain:   "ours.example.net",
	}
	for _, tt := range tests {
		t.Run(tt.file, func(t *testing.T) {
			raw, err := os.ReadFile(filepath.Join("../sip/testdata/rfc4475", tt.file+".dat"))
			require.NoError(t, err)
			inBubble(t, cfg, func(t *testing.T, s *site) {
				sender, there := s.phone("sender", "10"), s.phone("there", "66")
				strict := newPhone(t, s.net, "strict", "127.0.0.1:5080") // mpart01 names it
				_, err := sender.packets.WriteTo(raw, sender.packetAddr(proxyAddr))
				require.NoError(t, err)
				switch tt.code {
				case 0:
					to := there
					if tt.file == "mpart01" {
						to = strict
					}
					requireUnchanged(t, raw, to.receive().m.(*sip.Request).String())
				case -1:
					sender.silent(time.Second)
					there.silent(0)
				default:
					sender.expect(tt.code)
					there.silent(0)
				}
			})
		})
	}
}

// requireUnchanged compares the fields that a proxy has no business with, and
// the body.
func requireUnchanged(t *testing.T, before []byte, after string) {
	t.Helper()
	want, body := splitFields(string(before))
	got, gotBody := splitFields(after)
	require.Equal(t, want, got)
	require.True(t, strings.HasPrefix(body, gotBody))
	if m, err := sip.Parse(before); err == nil {
		require.Equal(t, m.Body(), gotBody)
	}
}

// splitFields returns the header fields, folds included, other than those that
// a proxy changes.
func splitFields(m string) (fields []string, body string) {
	head, body, _ := strings.Cut(m, "\r\n\r\n")
	for i, line := range strings.Split(head, "\r\n") {
		switch {
		case i == 0:
		case line[0] == ' ' || line[0] == '\t':
			fields[len(fields)-1] += "\r\n" + line
		default:
			fields = append(fields, line)
		}
	}
	kept := fields[:0]
	for _, f := range fields {
		name, _, _ := strings.Cut(f, ":")
		switch strings.ToLower(strings.TrimRight(name, " \t")) {
		case "v", "via", "max-forwards", "max-breadth", "route", "record-route":
		default:
			kept = append(kept, f)
		}
	}
	return kept, body
}
