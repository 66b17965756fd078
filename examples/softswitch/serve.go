package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"time"

	"github.com/patchbay-sip/patchbay/proxy"
	"github.com/patchbay-sip/patchbay/registrar"
	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/keyring"
	"github.com/patchbay-sip/patchbay/sip/transport"
	"github.com/patchbay-sip/patchbay/transaction"
)

// drainTime is how long running transactions may take after SIGTERM; the whole
// program is gone within five seconds, even if it has to end 100,000 of them.
const drainTime = 3 * time.Second

// maxUnknown is how many names may be registered while nobody needs a password:
// enough for an office, and little enough to fit into memory whoever makes them
// up.
const maxUnknown = 10_000

type serveCommand struct {
	Domain      []string `help:"A domain to serve (repeatable). Default: every name and address of this host." placeholder:"NAME"`
	UDP         []string `name:"udp" help:"Address for UDP (repeatable; empty: none). Default: 0.0.0.0:5060." placeholder:"ADDR" sep:"none"`
	TCP         []string `name:"tcp" help:"Address for TCP (repeatable; empty: none). Default: 0.0.0.0:5060." placeholder:"ADDR" sep:"none"`
	TLS         []string `name:"tls" help:"Address for TLS (repeatable), usually port 5061. Default: none." placeholder:"ADDR" sep:"none"`
	WS          []string `name:"ws" help:"Address for WebSockets without TLS (repeatable). Default: none." placeholder:"ADDR" sep:"none"`
	WSS         []string `name:"wss" help:"Address for WebSockets over TLS (repeatable). Default: none." placeholder:"ADDR" sep:"none"`
	Origin      []string `help:"A web page that may open WebSockets, as https://HOST (repeatable; *: all). Default: those of this host and port." placeholder:"URL" sep:"none"`
	Cert        string   `help:"The certificate for TLS and WSS, with its chain, in PEM; SIGHUP has it read again. Default: a self-signed one, made for this run." placeholder:"FILE"`
	Key         string   `help:"The key of --cert, in PEM." placeholder:"FILE"`
	Auth        string   `help:"Whether callers and phones need a password. auto: once there is a user; until then only near phones are served." enum:"auto,on,off" default:"auto"`
	User        []string `help:"A user (repeatable)." placeholder:"NAME:PASSWORD" sep:"none"`
	UsersFile   string   `help:"A file with one NAME:PASSWORD a line." placeholder:"FILE"`
	KeyFile     string   `help:"The file with the keys that tokens are signed with; made if it is not there. Default: keys of this run alone." placeholder:"FILE"`
	MinExpires  int      `help:"The shortest registration, in seconds. Default: 60." default:"60" placeholder:"SECONDS"`
	LimitSource int      `help:"How many requests a second each address may send, over each of UDP, TCP, ... (0: no limit). Loopback addresses, such as a web server's on this host, are not limited." default:"500" placeholder:"N"`
	Advertise   string   `help:"The name or address, and with PORT the port of UDP and TCP, by which this host is reached from beyond a NAT." placeholder:"HOST[:PORT]"`
	PCAP        string   `name:"pcap" help:"Write every message to this file, for Wireshark (pcapng, TLS taken off). At 100 MiB it becomes FILE.1 and begins anew. It can be used to guess passwords: keep it safe." placeholder:"FILE"`
	OpenRelay   bool     `help:"Relay for everybody to everywhere. For a laboratory only."`
}

