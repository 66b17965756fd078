package ws

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/patchbay-sip/patchbay/sip/transport"
)

// An Option sets something about a Server.
type Option func(*config)

type config struct {
	transport  []transport.Option
	origins    []string
	tlsInFront bool
}

// WithTransport sets options of package transport: WithTap, WithLogger, WithLimits,
// WithTimeouts, WithSources, WithSendQueue, and others that concern streams.
// Behind a web server that forwards, all connections come from its address and
// count as one source, which should be among Sources.Unlimited.
func WithTransport(opts ...transport.Option) Option {
	return func(c *config) { c.transport = append(c.transport, opts...) }
}

// WithOrigins sets the web pages that may connect: "https://phone.example.com",
// or "*" for all of them. By default it is those of the host, and the port, that
// is connected to. Clients that are no browsers send no Origin and are let in.
func WithOrigins(origins ...string) Option {
	return func(c *config) { c.origins = append(c.origins, origins...) }
}

// WithTLSInFront has NewSecure's handler take requests that came without TLS,
// because a web server in front has taken it off. Nobody but that server may
// reach the handler then.
func WithTLSInFront() Option { return func(c *config) { c.tlsInFront = true } }

// allows tells whether a request comes from a page that may connect (RFC 6455
// section 10.2).
func (c *config) allows(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" || slices.Contains(c.origins, "*") {
		return true
	}
	if len(c.origins) > 0 {
		return slices.ContainsFunc(c.origins, func(o string) bool { return strings.EqualFold(o, origin) })
	}
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && strings.EqualFold(u.Host, r.Host)
}
