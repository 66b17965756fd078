package main

import (
	"fmt"
	"net"
	"strconv"
	"strings"
)

// greeting is what the start-up text tells.
type greeting struct {
	listeners []listener
	hosts     hosts
	domains   []string
	access    accessKind
	users     int
	openRelay bool
	trace     string // a file; empty: none
}

// text is what the operator reads when the server starts.
func (g greeting) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n", version())
	for _, l := range g.listeners {
		for _, addr := range l.Addrs() {
			fmt.Fprintf(&b, "  listening on  %s %s\n", l.name, addr)
		}
	}
	server := g.server()
	if len(g.domains) > 0 {
		fmt.Fprintf(&b, "  serving       %s, and this host's own addresses\n", strings.Join(g.domains, ", "))
		fmt.Fprintf(&b, "  phones        register as NAME@%s, with %s as proxy if that name does not lead here\n", g.domains[0], server)
	} else {
		fmt.Fprintf(&b, "  serving       every name and address of this host (%s, ...)\n", g.hosts.name)
		fmt.Fprintf(&b, "  phones        register as NAME@%s and call one another as NAME\n", server)
	}
	switch g.access {
	case byPassword:
		fmt.Fprintf(&b, "  passwords     needed; users: %d\n", g.users)
		if g.users == 0 {
			b.WriteString("                nobody can register yet: add --user NAME:PASSWORD or --users-file FILE\n")
		}
	case nearOnly:
		b.WriteString("  passwords     none yet, so only phones on this host's own networks are served;\n" +
			"                to serve others add --user NAME:PASSWORD or --users-file FILE\n")
	case everybody:
		b.WriteString("  passwords     OFF: anybody who can reach this port may register as anyone\n")
	}
	if g.hosts.advertised.Host != "" {
		fmt.Fprintf(&b, "  advertised    %s, to whoever is not on this host's own networks\n", g.hosts.advertised)
	}
	if g.trace != "" {
		fmt.Fprintf(&b, "  trace         every message is written to %s; whoever reads that can guess passwords\n", g.trace)
	}
	if g.openRelay {
		b.WriteString("  open relay    ON: anybody may send calls through this server to anywhere\n")
	}
	b.WriteByte('\n')
	return b.String()
}

// server is how a phone's settings would name this server.
func (g greeting) server() string {
	host, port := g.hosts.name, uint16(5060)
	if len(g.hosts.addrs) > 0 {
		host = g.hosts.addrs[0].String()
	}
	if len(g.hosts.ports) > 0 {
		port = g.hosts.ports[0]
	}
	if port == 5060 {
		return host
	}
	return net.JoinHostPort(host, strconv.Itoa(int(port)))
}
