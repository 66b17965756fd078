package tlsconfig_test

import (
	"crypto/tls"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/internal/tlsconfig"
)

func TestModern(t *testing.T) {
	certificates := []tls.Certificate{{}}
	for name, c := range map[string]struct {
		config *tls.Config
		client bool
		err    error
	}{
		"defaults":               {config: &tls.Config{Certificates: certificates}},
		"1.2":                    {config: &tls.Config{Certificates: certificates, MinVersion: tls.VersionTLS12}},
		"1.3":                    {config: &tls.Config{Certificates: certificates, MinVersion: tls.VersionTLS13}},
		"1.1":                    {config: &tls.Config{Certificates: certificates, MinVersion: tls.VersionTLS11}, err: tlsconfig.ErrOldVersion},
		"1.0":                    {config: &tls.Config{Certificates: certificates, MinVersion: tls.VersionTLS10}, err: tlsconfig.ErrOldVersion},
		"at most 1.1":            {config: &tls.Config{Certificates: certificates, MaxVersion: tls.VersionTLS11}, err: tlsconfig.ErrOldVersion},
		"without a certificate":  {config: &tls.Config{}, err: tlsconfig.ErrNoCertificate},
		"none":                   {err: tlsconfig.ErrNoCertificate},
		"none, for a client":     {client: true},
		"empty, for a client":    {config: &tls.Config{}, client: true},
		"certificate by a func":  {config: &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, nil }}},
		"configuration by a one": {config: &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return nil, nil }}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := tlsconfig.Modern(c.config, !c.client)
			require.ErrorIs(t, err, c.err)
			if c.err == nil {
				require.GreaterOrEqual(t, got.MinVersion, uint16(tls.VersionTLS12))
				require.NotSame(t, c.config, got)
			}
		})
	}
}
