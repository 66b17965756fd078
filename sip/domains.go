package sip

// Domains tells which hosts are ours, and which domain each of them stands
// for. It never changes once it is made.
type Domains struct {
	canon map[HostPort]string
}

// NewDomains makes a set of one domain and its aliases, each a host or
// host:port. Without a port it matches a URI without port, or with the
// scheme's default port (5060, or 5061 for sips).
func NewDomains(domain string, aliases ...string) *Domains { panic("stub") }

// With returns the set with one more domain in it.
func (d *Domains) With(domain string, aliases ...string) *Domains { panic("stub") }

// Lookup returns the domain that u's host stands for; ok is false if it is not
// ours.
func (d *Domains) Lookup(u URI) (domain string, ok bool) { panic("stub") }

// AOR returns the canonical address-of-record of u with its host replaced by
// the domain it stands for; ok is false if that is not ours.
func (d *Domains) AOR(u URI) (aor AOR, ok bool) { panic("stub") }
