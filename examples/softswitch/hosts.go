package main

import (
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"

	"github.com/patchbay-sip/patchbay/sip"
)

// hosts are the names and addresses under which this host can be reached.
type hosts struct {
	name  string       // its own name; the domain when none is configured
	addrs []netip.Addr // addresses that the listeners answer on, loopback last
	ports []uint16     // ports of the listeners

	advertised sip.HostPort // what it is called beyond a NAT; zero: nothing
}

// hostNames asks the system for this host's name and for the addresses that
// the listeners, wildcards among them, answer on.
func hostNames(ls []listener) hosts {
	h := hosts{name: "localhost"}
	if name, err := os.Hostname(); err == nil && name != "" {
		h.name = name
	}
	for _, l := range ls {
		for _, ap := range l.Addrs() {
			if !slices.Contains(h.ports, ap.Port()) {
				h.ports = append(h.ports, ap.Port())
			}
			addrs := []netip.Addr{ap.Addr()}
			if ap.Addr().IsUnspecified() {
				addrs = interfaceAddrs(ap.Addr().Is4())
			}
			for _, a := range addrs {
				if !slices.Contains(h.addrs, a) {
					h.addrs = append(h.addrs, a)
				}
			}
		}
	}
	slices.SortStableFunc(h.addrs, func(a, b netip.Addr) int {
		return nearness(a) - nearness(b)
	})
	return h
}

// nearness puts the addresses that a phone can use in front.
func nearness(a netip.Addr) int {
	switch {
	case a.IsLoopback():
		return 2
	case a.Is6():
		return 1
	default:
		return 0
	}
}

func interfaceAddrs(only4 bool) (addrs []netip.Addr) {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	for _, a := range all {
		p, err := netip.ParsePrefix(a.String())
		if err != nil {
			continue
		}
		addr := p.Addr().Unmap()
		// A link-local address means nothing without its zone, which no URI has.
		if addr.IsLinkLocalUnicast() || only4 && !addr.Is4() {
			continue
		}
		addrs = append(addrs, addr)
	}
	return addrs
}

// aliases lists what stands for this host in a URI: its names and addresses,
// bare and with each port.
func (h hosts) aliases() (list []string) {
	add := func(host string) {
		list = append(list, sip.HostPort{Host: host}.String())
		for _, port := range h.ports {
			list = append(list, net.JoinHostPort(host, strconv.Itoa(int(port))))
		}
	}
	add(h.name)
	add("localhost")
	for _, a := range h.addrs {
		add(a.String())
	}
	if h.advertised.Host != "" {
		add(h.advertised.Host)
		list = append(list, h.advertised.String())
	}
	return list
}

// isDomain tells whether sip.Domains can serve a name; what it cannot it leaves
// out.
func isDomain(name string) bool {
	_, err := sip.ParseHostPort(name)
	if err != nil {
		_, err = netip.ParseAddr(name) // IPv6 without brackets
	}
	return err == nil
}

// servedDomains makes the configured domains, or this host's name, with the
// host's own names and addresses as aliases of the first.
func servedDomains(names []string, h hosts) *sip.Domains {
	if len(names) == 0 {
		return sip.NewDomains(h.name, h.aliases()...)
	}
	aliases := h.aliases()
	for _, port := range h.ports {
		aliases = append(aliases, net.JoinHostPort(names[0], strconv.Itoa(int(port))))
	}
	aliases = slices.DeleteFunc(aliases, func(a string) bool { return slices.Contains(names[1:], a) })
	d := sip.NewDomains(names[0], aliases...)
	for _, name := range names[1:] {
		var withPorts []string
		for _, port := range h.ports {
			withPorts = append(withPorts, net.JoinHostPort(name, strconv.Itoa(int(port))))
		}
		d = d.With(name, withPorts...)
	}
	return d
}
