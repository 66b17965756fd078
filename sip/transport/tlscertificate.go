package transport

import (
	"crypto/tls"
	"sync/atomic"
)

// A Certificate is a certificate and its key from two files, which can be read
// anew while it is in use. Its methods may be called from several goroutines at
// once.
type Certificate struct {
	certFile, keyFile string
	current           atomic.Pointer[tls.Certificate]
}

// NewCertificate reads a certificate with its chain and its key, both PEM. The
// error is that of tls.LoadX509KeyPair.
func NewCertificate(certFile, keyFile string) (*Certificate, error) {
	c := &Certificate{certFile: certFile, keyFile: keyFile}
	if err := c.Reload(); err != nil {
		return nil, err
	}
	return c, nil
}

// Reload reads the files again, after they were renewed. On an error what was
// read before stays in use. Connections that are there keep theirs.
func (c *Certificate) Reload() error {
	read, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return err
	}
	c.current.Store(&read)
	return nil
}

// GetCertificate is for tls.Config's field of that name: it gives the
// certificate to whatever name a client wants.
func (c *Certificate) GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return c.current.Load(), nil
}

// GetClientCertificate is for tls.Config's field of that name: a server that
// asks for a certificate is shown it.
func (c *Certificate) GetClientCertificate(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	return c.current.Load(), nil
}
