// Package transport carries SIP messages over UDP, TCP and TLS, and package ws,
// below it, over WebSockets: it frames and parses what comes in, names the path of
// each message by a [sip.Flow], and sends along such paths.
//
// A program makes transports with ListenUDP, ListenTCP and ListenTLS, or with
// NewUDP, NewTCP and NewTLS on sockets of its own, and gives them to
// transaction.Endpoint.Serve. Only who writes something in the place of the
// transaction layer implements Sink and calls the methods of Transport.
//
// WithSources says who may send, and how much. WithTap shows each message to the
// program, for a trace; package pcap writes one for Wireshark.
//
// # Concurrency
//
// Every method may be called from several goroutines at once, but Close not
// from a Sink's methods, since it waits for them. A Sink is called on the
// goroutine that reads: one for each UDP socket (see WithSockets) and one for
// each TCP connection, so that messages of one peer come in the order in which
// they arrived. Send never waits for a peer: what a TCP connection cannot take at
// once is queued, up to a bound, and written by a goroutine of the connection.
// Constructors start nothing; Close waits for every goroutine.
//
// # Covered
//
//   - RFC 3261 section 18: 18.1.1 (sent-by; reuse of connections), 18.2.1
//     (received), 18.2.2 (responses over the connection of the request), 18.3
//     (framing by Content-Length), 18.4 (errors are told, ICMP's on Linux);
//     section 7.5 (CRLF in front of a message)
//   - RFC 3581 section 4: rport
//   - RFC 5626 sections 3.5.1 and 4.4.1: CRLF keep-alive on streams, both ways;
//     section 8: STUN on the SIP port, by a responder that is given (WithSTUN)
//   - RFC 3261 section 26.2.1, RFC 5922 section 7, RFC 8996: TLS 1.2 and later,
//     with the names of certificates verified as SIP wants it
//   - RFC 5923 section 9.1: a connection is used for the names alone that its
//     certificate was verified for
//
// # Not covered
//
//   - RFC 3261 section 18.1.1: switching to TCP for large requests
//     (UDP.RequestLimit says which they are) and the choice of a transport
//     belong to the layer above; so does 18.2.2's choice of an address for a
//     response whose connection is gone
//   - multicast (maddr, ttl), SCTP
//   - RFC 5626 section 4.4.1: the time within which a pong must come
//   - RFC 5923: the alias parameter, by which a connection from a peer would serve
//     for the address in its Via. Without a certificate that address is a mere
//     claim; phones are reached over their own flows instead (see OnlyByFlow)
//   - RFC 5924: the extended key usage of SIP domains
//   - RFC 3261 section 26.2.1: TLS_RSA_WITH_AES_128_CBC_SHA, which RFC 9325 forbids
//     and crypto/tls no longer offers by itself; tls.Config.CipherSuites may
package transport
