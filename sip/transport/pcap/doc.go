// Package pcap writes the SIP messages that a [transport.Tap] shows as a file for
// Wireshark, tshark, sngrep or whatever else reads pcapng: as packets that look
// as if they had been captured on the wire, but with TLS and WebSocket taken off.
//
// Create makes a file that cannot fill the disk; NewWriter writes to anything.
//
// # Secrets
//
// A trace shows what the transports carry: the hashes of passwords in
// Authorization, which can be guessed at leisure, the keys of SRTP in SDP, who
// called whom, and the text of every MESSAGE. Create lets nobody but the owner
// read its files. Keep them so.
//
// # What is in a packet
//
// A message over UDP is a datagram with the addresses and ports of its flow. A
// message over any other network is a TCP segment, because that is how Wireshark
// and sngrep tell it from one over UDP and show a message of any length whole. It
// is cut at 64 KiB, and its sequence numbers continue those of the same two
// addresses and ports: each connection is a sound stream to Wireshark, though
// without a handshake, and without the messages that the tap dropped.
//
// Of TLS, WS and WSS the lower port of the two, which is the server's, becomes
// 5060: on a port of HTTP, for one, Wireshark would look for that and find no SIP.
// A comment names the true flow then, so that the display filter frame.comment
// contains "wss" finds them. Another comment says of a message that the parser has
// refused why that was. The direction is in frame.packet_flags_direction.
//
// # Covered
//
//   - pcapng (draft-ietf-opsawg-pcapng): section header, interface description and
//     enhanced packet blocks; link type RAW, time in nanoseconds
//   - IPv4 (RFC 791), IPv6 (RFC 8200), UDP (RFC 768) and TCP (RFC 9293) headers with
//     their checksums
//
// # Not covered
//
//   - the older pcap format; `tshark -F pcap -r FILE -w OTHER` makes it
//   - what the tap does not show: keep-alives, STUN, handshakes, the ends of
//     connections
package pcap
