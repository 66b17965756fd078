//go:build interop

package interop

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A credential is a certificate that nobody has signed but itself, and its key.
type credential struct{ cert, key string } // files

// certify makes a credential for a name and an address.
func certify(t *testing.T, name, ip string) credential {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    now.Add(-time.Hour),
		NotAfter:     now.Add(time.Hour),
		KeyUsage:     x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:     []string{name},
		IPAddresses:  []net.IP{net.ParseIP(ip)},

		BasicConstraintsValid: true, IsCA: true,
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	c := credential{cert: filepath.Join(dir, "cert.pem"), key: filepath.Join(dir, "key.pem")}
	writeFile(t, c.cert, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})))
	writeFile(t, c.key, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})))
	return c
}

// A tunnel is one stunnel with both ends of TLS for a program that has none.
type tunnel struct {
	out, server string // what comes to out goes to server, which has to bear its address
	in, program string // what comes to in by TLS goes to program
	identity    credential
	trusted     string // file with the server's certificate
}

// dig starts the tunnel, and returns when it takes connections.
func (n tunnel) dig(t *testing.T) {
	t.Helper()
	host, _, err := net.SplitHostPort(n.server)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "tunnel.conf"), strings.Join([]string{
		"foreground = yes", "pid =", "syslog = no", "debug = notice", "socket = l:TCP_NODELAY=1", "socket = r:TCP_NODELAY=1",
		"[out]", "client = yes", "accept = " + n.out, "connect = " + n.server,
		"verifyChain = yes", "CAfile = " + n.trusted, "checkIP = " + host,
		"[in]", "accept = " + n.in, "connect = " + n.program, "cert = " + n.identity.cert, "key = " + n.identity.key, "",
	}, "\n"))
	p := start(t, dir, peer(t, "stunnel4"), "tunnel.conf")
	for _, addr := range []string{n.out, n.in} {
		eventually(t, 10*time.Second, func() bool { return bound(t, "tcp", addr) }, "stunnel does not listen on %s:\n%s", addr, &p.output)
	}
}

// TestSecureCalls has SIPp register users and call them, and everything that
// softswitch sends or receives goes over TLS: callers come by a tunnel that
// verifies its certificate, and it calls users through another one, whose
// certificate it verifies. SIPp as Debian has it knows no TLS.
func TestSecureCalls(t *testing.T) {
	const calls, rate, accounts = 500, 50, 50
	ip := "127.0.45.1"
	identity := certify(t, "localhost", ip)
	t.Setenv("SSL_CERT_FILE", identity.cert) // whom softswitch believes
	s := serveSecure(t, ip, "--cert", identity.cert, "--key", identity.key)
	callee := s.ip + ":5081"
	// The contact has a name, as a server's has: what gives an address has no
	// certificate as a rule, and is called over the connection it registered on.
	in := "127.0.0.1:" + freePort(t)
	tunnel{
		out: s.ip + ":5078", server: s.tls, in: in, program: callee, identity: identity, trusted: identity.cert,
	}.dig(t)

	contact := strings.Replace(in, "127.0.0.1", "localhost", 1)
	sipp{
		scenario: "register", network: "tls", local: s.ip + ":5079", remote: s.ip + ":5078", domain: s.tls,
		calls: accounts, rate: rate, fields: users(accounts), keys: map[string]string{"contact": contact},
	}.run(t).check(t, "client", accounts)

	answering := sipp{scenario: "call-callee", network: "tls", local: callee, calls: calls, hold: 30 * time.Second}.start(t)
	sipp{
		scenario: "call-caller", network: "tls", local: s.ip + ":5080", remote: s.ip + ":5078", domain: s.tls,
		calls: calls, rate: rate, hold: 100 * time.Millisecond, fields: users(accounts),
	}.run(t).check(t, "caller", calls)
	answering.result(t).check(t, "callee", calls)
}

// freePort returns a port of 127.0.0.1 that nobody listens on.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return fmt.Sprint(l.Addr().(*net.TCPAddr).Port)
}
