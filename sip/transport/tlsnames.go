package transport

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/patchbay-sip/patchbay/sip"
)

// verifyServer tells whether a server's certificate is valid and bears the name.
func verifyServer(state tls.ConnectionState, config *tls.Config, name string) error {
	leaf := state.PeerCertificates[0] // a server shows one: the handshake saw to that
	options := x509.VerifyOptions{Roots: config.RootCAs, Intermediates: x509.NewCertPool()}
	for _, c := range state.PeerCertificates[1:] {
		options.Intermediates.AddCert(c)
	}
	if config.Time != nil {
		options.CurrentTime = config.Time()
	}
	if _, err := leaf.Verify(options); err != nil {
		return &tls.CertificateVerificationError{UnverifiedCertificates: state.PeerCertificates, Err: err}
	}
	if !bears(leaf, name) {
		return x509.HostnameError{Certificate: leaf, Host: name}
	}
	return nil
}

// bears tells whether a certificate has a name or an address (RFC 5922 section
// 7.2): in any case, in full, and never by a wildcard.
func bears(c *x509.Certificate, name string) bool {
	if addr, err := netip.ParseAddr(name); err == nil {
		return slices.ContainsFunc(c.IPAddresses, func(ip net.IP) bool {
			a, ok := netip.AddrFromSlice(ip)
			return ok && a.Unmap() == addr.Unmap()
		})
	}
	return slices.Contains(identities(c), canonicalName(name))
}

// identities are the domains that a certificate stands for (RFC 5922 section
// 7.1): the hosts of its sip URIs without a user, and its DNS names only if there
// are none such. The subject's common name does not count.
func identities(c *x509.Certificate) []string {
	var names []string
	for _, u := range c.URIs {
		uri, err := sip.ParseURI(u.String())
		if err != nil || uri.Scheme() != "sip" || uri.User() != "" {
			continue
		}
		names = append(names, canonicalName(uri.Host()))
	}
	if len(names) > 0 {
		return names
	}
	for _, name := range c.DNSNames {
		names = append(names, canonicalName(name))
	}
	return names
}

func canonicalName(name string) string {
	return strings.TrimSuffix(strings.ToLower(name), ".")
}
