package transport_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip/transport"
	"github.com/patchbay-sip/patchbay/sip/transport/memnet"
)

// authority signs certificates for tests.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

// certTime suits both the real clock and that of synctest, which begins in 2000.
var certTime = [2]time.Time{time.Unix(0, 0), time.Unix(1<<33, 0)}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"},
		NotBefore: certTime[0], NotAfter: certTime[1],
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	a := &authority{key: key, pool: x509.NewCertPool()}
	a.cert, err = x509.ParseCertificate(der)
	require.NoError(t, err)
	a.pool.AddCert(a.cert)
	return a
}

// sign makes a certificate: a name with a colon is a URI, an address an address.
func (a *authority) sign(t testing.TB, names ...string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "common.example"},
		NotBefore: certTime[0], NotAfter: certTime[1],
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	for _, name := range names {
		if addr, err := netip.ParseAddr(name); err == nil {
			template.IPAddresses = append(template.IPAddresses, addr.AsSlice())
		} else if u, err := url.Parse(name); err == nil && u.Scheme != "" {
			template.URIs = append(template.URIs, u)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	require.NoError(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// config is for an element with a certificate of its own, if names are given,
// that believes the authority.
func (a *authority) config(t testing.TB, names ...string) *tls.Config {
	t.Helper()
	c := &tls.Config{RootCAs: a.pool, ClientCAs: a.pool}
	if len(names) > 0 {
		c.Certificates = []tls.Certificate{a.sign(t, names...)}
	}
	return c
}

// tlsOn makes a TLS transport on a memnet address, which it dials from, too.
func tlsOn(t testing.TB, n *memnet.Network, addr string, config *tls.Config, opts ...transport.Option) *transport.TLS {
	t.Helper()
	l, err := n.Listen(addr)
	require.NoError(t, err)
	dialer := transport.WithDialer(n.Dialer(netip.MustParseAddrPort(addr).Addr()))
	tr, err := transport.NewTLS(l, config, append([]transport.Option{dialer}, opts...)...)
	require.NoError(t, err)
	return tr
}

// tlsClient connects a bare TLS stream through a raw one.
func tlsClient(t testing.TB, raw net.Conn, config *tls.Config, name string) *tls.Conn {
	t.Helper()
	config = config.Clone()
	config.ServerName = name
	c := tls.Client(raw, config)
	require.NoError(t, c.Handshake())
	return c
}

// writePEM writes a certificate and its key into files of dir.
func writePEM(t testing.TB, dir string, c tls.Certificate) (certFile, keyFile string) {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	require.NoError(t, err)
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for file, block := range map[string]*pem.Block{
		certFile: {Type: "CERTIFICATE", Bytes: c.Certificate[0]},
		keyFile:  {Type: "PRIVATE KEY", Bytes: der},
	} {
		require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(block), 0o600))
	}
	return certFile, keyFile
}

// writePEMOver breaks the certificate of writePEM.
func writePEMOver(t testing.TB, dir string) string {
	t.Helper()
	file := filepath.Join(dir, "cert.pem")
	require.NoError(t, os.WriteFile(file, []byte("no certificate"), 0o600))
	return file
}

// clientHello is the first flight of a TLS client.
func clientHello(t testing.TB) []byte {
	t.Helper()
	client, server := net.Pipe()
	go tls.Client(client, &tls.Config{ServerName: "a.example"}).Handshake()
	buf := make([]byte, 1<<16)
	n, err := server.Read(buf)
	require.NoError(t, err)
	require.NoError(t, server.Close())
	return buf[:n]
}
