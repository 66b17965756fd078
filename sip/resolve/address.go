package resolve

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"github.com/patchbay-sip/patchbay/sip"
)

// A site is a server and what is known, or being found out, of its addresses.
type site struct {
	server
	fixed []netip.Addr          // from WithHosts
	looks [2]*entry[netip.Addr] // by family
}

// hops returns the addresses of servers, in the order of the servers, those of
// one server together (RFC 7984 section 4.1). The error says why there are none, or
// not all.
func (r *Resolver) hops(w *waiter, t target, servers []server) ([]sip.Hop, error) {
	w.begin()
	var sites [maxServers]site
	var failed error
	for i, s := range servers {
		sites[i].server = s
		if sites[i].fixed = r.hosts[s.host]; sites[i].fixed != nil {
			continue
		}
		for f, c := range r.addrs {
			e, err := c.ask(question{name: s.host}, w.now)
			failed = cmp.Or(failed, err)
			sites[i].looks[f] = e
		}
	}
	n := 0
	for i := range servers {
		failed = cmp.Or(failed, sites[i].wait(w))
		for range sites[i].addrs {
			n++
		}
	}
	hops := make([]sip.Hop, 0, min(n, maxHops))
	for i := range servers {
		for addr := range sites[i].addrs {
			h := sites[i].hop(t, addr)
			if !addr.IsValid() || slices.Contains(hops, h) {
				continue
			}
			if hops = append(hops, h); len(hops) == maxHops {
				return hops, nil
			}
		}
	}
	if len(hops) == 0 && failed == nil {
		failed = fmt.Errorf("%w: %s", ErrNoAddress, t.host)
	}
	return hops, failed
}

// wait waits until all is known of the site, or the waiter has enough.
func (s *site) wait(w *waiter) (failed error) {
	if len(s.fixed) > 0 {
		w.hurry()
		return nil
	}
	for {
		var open [2]*pending
		for i, e := range s.looks {
			switch {
			case e == nil:
			case !e.isDone():
				open[i] = &e.pending
			case len(e.records) > 0:
				w.hurry()
			default:
				failed = cmp.Or(failed, e.err)
			}
		}
		if open[0] == nil && open[1] == nil {
			return failed
		}
		if err := w.wait(open[0], open[1]); err != nil {
			return cmp.Or(failed, err)
		}
	}
}

// addrs yields the addresses that are known.
func (s *site) addrs(yield func(netip.Addr) bool) {
	for _, addr := range s.fixed {
		if !yield(addr) {
			return
		}
	}
	for _, e := range s.looks {
		if e == nil || !e.isDone() {
			continue
		}
		for _, addr := range e.records {
			if !yield(addr) {
				return
			}
		}
	}
}
