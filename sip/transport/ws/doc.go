// Package ws carries SIP messages over WebSockets, which is how a web browser
// makes calls (RFC 7118). It is the one package of the SDK that imports net/http.
//
// Listen and ListenTLS make a transport with an HTTP server of its own; New and
// NewSecure one that is an http.Handler for a web server that is there already.
// Either is given to transaction.Endpoint.Serve like any other transport.
//
// A browser is reached over its connection alone: the transport dials nobody. So
// a registrar has to keep the flow of each binding, as package registrar does.
//
// # Covered
//
//   - RFC 7118: the sip subprotocol, which clients must ask for (section 4); one
//     message in a text or binary message of WebSocket, without Content-Length if
//     need be (section 5); received and rport on the made-up sent-by of browsers;
//     keep-alive by ping and by CRLF (section 6)
//   - RFC 6455: version 13; the Origin check of section 10.2 (WithOrigins);
//     closing with 1001 at the end, 1002 for broken rules, 1007 for text that is
//     no UTF-8, 1009 for a message beyond the limit
//
// # Not covered
//
//   - RFC 7692: compression is never agreed on
//   - RFC 8441: WebSockets over HTTP/2
//   - RFC 7118 as a client: other SIP servers are reached by TLS
//   - RFC 7118 section 7: authentication by cookies or HTTP headers, which the web
//     server in front of the handler can do
package ws
