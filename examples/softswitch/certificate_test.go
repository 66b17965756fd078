package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestServeTLS(t *testing.T) {
	defer goleak.VerifyNone(t)
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	certificate, err := selfSigned([]string{"example.com"})
	require.NoError(t, err)
	key, err := x509.MarshalPKCS8PrivateKey(certificate.PrivateKey)
	require.NoError(t, err)
	for file, block := range map[string]*pem.Block{
		certFile: {Type: "CERTIFICATE", Bytes: certificate.Certificate[0]},
		keyFile:  {Type: "PRIVATE KEY", Bytes: key},
	} {
		require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(block), 0o600))
	}
	roots := x509.NewCertPool()
	leaf, err := x509.ParseCertificate(certificate.Certificate[0])
	require.NoError(t, err)
	roots.AddCert(leaf)

	s := start(t, "--tls", "127.0.0.1:0", "--cert", certFile, "--key", keyFile)
	defer s.stop()
	for _, name := range []string{"example.com", "localhost", "127.0.0.1"} {
		conn, err := tls.Dial("tcp", s.others["TLS"], &tls.Config{RootCAs: roots, ServerName: name})
		require.NoError(t, err)
		require.Equal(t, "SIP/2.0 200 OK", registerOn(t, "tls", conn, s.others["TLS"]))
	}
	_, err = tls.Dial("tcp", s.others["TLS"], &tls.Config{
		RootCAs: roots, ServerName: "localhost", MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11,
	})
	require.Error(t, err, "too old")
}

// Without a certificate there is one of this run, and a warning.
func TestServeTLSSelfSigned(t *testing.T) {
	var warned int
	logger := slog.New(slog.NewTextHandler(writerFunc(func(b []byte) { warned += len(b) }), nil))
	config, err := tlsConfig("", "", []string{"example.com"}, logger)
	require.NoError(t, err)
	require.NotZero(t, warned)
	leaf, err := x509.ParseCertificate(config.Certificates[0].Certificate[0])
	require.NoError(t, err)
	require.Contains(t, leaf.DNSNames, "example.com")
	require.True(t, leaf.IPAddresses[0].Equal(net.IPv4(127, 0, 0, 1)), "%v", leaf.IPAddresses)

	s := start(t, "--tls", "127.0.0.1:0")
	defer s.stop()
	conn, err := tls.Dial("tcp", s.others["TLS"], &tls.Config{InsecureSkipVerify: true})
	require.NoError(t, err)
	require.Equal(t, "SIP/2.0 200 OK", registerOn(t, "tls", conn, s.others["TLS"]))
}

type writerFunc func(b []byte)

func (f writerFunc) Write(b []byte) (int, error) { f(b); return len(b), nil }
