package resolve

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"
)

const (
	// firstTry is how long a name server has to answer at first; each round over
	// the servers doubles it.
	firstTry = time.Second
	// udpSize is the size of answers that is offered over UDP, which no path breaks
	// into fragments; a longer one comes over TCP.
	udpSize = 1232
	// maxAnswer bounds an answer over TCP.
	maxAnswer = 16 << 10
	// maxAliases bounds a chain of CNAME records.
	maxAliases = 8
)

var (
	errNoServer  = errors.New("no name server")
	errAliases   = errors.New("too many aliases")
	errTooLong   = fmt.Errorf("answer of more than %d bytes", maxAnswer)
	errMalformed = errors.New("malformed answer")
	errStrange   = errors.New("answer to another question")
)

// A DialFunc connects a socket, as (*net.Dialer).DialContext does. network is
// "udp" or "tcp", address an IP address and a port.
type DialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// A Client is a Lookup that asks recursive name servers (RFC 1035, RFC 6891).
//
// The servers are asked in turn, first the one that answered last, each for a
// second in the first round, two in the next, until ctx ends. One that refuses or
// fails is not waited for; when all do, the lookup fails. Each question has a
// socket and a number of its own; what answers another question is not listened
// to, and records of names that were not asked for, additional ones too, are not
// used. A truncated answer is fetched over TCP, where 16 KiB are the most.
type Client struct {
	dial    DialFunc
	servers []netip.AddrPort
	last    atomic.Uint32 // the server that answered
}

var _ Lookup = (*Client)(nil)

// NewClient makes a Client. With dial nil, a net.Dialer connects.
func NewClient(dial DialFunc, servers ...netip.AddrPort) *Client {
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	return &Client{dial: dial, servers: append([]netip.AddrPort(nil), servers...)}
}

// LookupNAPTR looks NAPTR records up.
func (c *Client) LookupNAPTR(ctx context.Context, name string) (Answer[NAPTR], error) {
	return lookup(ctx, c, name, dns.TypeNAPTR, func(rr dns.RR) (NAPTR, bool) {
		n, ok := rr.(*dns.NAPTR)
		if !ok {
			return NAPTR{}, false
		}
		return NAPTR{n.Order, n.Preference, n.Flags, n.Service, n.Regexp, n.Replacement}, true
	})
}

// LookupSRV looks SRV records up.
func (c *Client) LookupSRV(ctx context.Context, name string) (Answer[SRV], error) {
	return lookup(ctx, c, name, dns.TypeSRV, func(rr dns.RR) (SRV, bool) {
		s, ok := rr.(*dns.SRV)
		if !ok {
			return SRV{}, false
		}
		return SRV{s.Priority, s.Weight, s.Port, s.Target}, true
	})
}

// LookupAddr looks A records up, or AAAA for IPv6.
func (c *Client) LookupAddr(ctx context.Context, family Family, name string) (Answer[netip.Addr], error) {
	if family == IPv6 {
		return lookup(ctx, c, name, dns.TypeAAAA, func(rr dns.RR) (netip.Addr, bool) {
			a, ok := rr.(*dns.AAAA)
			if !ok {
				return netip.Addr{}, false
			}
			return netip.AddrFromSlice(a.AAAA.To16())
		})
	}
	return lookup(ctx, c, name, dns.TypeA, func(rr dns.RR) (netip.Addr, bool) {
		a, ok := rr.(*dns.A)
		if !ok {
			return netip.Addr{}, false
		}
		return netip.AddrFromSlice(a.A.To4())
	})
}

// lookup asks for a name, and for what it is an alias of where the servers leave
// that to their client.
func lookup[R any](ctx context.Context, c *Client, name string, qtype uint16, as func(dns.RR) (R, bool)) (Answer[R], error) {
	owner := dns.CanonicalName(name)
	if _, ok := dns.IsDomainName(owner); !ok {
		return Answer[R]{TTL: maxNegative}, nil // no server has it, or could be asked
	}
	ttl := maxTTL
	for range maxAliases {
		m, err := c.ask(ctx, dns.Question{Name: owner, Qtype: qtype, Qclass: dns.ClassINET})
		if err != nil {
			return Answer[R]{}, err
		}
		answer, alias, err := read(m, owner, as)
		answer.TTL = min(answer.TTL, ttl)
		if err != nil || alias == "" {
			return answer, err
		}
		owner, ttl = alias, answer.TTL
	}
	return Answer[R]{}, errAliases
}

// ask puts a question to the servers, until one answers.
func (c *Client) ask(ctx context.Context, q dns.Question) (*dns.Msg, error) {
	failed := errNoServer
	first := c.last.Load()
	n := uint32(len(c.servers))
	for patience := firstTry; ; patience *= 2 {
		silent := false
		for i := range n {
			at := (first + i) % n
			m, err := c.try(ctx, c.servers[at], q, patience)
			if err == nil {
				c.last.Store(at)
				return m, nil
			}
			if ctx.Err() != nil {
				return nil, fmt.Errorf("%w (%w)", ctx.Err(), err)
			}
			failed = err
			silent = silent || errors.Is(err, context.DeadlineExceeded)
		}
		if !silent {
			return nil, failed
		}
	}
}

// try asks one server over UDP, and over TCP if the answer does not fit.
func (c *Client) try(ctx context.Context, server netip.AddrPort, q dns.Question, patience time.Duration) (*dns.Msg, error) {
	m, err := c.exchange(ctx, "udp", server, q, patience)
	if err == nil && m.Truncated {
		m, err = c.exchange(ctx, "tcp", server, q, patience)
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("name server %s: %w", server, err)
	case m.Rcode != dns.RcodeSuccess && m.Rcode != dns.RcodeNameError:
		return nil, fmt.Errorf("name server %s: %s", server, dns.RcodeToString[m.Rcode])
	}
	return m, nil
}

// exchange sends a question and reads the answer.
func (c *Client) exchange(ctx context.Context, network string, server netip.AddrPort, q dns.Question, patience time.Duration) (*dns.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	m := &dns.Msg{Question: []dns.Question{q}}
	m.Id = dns.Id()
	m.RecursionDesired = true
	m.SetEdns0(udpSize, false)
	b, err := m.Pack()
	if err != nil {
		return nil, err
	}
	conn, err := c.dial(ctx, network, server.String())
	if err != nil {
		return nil, ended(ctx, err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	if network == "tcp" {
		m, err = overTCP(conn, m, b)
	} else {
		m, err = overUDP(conn, m, b)
	}
	return m, ended(ctx, err)
}

// ended returns the error of a context that has ended for one that came of it.
func ended(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// overUDP reads past datagrams that answer something else: anybody can send one.
func overUDP(conn net.Conn, question *dns.Msg, b []byte) (*dns.Msg, error) {
	if _, err := conn.Write(b); err != nil {
		return nil, err
	}
	buf := make([]byte, udpSize+1)
	for {
		n, err := conn.Read(buf)
		if err != nil {
			return nil, err
		}
		m, err := parse(buf[:n], question)
		if !errors.Is(err, errStrange) {
			return m, err
		}
	}
}

// overTCP writes and reads messages behind their length (RFC 1035 section 4.2.2).
func overTCP(conn net.Conn, question *dns.Msg, b []byte) (*dns.Msg, error) {
	if _, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...)); err != nil {
		return nil, err
	}
	var length [2]byte
	if _, err := io.ReadFull(conn, length[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint16(length[:])
	if n > maxAnswer {
		return nil, errTooLong
	}
	b = make([]byte, n)
	if _, err := io.ReadFull(conn, b); err != nil {
		return nil, err
	}
	return parse(b, question)
}
