package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"os"
	"time"

	"github.com/patchbay-sip/patchbay/sip/transport"
)

// selfSignedFor is how long a certificate is good for that nobody gave us: a
// run that lasts longer needs a real one.
const selfSignedFor = 365 * 24 * time.Hour

// tlsConfig is what TLS and WSS listeners show: the certificate of the files,
// which reload reads again, or, where there are none, one of our own making, and
// reload is nil.
func tlsConfig(certFile, keyFile string, domains []string, logger *slog.Logger) (config *tls.Config, reload func() error, err error) {
	if (certFile == "") != (keyFile == "") {
		return nil, nil, errors.New("--cert and --key go together")
	}
	config = &tls.Config{MinVersion: tls.VersionTLS12}
	if certFile != "" {
		certificate, err := transport.NewCertificate(certFile, keyFile)
		if err != nil {
			return nil, nil, fmt.Errorf("--cert, --key: %w", err)
		}
		config.GetCertificate = certificate.GetCertificate
		return config, certificate.Reload, nil
	}
	certificate, err := selfSigned(domains)
	if err != nil {
		return nil, nil, err
	}
	config.Certificates = []tls.Certificate{certificate}
	logger.Warn("the certificate is self-signed, so phones cannot tell this server from another one: " +
		"give a real one with --cert and --key")
	return config, nil, nil
}

// selfSigned makes a certificate for the domains, and for this host's names and
// addresses. It lives in memory alone.
func selfSigned(domains []string) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return tls.Certificate{}, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: "softswitch"},
		NotBefore:    now.Add(-time.Hour), // for clocks that are late
		NotAfter:     now.Add(selfSignedFor),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:     append([]string{"localhost"}, domains...),
	}
	if name, err := os.Hostname(); err == nil && name != "" {
		template.DNSNames = append(template.DNSNames, name)
	}
	for _, addr := range interfaceAddrs(false) {
		template.IPAddresses = append(template.IPAddresses, net.IP(addr.AsSlice()))
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}
