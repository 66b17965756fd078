package resolve

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip"
)

// files writes a resolv.conf and a hosts file.
func files(t *testing.T, resolvConf, hosts string) (a, b string) {
	dir := t.TempDir()
	a, b = filepath.Join(dir, "resolv.conf"), filepath.Join(dir, "hosts")
	require.NoError(t, os.WriteFile(a, []byte(resolvConf), 0o600))
	require.NoError(t, os.WriteFile(b, []byte(hosts), 0o600))
	return a, b
}

// A name of the hosts file has no NAPTR or SRV records, and no name server is
// asked for them: this one would not answer.
func TestHostsFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conf, hosts := files(t, "nameserver 192.0.2.53", "# comment\n192.0.2.1 one.example ONE alias.example. # and more\n"+
			"2001:db8::1 one.example\nfe80::1%eth0 zone.example\nnonsense\n192.0.2.300 bad.example\n127.0.0.1 localhost")
		r := New(WithLookup(newSystem(conf, hosts)))
		defer r.Close()
		resolve := func(uri string) (addrs []string) {
			hops, err := r.Resolve(t.Context(), sip.MustParseURI(uri))
			require.NoError(t, err)
			for _, h := range hops {
				addrs = append(addrs, h.Addr.String())
			}
			return addrs
		}
		begun := time.Now()
		require.Equal(t, []string{"[2001:db8::1]:5060", "192.0.2.1:5060"}, resolve("sip:One.Example"))
		require.Equal(t, []string{"192.0.2.1:5061"}, resolve("sips:alias.example"))
		require.Equal(t, []string{"192.0.2.1:5060"}, resolve("sip:one"))

		require.NoError(t, os.WriteFile(hosts, []byte("192.0.2.22 one.example"), 0o600))
		require.Equal(t, []string{"192.0.2.1:5061"}, resolve("sips:alias.example"))
		require.Zero(t, time.Since(begun))
		time.Sleep(systemTTL)
		require.Equal(t, []string{"192.0.2.22:5060"}, resolve("sip:one.example"))
		require.NoError(t, os.Remove(hosts))
		time.Sleep(systemTTL)
		_, addrs := r.lookup.(*system).known("one.example")
		require.Empty(t, addrs)
	})
}

func TestResolvConf(t *testing.T) {
	client := parseResolvConf([]byte("# comment\nsearch example.com\nnameserver 192.0.2.53\nnameserver 2001:db8::53\n" +
		"nameserver fe80::1%eth0\nnameserver nonsense\noptions ndots:5 timeout:1\n"))
	require.Equal(t, []netip.AddrPort{
		netip.MustParseAddrPort("192.0.2.53:53"), netip.MustParseAddrPort("[2001:db8::53]:53"), netip.MustParseAddrPort("[fe80::1%eth0]:53"),
	}, client.servers)
	require.Nil(t, parseResolvConf([]byte("search example.com")))
	require.Nil(t, parseResolvConf(nil))

	synctest.Test(t, func(t *testing.T) {
		conf, hosts := files(t, "nameserver 192.0.2.53", "")
		s := newSystem(conf, hosts)
		first, _ := s.known("example")
		require.NoError(t, os.WriteFile(conf, []byte("nameserver 192.0.2.153"), 0o600))
		time.Sleep(checkEvery - 1)
		client, _ = s.known("example")
		require.Same(t, first, client)
		time.Sleep(time.Nanosecond)
		client, _ = s.known("example")
		require.Equal(t, "192.0.2.153:53", client.servers[0].String())
	})
}

// Names that DNS does not serve are left to the system.
func TestLocalNames(t *testing.T) {
	conf, hosts := files(t, "nameserver 192.0.2.53", "")
	s := newSystem(conf, hosts)
	a, err := s.LookupAddr(t.Context(), IPv4, "localhost")
	require.NoError(t, err)
	require.Contains(t, fmt.Sprint(a.Records), "127.0.0.1")
	for name, local := range map[string]bool{
		"localhost": true, "phone.local": true, "svc.cluster.local": false, "example.com": false, "local": true,
	} {
		require.Equal(t, local, isLocal(name), name)
	}
	none, err := s.LookupNAPTR(t.Context(), "phone.local")
	require.NoError(t, err)
	require.Equal(t, Answer[NAPTR]{TTL: systemTTL}, none)
	srv, err := s.LookupSRV(t.Context(), "_sip._udp.localhost")
	require.NoError(t, err)
	require.Equal(t, Answer[SRV]{TTL: systemTTL}, srv)
}
