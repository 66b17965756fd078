// Package resolve finds the addresses that a request for a SIP URI can be sent
// to, in the order in which they are to be tried.
//
// Covered:
//
//   - RFC 3263 section 4.1: the transport, from the URI, NAPTR records or the SRV
//     records that there are; section 4.2: address and port, from SRV records in
//     the order of RFC 2782, from A and AAAA records where there are none; section
//     4.3: all servers of a domain as one list, and Failed for those that did not
//     answer; section 5: ResolveVia, for responses.
//   - RFC 3261 section 19.1.1: maddr; section 26.2.2: sips is TLS, or WebSocket
//     over TLS, and nothing else.
//   - RFC 7118: ws and wss, by transport parameter or NAPTR. It defines no SRV
//     name, so that without NAPTR they are found by address records.
//   - RFC 7984: A and AAAA of each server, the addresses of one server together.
//   - RFC 2308 and RFC 9520: that something does not exist, or could not be found
//     out, is remembered, too.
//   - RFC 6761: nothing is looked up below "invalid".
//
// Not covered:
//
//   - SCTP, and DTLS under SIP.
//   - RFC 3263 section 4.4: a stateless proxy would have to draw the same server by
//     weight for each retransmission. Each call draws anew.
//   - NAPTR records that end in addresses (flag a) or rewrite the name (no flag,
//     or a regexp): RFC 3263 asks for flag s.
//   - RFC 6724: the order of address families is WithFamilies', and not derived
//     from the addresses of this host.
//   - DNSSEC. Whoever needs it asks a validating name server on the same host.
//   - RFC 8767: an answer whose TTL has passed is not used while the name servers
//     are down.
//
// # Waiting
//
// A numeric host, a name of WithHosts and everything that is remembered are
// found at once. All else waits for a name service, each lookup for a bounded
// time (WithTimeout), at most so many calls and so many lookups at once
// (WithMaxWaiting), no name for more than a quarter of them. Lookups of one name
// are joined. A lookup that was begun runs on when its callers have given up, so
// that they find an answer the next time; Close ends it.
package resolve
