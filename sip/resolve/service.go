package resolve

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
)

const (
	// maxServices bounds the SRV names that are asked for one request, maxServers
	// the servers whose addresses are: somebody else's records decide how many
	// questions a request of ours makes.
	maxServices = 8
	maxServers  = 8
)

// A service is a domain's offer of SIP over a network, found by SRV records.
type service struct {
	network string
	name    question
}

// servers appends the servers of a target to list, in order. The error says what
// could not be asked, whether or not there are servers.
func (r *Resolver) servers(w *waiter, t target, list []server) ([]server, error) {
	if t.port != 0 || r.hosts[t.host] != nil {
		return append(list, t.direct()), nil
	}
	var failed error
	if t.network == "" {
		var offered bool
		list, offered, failed = r.byNAPTR(w, t, list)
		// A service that the domain puts first is not given up for a lesser one
		// because its servers could not be asked for.
		if len(list) > 0 || offered && failed != nil || isFinal(w.ctx, failed) {
			return list, failed
		}
	}
	var buf [maxServices]service
	list, known, err := r.bySRV(w, r.services(t, buf[:0]), list)
	switch {
	case len(list) > 0 || isFinal(w.ctx, err):
		return list, err
	case known:
		return nil, fmt.Errorf("%w: %s offers no such service", ErrNoAddress, t.host)
	}
	return append(list, t.direct()), cmp.Or(failed, err)
}

// isFinal tells whether an error means that there is no use in asking on.
func isFinal(ctx context.Context, err error) bool {
	return err != nil && (ctx.Err() != nil || errors.Is(err, ErrBusy) || errors.Is(err, net.ErrClosed))
}

// byNAPTR appends the servers that NAPTR records lead to (RFC 3263 section 4.1).
// Of the records that can be used, those of the lowest order count (RFC 3403
// section 4.1); those of a higher one where these lead nowhere. offered tells
// whether there is any that can be used.
func (r *Resolver) byNAPTR(w *waiter, t target, list []server) (_ []server, offered bool, err error) {
	e, err := r.naptr.ask(question{name: t.host}, w.now)
	if err == nil {
		err = w.wait(&e.pending, nil)
	}
	if err == nil {
		err = e.err
	}
	if err != nil {
		return list, false, err
	}
	var buf [maxServices]service
	services := buf[:0]
	for i, n := range e.records {
		if s, ok := r.usable(n, t); ok && len(services) < maxServices {
			services = append(services, s)
			offered = true
		}
		if i+1 < len(e.records) && e.records[i+1].Order == n.Order {
			continue
		}
		list, _, err = r.bySRV(w, services, list)
		if len(list) > 0 || err != nil {
			return list, offered, err
		}
		services = services[:0]
	}
	return list, offered, nil
}

// usable returns what a NAPTR record offers; ok is false if the target or this
// element cannot have it.
func (r *Resolver) usable(n NAPTR, t target) (s service, ok bool) {
	switch strings.ToUpper(n.Service) {
	case "SIP+D2U":
		s.network = "udp"
	case "SIP+D2T":
		s.network = "tcp"
	case "SIPS+D2T":
		s.network = "tls"
	case "SIP+D2W":
		s.network = "ws"
	case "SIPS+D2W":
		s.network = "wss"
	default:
		return service{}, false
	}
	s.name.name = canonical(n.Replacement)
	ok = strings.EqualFold(n.Flags, "s") && n.Regexp == "" && s.name.name != "" && r.mayUse(s.network, t)
	return s, ok
}

// mayUse tells whether a network that the URI left open can be had.
func (r *Resolver) mayUse(network string, t target) bool {
	if t.secure {
		return network == "tls" || network == "wss" && r.has(network)
	}
	return r.has(network)
}

// has tells whether this element has a network.
func (r *Resolver) has(network string) bool { return slices.Contains(r.networks, network) }

// services appends the services to ask for without NAPTR records: that of the
// transport that the URI names, else one for each network.
func (r *Resolver) services(t target, list []service) []service {
	add := func(network string) {
		if prefix := servicePrefix(network); prefix != "" && len(list) < maxServices {
			list = append(list, service{network, question{prefix, t.host}})
		}
	}
	switch {
	case t.network != "":
		add(t.network)
	case t.secure:
		add("tls")
	default:
		for _, n := range r.networks {
			add(n)
		}
	}
	return list
}

// servicePrefix is what stands before the domain in the name of a service (RFC
// 3263 section 4.1). There is none for WebSockets.
func servicePrefix(network string) string {
	switch network {
	case "udp":
		return "_sip._udp."
	case "tcp":
		return "_sip._tcp."
	case "tls":
		return "_sips._tcp."
	}
	return ""
}

// bySRV appends the servers of services, which are asked for together, in their
// order. known tells whether any of them has a record, and the error what could
// not be asked.
func (r *Resolver) bySRV(w *waiter, services []service, list []server) (_ []server, known bool, failed error) {
	w.begin()
	var entries [maxServices]*entry[SRV]
	for i, s := range services {
		e, err := r.srv.ask(s.name, w.now)
		failed = cmp.Or(failed, err)
		entries[i] = e
	}
	for i, s := range services {
		e := entries[i]
		if e == nil {
			continue
		}
		if err := w.wait(&e.pending, nil); err != nil {
			failed = cmp.Or(failed, err)
			continue
		}
		failed = cmp.Or(failed, e.err)
		known = known || len(e.records) > 0
		var buf [maxRecords]SRV
		for _, rec := range drawSRV(e.records, buf[:0], r.intN) {
			// A lone dot says that there is no such service (RFC 2782), and port 0 is
			// none that could be sent to.
			if rec.Target == "" || rec.Port == 0 || len(list) == maxServers {
				continue
			}
			list = append(list, server{s.network, rec.Target, rec.Port})
			w.hurry()
		}
	}
	return list, known, failed
}
