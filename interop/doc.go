// Package interop calls a running softswitch with real programs: SIPp, sipsak
// and baresip, with TLS by baresip itself, by stunnel and by openssl, and with the
// WebSocket of a web page; tshark reads what it has traced. It holds nothing but
// tests, behind the build tag interop:
//
//	make interop
//
// builds examples/softswitch once and starts it anew for each test, on an
// address of its own in 127.0.0.0/8; examples/echo and examples/b2bua are called as
// well. The peers must be installed; one that is
// missing fails the tests. On Debian they are in the packages sip-tester,
// sipsak, baresip-core, stunnel4, openssl and tshark.
//
// One test needs no peer, but real sockets and a minute: that calls go on at their
// usual speed while a name server, or a peer of other calls, keeps silent.
//
// # What the peers cannot do
//
// These are facts about the programs as Debian 12 has them, and each of them
// shapes a test here:
//
//   - baresip 1.0.0 gives up on a 401 or 407 in which any challenge has an
//     algorithm other than MD5, whatever the order: to register it, a server
//     offers MD5 alone.
//   - SIPp 3.6.1 and sipsak 0.9.8.1 look at the first challenge only, and know
//     MD5 alone.
//   - SIPp puts the server's address and port into the uri of its credentials,
//     whatever the Request-URI is; its option -auth_uri sets another one for a
//     whole run.
//   - SIPp is built without TLS, so stunnel stands between it and softswitch.
//   - baresip connects from whatever address the system chooses, and has no
//     certificate: over TLS, nothing can be sent to the address that it gives.
//   - sipsak cuts port numbers of five digits to four.
package interop
