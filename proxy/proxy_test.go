package proxy_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/proxy"
	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/transport"
	"github.com/patchbay-sip/patchbay/sip/transport/memnet"
	"github.com/patchbay-sip/patchbay/transaction"
)

// proxyAddr is where the proxy listens, on UDP and TCP.
var proxyAddr = netip.MustParseAddrPort("192.0.2.1:5060")

// proxyAddr6 is a second UDP socket of the proxy.
const proxyAddr6 = "[2001:db8::1]:5060"

// A site is a proxy for example.com on a network of its own.
type site struct {
	t       testing.TB
	net     *memnet.Network
	ep      *transaction.Endpoint
	domains *sip.Domains
	users   *directory
	proxy   *proxy.Proxy
}

// directory is a Locator.
type directory struct {
	mu      sync.Mutex
	targets map[sip.AOR][]sip.Target
}

func (d *directory) Targets(_ context.Context, aor sip.AOR) ([]sip.Target, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.targets[aor], nil
}

// set has an address-of-record reach one target.
func (d *directory) set(aor sip.AOR, target sip.Target) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.targets[aor] = []sip.Target{target}
}

// register has sip:user@example.com reach the phones.
func (d *directory) register(user string, phones ...*phone) {
	d.mu.Lock()
	defer d.mu.Unlock()
	aor := sip.NewURI(user, "example.com", 0).AOR()
	for _, p := range phones {
		d.targets[aor] = append(d.targets[aor], sip.Target{URI: p.contact(), Q: sip.QMax})
	}
}

type siteConfig struct {
	router     func(*site) proxy.Router
	options    []proxy.Option
	endpoint   []transaction.Option
	middleware []transaction.Middleware
	network    *memnet.Network // default a perfect one
	ipv6       bool            // listen on proxyAddr6 as well
	web        bool            // serve browsers on webAddr
	domain     string          // default example.com
}

// newSite starts a proxy. It must be called in a bubble.
func newSite(t testing.TB, cfg siteConfig) *site {
	t.Helper()
	if cfg.domain == "" {
		cfg.domain = "example.com"
	}
	if cfg.network == nil {
		cfg.network = memnet.New()
	}
	s := &site{
		t: t, net: cfg.network,
		domains: sip.NewDomains(cfg.domain, proxyAddr.String()),
		users:   &directory{targets: make(map[sip.AOR][]sip.Target)},
	}
	s.ep = transaction.New(cfg.endpoint...)
	router := proxy.Location(s.domains, s.users)
	if cfg.router != nil {
		router = cfg.router(s)
	}
	s.proxy = proxy.New(s.ep, s.domains, router, cfg.options...)
	pc, err := s.net.ListenPacket(proxyAddr.String())
	require.NoError(t, err)
	l, err := s.net.Listen(proxyAddr.String())
	require.NoError(t, err)
	ts := []transport.Transport{
		transport.NewUDP(pc),
		transport.NewTCP(l, transport.WithDialer(s.net.Dialer(proxyAddr.Addr()))),
	}
	if cfg.ipv6 {
		pc, err := s.net.ListenPacket(proxyAddr6)
		require.NoError(t, err)
		ts = append(ts, transport.NewUDP(pc))
	}
	if cfg.web {
		ts = append(ts, serveWeb(t, s.net))
	}

	served := make(chan error, 1)
	go func() {
		h := transaction.Chain(s.proxy, cfg.middleware...)
		served <- s.ep.Serve(context.Background(), h, ts...)
	}()
	t.Cleanup(func() {
		require.NoError(t, s.ep.Close())
		require.True(t, errors.Is(<-served, net.ErrClosed))
	})
	return s
}

// phone makes a UDP phone at 192.0.2.HOST.
func (s *site) phone(user, host string) *phone {
	s.t.Helper()
	return newPhone(s.t, s.net, user, "192.0.2."+host+":5060")
}

// streamPhone makes a TCP phone at 192.0.2.HOST.
func (s *site) streamPhone(user, host string) *phone {
	s.t.Helper()
	return newStreamPhone(s.t, s.net, user, "192.0.2."+host+":5060")
}

// inBubble runs a test in virtual time with a site.
func inBubble(t *testing.T, cfg siteConfig, f func(t *testing.T, s *site)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { f(t, newSite(t, cfg)) })
}
