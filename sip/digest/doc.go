// Package digest is SIP digest authentication: challenge, verify, answer.
//
// A Server asks for credentials and verifies them; it keeps no state, since its
// nonces are signed. Answer gives a client's credentials. Most programs use
// both through package transaction: Authenticate and WithCredentials.
//
// Covered: RFC 3261 section 22 (401 and 407, several realms in one request,
// the rules of 22.4); RFC 7616 with qop=auth, for clients auth-int too, and the
// algorithms MD5, SHA-256 and SHA-512-256; the order of algorithms of RFC 8760; requests without qop as
// clients of RFC 2069 send them, with MD5 alone (RFC 3261 section 22.4).
//
// Not covered: qop=auth-int of servers, the -sess algorithms, userhash and username*
// (RFC 7616 sections 3.4.4 and 3.4), Authentication-Info, nextnonce, Basic.
//
// # Replays
//
// A nonce is good for one realm, for a limited time (WithNonceLifetime) and for
// any number of requests: nothing is kept, so nc is not counted. Who records a
// request can send the same method to the same digest uri again until the nonce
// has expired, five minutes by default. What keeps recordings from being made
// is TLS.
package digest
