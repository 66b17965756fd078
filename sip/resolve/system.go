package resolve

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"
)

const (
	// checkEvery is how often it is looked whether files have changed.
	checkEvery = 5 * time.Second
	// systemTTL is how long holds what comes without a TTL: from a file, or from
	// net.Resolver.
	systemTTL = 10 * time.Second
	// maxNameServers bounds the servers of resolv.conf.
	maxNameServers = 8
)

// system is the Lookup of this host: its hosts file, its name servers, and
// net.DefaultResolver for what these do not know.
type system struct {
	resolvConf, hostsFile string

	mu      sync.Mutex
	checked time.Time
	client  *Client // nil without a name server
	hosts   map[string][]netip.Addr
	stamps  [2]stamp
}

// A stamp tells one version of a file from the next.
type stamp struct {
	modified time.Time
	size     int64
}

var _ Lookup = (*system)(nil)

func newSystem(resolvConf, hostsFile string) *system {
	return &system{resolvConf: resolvConf, hostsFile: hostsFile}
}

// LookupNAPTR asks the name servers, unless the name is none of theirs.
func (s *system) LookupNAPTR(ctx context.Context, name string) (Answer[NAPTR], error) {
	client, addrs := s.known(name)
	if client == nil || addrs != nil || isLocal(name) {
		return Answer[NAPTR]{TTL: systemTTL}, nil
	}
	return client.LookupNAPTR(ctx, name)
}

// LookupSRV asks the name servers, or net.DefaultResolver where there are none,
// unless the domain of the service is none of theirs.
func (s *system) LookupSRV(ctx context.Context, name string) (Answer[SRV], error) {
	domain := name
	for strings.HasPrefix(domain, "_") {
		_, domain, _ = strings.Cut(domain, ".")
	}
	client, addrs := s.known(domain)
	if addrs != nil || isLocal(domain) {
		return Answer[SRV]{TTL: systemTTL}, nil
	}
	if client != nil {
		return client.LookupSRV(ctx, name)
	}
	_, list, err := net.DefaultResolver.LookupSRV(ctx, "", "", name+".")
	answer := Answer[SRV]{TTL: systemTTL}
	for _, r := range list {
		answer.Records = append(answer.Records, SRV{r.Priority, r.Weight, r.Port, r.Target})
	}
	return answer, unlessNotFound(err)
}

// LookupAddr looks in the hosts file, and asks the name servers or
// net.DefaultResolver, which also knows search lists and multicast DNS.
func (s *system) LookupAddr(ctx context.Context, family Family, name string) (Answer[netip.Addr], error) {
	client, addrs := s.known(name)
	answer := Answer[netip.Addr]{TTL: systemTTL}
	if addrs != nil {
		for _, addr := range addrs {
			if addr.Is4() == (family == IPv4) {
				answer.Records = append(answer.Records, addr)
			}
		}
		return answer, nil
	}
	if client != nil && !isLocal(name) {
		return client.LookupAddr(ctx, family, name)
	}
	network := "ip4"
	if family == IPv6 {
		network = "ip6"
	}
	var err error
	answer.Records, err = net.DefaultResolver.LookupNetIP(ctx, network, name)
	return answer, unlessNotFound(err)
}

// isLocal tells whether DNS is not where a name is looked for: one without a dot,
// or of multicast DNS (RFC 6762), whose names have but one before "local".
func isLocal(name string) bool {
	_, domain, dotted := strings.Cut(name, ".")
	return !dotted || domain == "local"
}

// unlessNotFound drops the error that says that there is no such name.
func unlessNotFound(err error) error {
	var failed *net.DNSError
	if errors.As(err, &failed) && failed.IsNotFound {
		return nil
	}
	return err
}

// known returns what the files say: the client for the name servers, nil if
// there are none, and the addresses of a name, nil if it has none.
func (s *system) known(name string) (*Client, []netip.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := time.Now(); s.checked.IsZero() || now.Sub(s.checked) >= checkEvery {
		s.checked = now
		if text, changed := s.stamps[0].read(s.resolvConf); changed {
			s.client = parseResolvConf(text)
		}
		if text, changed := s.stamps[1].read(s.hostsFile); changed {
			s.hosts = parseHosts(text)
		}
	}
	return s.client, s.hosts[canonical(name)]
}

// read returns the text of a file if it is not the one that was read last. A file
// that cannot be read is empty.
func (st *stamp) read(path string) (text []byte, changed bool) {
	var found stamp
	if info, err := os.Stat(path); err == nil {
		found = stamp{info.ModTime(), info.Size()}
	}
	if found == *st {
		return nil, false
	}
	*st = found
	text, err := os.ReadFile(path)
	return text, err == nil || found == stamp{}
}

// parseResolvConf returns a client for the servers of a resolv.conf, nil if there
// are none. Its options are not used: what is looked up has deadlines of its own.
func parseResolvConf(text []byte) *Client {
	conf, err := dns.ClientConfigFromReader(bytes.NewReader(text))
	if err != nil {
		return nil
	}
	var servers []netip.AddrPort
	for _, s := range conf.Servers {
		if addr, err := netip.ParseAddr(s); err == nil && len(servers) < maxNameServers {
			servers = append(servers, netip.AddrPortFrom(addr, 53))
		}
	}
	if len(servers) == 0 {
		return nil
	}
	return NewClient(nil, servers...)
}

// parseHosts reads a hosts file: an address and its names a line.
func parseHosts(text []byte) map[string][]netip.Addr {
	hosts := make(map[string][]netip.Addr)
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		line, _, _ := strings.Cut(lines.Text(), "#")
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		addr, ok := parseAddr(fields[0])
		if !ok {
			continue
		}
		for _, name := range fields[1:] {
			name = canonical(name)
			hosts[name] = append(hosts[name], addr)
		}
	}
	return hosts
}
