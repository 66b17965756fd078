package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// writeCertificate makes a certificate for a domain and writes it to two files.
func writeCertificate(t *testing.T, dir, domain string) (certFile, keyFile string, leaf *x509.Certificate) {
	t.Helper()
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	certificate, err := selfSigned([]string{domain})
	require.NoError(t, err)
	key, err := x509.MarshalPKCS8PrivateKey(certificate.PrivateKey)
	require.NoError(t, err)
	for file, block := range map[string]*pem.Block{
		certFile: {Type: "CERTIFICATE", Bytes: certificate.Certificate[0]},
		keyFile:  {Type: "PRIVATE KEY", Bytes: key},
	} {
		require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(block), 0o600))
	}
	leaf, err = x509.ParseCertificate(certificate.Certificate[0])
	require.NoError(t, err)
	return certFile, keyFile, leaf
}

func TestServeTLS(t *testing.T) {
	defer goleak.VerifyNone(t)
	certFile, keyFile, leaf := writeCertificate(t, t.TempDir(), "example.com")
	roots := x509.NewCertPool()
	roots.AddCert(leaf)

	s := start(t, "--tls", "127.0.0.1:0", "--cert", certFile, "--key", keyFile)
	defer s.stop()
	for _, name := range []string{"example.com", "localhost", "127.0.0.1"} {
		conn, err := tls.Dial("tcp", s.others["TLS"], &tls.Config{RootCAs: roots, ServerName: name})
		require.NoError(t, err)
		require.Equal(t, "SIP/2.0 200 OK", registerOn(t, "tls", conn, s.others["TLS"]))
	}
	_, err := tls.Dial("tcp", s.others["TLS"], &tls.Config{
		RootCAs: roots, ServerName: "localhost", MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11,
	})
	require.Error(t, err, "too old")
}

// Without a certificate there is one of this run, and a warning.
func TestServeTLSSelfSigned(t *testing.T) {
	var warned int
	logger := slog.New(slog.NewTextHandler(writerFunc(func(b []byte) { warned += len(b) }), nil))
	config, _, err := tlsConfig("", "", []string{"example.com"}, logger)
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

// TestReloadCertificate: SIGHUP has the files read again, and connections that are
// there stay; files that cannot be used change nothing.
func TestReloadCertificate(t *testing.T) {
	defer goleak.VerifyNone(t)
	dir := t.TempDir()
	certFile, keyFile, first := writeCertificate(t, dir, "first.example")
	s := start(t, "--tls", "127.0.0.1:0", "--wss", "127.0.0.1:0", "--cert", certFile, "--key", keyFile)
	connect := func(network string) (*tls.Conn, *x509.Certificate) {
		conn, err := tls.Dial("tcp", s.others[network], &tls.Config{InsecureSkipVerify: true})
		require.NoError(t, err)
		return conn, conn.ConnectionState().PeerCertificates[0]
	}
	shown := func(network string) *x509.Certificate {
		conn, leaf := connect(network)
		require.NoError(t, conn.Close())
		return leaf
	}
	self, err := os.FindProcess(os.Getpid())
	require.NoError(t, err)

	old, leaf := connect("TLS")
	require.True(t, leaf.Equal(first))
	_, _, second := writeCertificate(t, dir, "second.example")
	require.True(t, shown("TLS").Equal(first), "nobody has asked for the new one")
	require.NoError(t, self.Signal(syscall.SIGHUP))
	for deadline := time.Now().Add(5 * time.Second); !shown("TLS").Equal(second); {
		require.True(t, time.Now().Before(deadline), "the certificate was not read again")
	}
	require.True(t, shown("WSS").Equal(second))
	require.Equal(t, "SIP/2.0 200 OK", registerOn(t, "tls", old, s.others["TLS"]))

	require.NoError(t, os.WriteFile(certFile, []byte("half of a certif"), 0o600))
	require.NoError(t, self.Signal(syscall.SIGHUP))
	require.True(t, shown("TLS").Equal(second))
	require.Zero(t, s.stop())
	require.Contains(t, s.stderr.String(), "certificate not read again")
}

type writerFunc func(b []byte)

func (f writerFunc) Write(b []byte) (int, error) { f(b); return len(b), nil }
