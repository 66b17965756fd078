package sip

import "maps"

// Domains tells which hosts are ours, and which domain each of them stands
// for. It never changes once it is made.
type Domains struct {
	canon map[HostPort]string
}

// NewDomains makes a set of one domain and its aliases, each a host or
// host:port, an IPv6 address with or without brackets. Without a port it matches
// a URI without port, or with the URI's default port (5060, or 5061 for sips and
// transport=tls); with the default port it matches a URI without one. Each other
// port that a URI may name is an alias of its own: "example.com:5070". What is no
// host is left out.
func NewDomains(domain string, aliases ...string) *Domains {
	return (&Domains{}).With(domain, aliases...)
}

// With returns the set with one more domain in it.
func (d *Domains) With(domain string, aliases ...string) *Domains {
	canon := maps.Clone(d.canon)
	if canon == nil {
		canon = make(map[HostPort]string)
	}
	at, ok := parseDomain(domain)
	if !ok {
		return &Domains{canon}
	}
	name := at.String()
	canon[at] = name
	for _, alias := range aliases {
		if at, ok := parseDomain(alias); ok {
			canon[at] = name
		}
	}
	return &Domains{canon}
}

// parseDomain parses host or host:port into its canonical form.
func parseDomain(s string) (HostPort, bool) {
	s = trim(s)
	if isIPv6(s) {
		return HostPort{Host: canonicalHost(s)}, true
	}
	hp, err := ParseHostPort(s)
	hp.Host = canonicalHost(hp.Host)
	return hp, err == nil
}

// Lookup returns the domain that u's host stands for; ok is false if it is not
// ours, or if u is neither a sip nor a sips URI.
func (d *Domains) Lookup(u URI) (domain string, ok bool) {
	if !u.IsSIP() {
		return "", false
	}
	at := HostPort{canonicalHost(u.Host()), u.port}
	if domain, ok = d.canon[at]; ok {
		return domain, true
	}
	usual := u.defaultPort()
	switch at.Port {
	case 0:
		at.Port = usual
	case usual:
		at.Port = 0
	default:
		return "", false
	}
	domain, ok = d.canon[at]
	return domain, ok
}

// defaultPort is the port of a URI that names none (RFC 3261 section 19.1.2).
func (u URI) defaultPort() uint16 {
	if u.kind == sipsURI {
		return 5061
	}
	if t, _ := u.Param("transport"); equalFold(t, "tls") {
		return 5061
	}
	return 5060
}

// AOR returns the canonical address-of-record of u with its host replaced by
// the domain it stands for; ok is false if that is not ours.
func (d *Domains) AOR(u URI) (aor AOR, ok bool) {
	domain, ok := d.Lookup(u)
	if !ok {
		return "", false
	}
	hp, _ := parseDomain(domain)
	return newAOR(u.User(), hp), true
}
