package resolve

import (
	"fmt"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// unsaidTTL is how long nothing holds that comes without a SOA record. RFC 2308
// section 5 would not have it remembered, lest servers that ask one another keep
// it alive; nobody asks us, and stub resolvers leave the record out.
const unsaidTTL = 10 * time.Second

// parse reads an answer to a question. An error that matches errStrange is for
// what need not be of the server (RFC 5452 section 9.1).
func parse(b []byte, question *dns.Msg) (*dns.Msg, error) {
	m := new(dns.Msg)
	err := m.Unpack(b)
	q := question.Question[0]
	if m.Id != question.Id || !m.Response || m.Opcode != dns.OpcodeQuery || len(m.Question) != 1 ||
		m.Question[0].Qtype != q.Qtype || m.Question[0].Qclass != q.Qclass || !isSame(m.Question[0].Name, q.Name) {
		return nil, errStrange
	}
	if err != nil && !m.Truncated {
		return nil, fmt.Errorf("%w: %w", errMalformed, err)
	}
	return m, nil
}

// read takes from an answer the records of a name, or those at the end of its
// aliases. Where the chain leaves the message without a word of its end, alias is
// the name to ask for, and the TTL that of the chain.
func read[R any](m *dns.Msg, name string, as func(dns.RR) (R, bool)) (answer Answer[R], alias string, err error) {
	owner := name
	answer.TTL = maxTTL
	for range maxAliases {
		next := ""
		for _, rr := range m.Answer {
			h := rr.Header()
			if h.Class != dns.ClassINET || !isSame(h.Name, owner) {
				continue
			}
			if cname, ok := rr.(*dns.CNAME); ok {
				next = cname.Target
				answer.TTL = min(answer.TTL, ttlOf(h.Ttl))
			} else if record, ok := as(rr); ok {
				answer.Records = append(answer.Records, record)
				answer.TTL = min(answer.TTL, ttlOf(h.Ttl))
			}
		}
		if len(answer.Records) > 0 {
			return answer, "", nil
		}
		if next == "" {
			answer.TTL, alias = nothing(m, name, owner, answer.TTL)
			return answer, alias, nil
		}
		owner = next
	}
	return Answer[R]{}, "", errAliases
}

// nothing tells how long it holds that there are no records at the end of a
// chain, or which name to ask for.
func nothing(m *dns.Msg, name, owner string, chain time.Duration) (ttl time.Duration, alias string) {
	for _, rr := range m.Ns {
		// RFC 2308 section 5: the lesser of the record's TTL and its last field.
		if soa, ok := rr.(*dns.SOA); ok && dns.IsSubDomain(soa.Hdr.Name, owner) {
			return min(chain, ttlOf(soa.Hdr.Ttl), ttlOf(soa.Minttl)), ""
		}
	}
	if m.Rcode == dns.RcodeSuccess && !isSame(owner, name) {
		return chain, dns.CanonicalName(owner)
	}
	return min(chain, unsaidTTL), ""
}

// ttlOf reads a TTL; one with the highest bit set is 0 (RFC 2181 section 8).
func ttlOf(seconds uint32) time.Duration {
	if seconds > 1<<31-1 {
		return 0
	}
	return time.Duration(seconds) * time.Second
}

// isSame compares absolute names.
func isSame(a, b string) bool { return strings.EqualFold(a, b) }
