// Package tlsconfig says what TLS configurations a SIP transport takes.
package tlsconfig

import (
	"crypto/tls"
	"errors"
	"fmt"
)

// Errors of Modern.
var (
	ErrOldVersion    = errors.New("tls config permits a version before TLS 1.2")
	ErrNoCertificate = errors.New("tls config has no certificate")
)

// Modern returns a copy of c with nothing before TLS 1.2 (RFC 8996). A server's
// must have a certificate.
func Modern(c *tls.Config, server bool) (*tls.Config, error) {
	if c == nil {
		c = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	c = c.Clone()
	if c.MinVersion == 0 {
		c.MinVersion = tls.VersionTLS12
	}
	for _, v := range []uint16{c.MinVersion, c.MaxVersion} {
		if v != 0 && v < tls.VersionTLS12 {
			return nil, fmt.Errorf("%w: %s", ErrOldVersion, tls.VersionName(v))
		}
	}
	if server && len(c.Certificates) == 0 && c.GetCertificate == nil && c.GetConfigForClient == nil {
		return nil, ErrNoCertificate
	}
	return c, nil
}