// Run serves until ctx ends.
func (c *serveCommand) Run(ctx context.Context, stdout io.Writer, logger *slog.Logger) error {
	users, err := readUsers(c.User, c.UsersFile)
	if err != nil {
		return err
	}
	if c.MinExpires < 1 || c.MinExpires > int(registrar.DefaultMaxExpires/time.Second) {
		return fmt.Errorf("--min-expires: %d is not between 1 and %d", c.MinExpires, int(registrar.DefaultMaxExpires/time.Second))
	}
	for _, name := range c.Domain {
		if !isDomain(name) {
			return fmt.Errorf("--domain: %q is no domain", name)
		}
	}
	keys := keyring.New()
	if c.KeyFile != "" {
		if keys, err = keyring.Load(c.KeyFile); err != nil {
			return fmt.Errorf("--key-file: %w", err)
		}
	}
	at, reload, err := c.addresses(logger)
	if err != nil {
		return err
	}
	listeners, err := listen(at, logger)
	if err != nil {
		return err
	}
	stopTrace, err := trace(at.tap, c.PCAP, logger)
	if err != nil {
		return errors.Join(err, closeAll(listeners))
	}
	defer stopTrace()
	defer onHangup(reload, logger)()
	hosts := hostNames(listeners)
	hosts.advertised = at.advertised
	domains := servedDomains(c.Domain, hosts)

	endpoint := transaction.New(transaction.WithLogger(logger))
	access := access{mode: c.Auth, users: users, domains: domains, keys: keys}
	registrarOptions := []registrar.Option{
		registrar.WithExpires(registrar.Expires{Min: time.Duration(c.MinExpires) * time.Second}),
		registrar.WithLogger(logger),
	}
	if access.kind() != byPassword {
		registrarOptions = append(registrarOptions, registrar.WithMaxAddresses(maxUnknown))
	}
	reg := registrar.New(domains, registrar.NewMemory(), registrarOptions...)
	proxyOptions := []proxy.Option{proxy.WithKeys(keys), proxy.WithLogger(logger)}
	if c.OpenRelay {
		proxyOptions = append(proxyOptions, proxy.WithGate(proxy.Open{}))
	}
	forward := proxy.New(endpoint, domains, proxy.Location(domains, reg), proxyOptions...)

	mux := transaction.NewMux()
	mux.Handle(sip.REGISTER, reg)
	mux.Default(forward)
	access.inDialog = forward.InDialog
	handler := transaction.Chain(mux, access.middleware()...)

	hello := greeting{
		listeners: listeners, hosts: hosts, domains: c.Domain,
		access: access.kind(), users: len(users), openRelay: c.OpenRelay, trace: c.PCAP,
	}
	if _, err := io.WriteString(stdout, hello.text()); err != nil {
		logger.Warn("greeting not shown", "err", err)
	}
	return serve(ctx, endpoint, handler, listeners, logger)
}

// addresses are where to listen, and how. reload reads the certificate again; it
// is nil where none was given.
func (c *serveCommand) addresses(logger *slog.Logger) (at addresses, reload func() error, err error) {
	at = addresses{udp: c.UDP, tcp: c.TCP, tls: c.TLS, ws: c.WS, wss: c.WSS, origins: c.Origin}
	if at.sources, err = sources(c.LimitSource); err != nil {
		return at, nil, err
	}
	if at.advertised, err = parseAdvertised(c.Advertise); err != nil {
		return at, nil, err
	}
	if c.PCAP != "" {
		at.tap = transport.NewTap(0)
	}
	if len(at.tls)+len(at.wss) > 0 || c.Cert != "" || c.Key != "" {
		at.config, reload, err = tlsConfig(c.Cert, c.Key, c.Domain, logger)
	}
	return at, reload, err
}

// serve runs the endpoint until ctx ends, and then lets what runs come to its
// end.
func serve(ctx context.Context, e *transaction.Endpoint, h transaction.Handler, ls []listener, logger *slog.Logger) error {
	served := make(chan error, 1)
	go func() { served <- e.Serve(context.WithoutCancel(ctx), h, transports(ls)...) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	logger.Info("shutting down")
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer cancel()
	err := e.Shutdown(drain)
	if cut, ok := errors.AsType[*transaction.ShutdownError](err); ok {
		logger.Warn("calls were cut off", "received", cut.Server, "sent", cut.Client, "handlers", cut.Handlers, "err", cut.Err)
	}
	if err := e.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return err
	}
	if err := <-served; !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}
