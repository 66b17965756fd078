package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/transport"
	"github.com/patchbay-sip/patchbay/sip/transport/ws"
)

const defaultAddr = "0.0.0.0:5060"

// listener is a transport with what the greeting says of it.
type listener struct {
	transport.Transport
	name string // "UDP", "TCP", "TLS", "WS" or "WSS"
}

// addresses are where to listen. Of udp and tcp, nil stands for the default.
type addresses struct {
	udp, tcp, tls, ws, wss []string
	config                 *tls.Config // of tls and wss
	origins                []string    // of ws and wss
	sources                transport.Sources
	advertised             sip.HostPort   // zero: the addresses of the listeners
	tap                    *transport.Tap // nil: none
}

// listen opens the sockets. A port that the user named must be had; one that
// only a default names may be missing, as long as something listens.
func listen(at addresses, logger *slog.Logger) ([]listener, error) {
	var ls []listener
	open := func(name string, addrs []string, listen func(string) (transport.Transport, error)) error {
		named := addrs != nil
		if !named {
			addrs = []string{defaultAddr}
		}
		for _, addr := range addrs {
			if addr == "" {
				continue
			}
			t, err := listen(addr)
			switch {
			case err == nil:
				ls = append(ls, listener{t, name})
			case named:
				return fmt.Errorf("cannot listen on %s %s: %w", name, addr, err)
			default:
				logger.Warn("cannot listen, going on without", "network", name, "addr", addr, "err", err)
			}
		}
		return nil
	}
	options := func(network string) []transport.Option {
		all := []transport.Option{transport.WithLogger(logger), transport.WithSources(at.sources), transport.WithTap(at.tap)}
		return append(all, advertise(at.advertised, network)...)
	}
	webOptions := func(network string) []ws.Option {
		return []ws.Option{ws.WithTransport(options(network)...), ws.WithOrigins(at.origins...)}
	}
	err := errors.Join(
		open("UDP", at.udp, func(addr string) (transport.Transport, error) {
			return opened(transport.ListenUDP(addr, options("UDP")...))
		}),
		open("TCP", at.tcp, func(addr string) (transport.Transport, error) {
			return opened(transport.ListenTCP(addr, options("TCP")...))
		}),
		open("TLS", named(at.tls), func(addr string) (transport.Transport, error) {
			return opened(transport.ListenTLS(addr, at.config, options("TLS")...))
		}),
		open("WS", named(at.ws), func(addr string) (transport.Transport, error) {
			return opened(ws.Listen(addr, webOptions("WS")...))
		}),
		open("WSS", named(at.wss), func(addr string) (transport.Transport, error) {
			return opened(ws.ListenTLS(addr, at.config, webOptions("WSS")...))
		}),
	)
	if err == nil && len(ls) == 0 {
		err = errors.New("nothing to listen on: is another SIP server running? --udp and --tcp choose other ports")
	}
	if err != nil {
		return nil, errors.Join(err, closeAll(ls))
	}
	return ls, nil
}

func closeAll(ls []listener) (err error) {
	for _, l := range ls {
		err = errors.Join(err, l.Close())
	}
	return err
}

// named has no default take the place of addresses that were not given.
func named(addrs []string) []string { return append([]string{}, addrs...) }

// opened keeps a nil pointer out of the interface.
func opened[T transport.Transport](t T, err error) (transport.Transport, error) {
	if err != nil {
		return nil, err
	}
	return t, nil
}

func transports(ls []listener) []transport.Transport {
	ts := make([]transport.Transport, len(ls))
	for i, l := range ls {
		ts[i] = l.Transport
	}
	return ts
}
