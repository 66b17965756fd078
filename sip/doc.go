// Package sip holds SIP messages, URIs and header fields: parse, edit, write.
// It does no I/O and imports the standard library alone.
//
// # Messages
//
// Parse makes a Request or a Response of a datagram; a Framer cuts a stream into
// messages first. The datagram is copied once, into a string that never changes,
// and every field is a piece of it: what nobody edits is written byte for byte
// as it came, with its folds, its white space, compact names and fields that
// nobody has heard of.
//
// Nothing is parsed that nobody asks for. Header.Via, From, CSeq, Address and
// the like read a field when they are called, return a value that holds pieces
// of the same text, and allocate nothing; a field that is malformed is an error
// for whoever asks for it. Validate says whether those that every message needs
// are sound, and which response a request deserves if they are not.
//
// NewRequest, NewResponse, NewACK and NewCancel build messages. A message
// belongs to one goroutine at a time; Clone makes one for another.
//
// No value given to this package, in a field or in a start line, can end its
// line and begin a field of its own.
//
// # Grammar
//
// Covered: RFC 3261 sections 7 (messages, folding, comma lists, compact forms),
// 8.1.1, 8.2.6 and 9.1 (requests, responses and CANCEL), 17.1.1.3 and 13.2.2.4
// (ACK), 18.3 (framing), 19.1 (SIP and SIPS URIs, their comparison and escapes),
// 20 (the fields that its functions name) and 25 (grammar); RFC 3966 (tel URIs);
// RFC 4475 and RFC 5118 (what is liberal and what is refused); RFC 5626 section
// 3.5.1 (keep-alives on a stream); RFC 5954 (IPv6 in URIs and Via); RFC 3581
// (rport, as a parameter); RFC 2046 section 5.1 and RFC 5621 (multipart bodies);
// the fields of RFC 3262 (RAck, RSeq), RFC 3323 (Privacy), RFC 3326 (Reason),
// RFC 3891 (Replaces), RFC 4028 (Session-Expires, Min-SE) and RFC 6665 (Event,
// Subscription-State). Fields of addresses, such as Path, Refer-To,
// P-Asserted-Identity, Diversion and History-Info, are read by Header.Address,
// those of a value with parameters by Header.Item.
//
// Not covered: the content of bodies other than multiparts; the meaning of URIs
// other than sip, sips and tel; comparison of URI headers by the rules of each
// field; the grammar of credentials and challenges, which package digest reads.
//
// # Liberal where it is unambiguous
//
// A bare LF ends a line, and is written as CRLF. Host names may hold
// underscores. User parts and display names may hold visible octets that the
// grammar wants escaped or quoted, if nothing else can be meant. A Via parameter
// may hold an IPv6 address with or without brackets. A header field of a name
// that is not known may hold anything but line ends.
//
// Refused are, among others: more than one space in a start line, a Request-URI
// with headers, a CR or LF in the middle of a line, an address with white space
// in its angle brackets, an empty parameter, an IPv6 address with a zone.
package sip
