package transport

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip"
)

func TestMarkReceived(t *testing.T) {
	const v4, v6 = "192.0.2.9:5099", "[2001:db8::9]:5099"
	for _, c := range []struct{ name, source, via, want string }{
		{"the address itself", v4, "SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1", "SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1"},
		{"its port does not matter", v4, "SIP/2.0/UDP 192.0.2.9:6 ; branch=z", "SIP/2.0/UDP 192.0.2.9:6 ; branch=z"},
		{"another address, no rport", v4, "SIP/2.0/UDP 10.0.0.9;branch=z", "SIP/2.0/UDP 10.0.0.9;branch=z;received=192.0.2.9"},
		{"a name", v4, "SIP/2.0/UDP pc.example.com", "SIP/2.0/UDP pc.example.com;received=192.0.2.9"},
		{"rport asked", v4, "SIP/2.0/UDP 10.0.0.9;rport;branch=z", "SIP/2.0/UDP 10.0.0.9;rport=5099;branch=z;received=192.0.2.9"},
		{"rport asked from the address itself", v4, "SIP/2.0/TCP 192.0.2.9:5060;branch=z;RPORT", "SIP/2.0/TCP 192.0.2.9:5060;branch=z;rport=5099;received=192.0.2.9"},
		{"rport made up", v4, "SIP/2.0/UDP 192.0.2.9;rport=53;branch=z", "SIP/2.0/UDP 192.0.2.9;rport=5099;branch=z;received=192.0.2.9"},
		{"received made up", v4, "SIP/2.0/UDP 192.0.2.9;received=198.51.100.1;branch=z", "SIP/2.0/UDP 192.0.2.9;branch=z;received=192.0.2.9"},
		{"other parameters stay", v4, `SIP/2.0/UDP h;ttl=1;x="a;b";lone;branch=z`, `SIP/2.0/UDP h;ttl=1;x="a;b";lone;branch=z;received=192.0.2.9`},
		{"the first of a list", v4, "SIP/2.0/UDP a;branch=1, SIP/2.0/UDP b;branch=2", "SIP/2.0/UDP a;branch=1;received=192.0.2.9, SIP/2.0/UDP b;branch=2"},
		{"IPv6, another spelling", v6, "SIP/2.0/UDP [2001:DB8:0::9]:5060;branch=z", "SIP/2.0/UDP [2001:DB8:0::9]:5060;branch=z"},
		{"IPv6", v6, "SIP/2.0/UDP [2001:db8::1];branch=z;rport", "SIP/2.0/UDP [2001:db8::1];branch=z;rport=5099;received=2001:db8::9"},
		{"a zone is nobody else's business", "[fe80::1%eth0]:7", "SIP/2.0/UDP [fe80::1];rport", "SIP/2.0/UDP [fe80::1];rport=7;received=fe80::1"},
		{"mapped", "192.0.2.9:1", "SIP/2.0/UDP [::ffff:192.0.2.9];branch=z", "SIP/2.0/UDP [::ffff:192.0.2.9];branch=z"},
		{"no Via to speak of", v4, "nonsense", "nonsense"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := sip.Parse([]byte("OPTIONS sip:a@b SIP/2.0\r\nv:  " + c.via + " \r\nCall-ID: 1\r\n\r\n"))
			require.NoError(t, err)
			before := m.String()
			markReceived(m, netip.MustParseAddrPort(c.source))
			require.Equal(t, c.want, m.Head().Get("Via"))
			if c.want == c.via {
				require.Equal(t, before, m.String(), "byte for byte")
			}
		})
	}
}

func TestMarkReceivedLeavesResponses(t *testing.T) {
	m, err := sip.Parse([]byte("SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h;rport\r\n\r\n"))
	require.NoError(t, err)
	before := m.String()
	markReceived(m, netip.MustParseAddrPort("192.0.2.9:5060"))
	require.Equal(t, before, m.String())
}

// BenchmarkMarkReceived includes the parsing of a small request.
func BenchmarkMarkReceived(b *testing.B) {
	for name, via := range map[string]string{"nothing to do": "192.0.2.9:5099", "rport": "10.0.0.1:5060;rport"} {
		text := []byte("OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP " + via + ";branch=z9hG4bK77\r\nCall-ID: 1\r\n\r\n")
		source := netip.MustParseAddrPort("192.0.2.9:5099")
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				m, err := sip.Parse(text)
				if err != nil {
					b.Fatal(err)
				}
				markReceived(m, source)
			}
		})
	}
}
