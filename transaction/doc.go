// Package transaction is SIP's transaction layer: the four machines of RFC 3261
// section 17 as RFC 6026 amends them, and the Endpoint that joins transports to
// a Handler.
//
// A server is a Handler, or a Mux of several, behind an Endpoint:
//
//	mux := transaction.NewMux()
//	mux.HandleFunc(sip.OPTIONS, func(ctx context.Context, req *sip.Request, tx *transaction.ServerTx) error {
//		return tx.Respond(sip.NewResponse(req, 200))
//	})
//	udp, err := transport.ListenUDP("0.0.0.0:5060")
//	if err != nil {
//		return err
//	}
//	return transaction.New().Serve(ctx, mux, udp)
//
// A client uses the same Endpoint: Do sends a request and waits for the
// response, Start tells each response to a function. Package
// transaction/dialog, on top, holds calls.
//
// # What the layer does by itself
//
// It retransmits and absorbs retransmissions; answers 100 to an INVITE that
// has had no answer for 150 ms, and to any other request once RFC 4320 wants it
// (3.5 s); acknowledges final responses other than 2xx
// and absorbs such ACKs; answers CANCEL, and tells the handler of the INVITE;
// answers what no element could process (400, 416, 505, 513 and the like) with
// a reason that names the field; refuses requests past its bounds with 503;
// turns errors and panics of handlers into responses; finds addresses, goes on
// to the next one when one fails, and answers digest challenges. A handler
// sees each request once, but for one that it turns away by a Refusal.
//
// It adds neither Server nor User-Agent, and changes nothing in a message but
// the Via on top, Request-URI and Route as its Target says, and credentials.
//
// # Goroutines, locks and ownership
//
// Every method may be called from any goroutine, from handlers and callbacks
// too, but for Close and Shutdown, which wait for these to return. Handlers and
// callbacks run on workers: goroutines that are used again, as many as there is
// work. None runs on the goroutine that reads a socket, nor under a lock, so
// they may block; WithMaxHandlers bounds handlers, and a transaction's events
// are told one at a time, so that at most one worker waits in each. A
// transaction that waits, for a response, an answer or a timer, holds no
// goroutine at all: a ringing call costs a few kilobytes.
//
// A request that is sent is copied first: the caller goes on with its own. A
// response given to Respond is written out before Respond returns. A request
// that came belongs to everybody and must not be changed; whoever wants to
// takes a Clone. A response in an Event belongs to the function that is told.
// ServerTx.Request and ClientTx.Request are to be read alone.
//
// Responses leave in the order of the calls to Respond, and events are told in
// the order in which responses came.
//
// # Limits
//
// Nothing that a stranger sends makes anything grow without bound.
// Transactions, the text that they keep, and handlers are bounded by options;
// past the bounds requests outside of dialogs are answered 503 with Retry-After,
// while those within (with a To tag) and BYE have a quarter more, and CANCEL always
// enters. A request that was refused stays refused for 64*T1, so that none of its
// repetitions starts a call that its client has given up. For that a quarter as
// many branches as WithMaxTransactions allows are remembered, from 1,024 up to
// 262,144, 16 octets each; past them a request is dropped without an answer. Up to
// 64 responses wait for a slow callback, up to 16 for a connection back to the
// client. Stats tells what was turned away, and why.
//
// # Covered
//
// RFC 3261 sections 8.1.2 (where a request goes; sips by TLS alone), 8.2.2.2
// (merged requests, for those who ask for it: RefuseMerged), 8.2.6 and 8.2.7 (the
// sending of responses), 9 (CANCEL, both roles), 12.2.1.1 and 16.6 items 6 and 7
// (strict routers), 16.11 (the branch of stateless forwarding), 17 (transactions,
// RFC 2543 matching included), 18.1.1 (long requests go by TCP), 18.1.2, 18.2.1
// and 18.2.2 (which response is ours, and the way back), 18.4 (errors of the
// transport), 21.5.4 (Retry-After of a 503), 22.2 (answering challenges). RFC 6026
// (2xx to INVITE). RFC 3581 (rport). RFC 3263 section 4.3 (an error of the
// transport, a timeout and a 503 lead to the next address). RFC 4320 sections 4.1
// (when a request other than INVITE has a 100, and that it has no other
// provisional response) and 4.2 (nor a 408).
//
// Timers A to K of RFC 3261 table 4, and L and M of RFC 6026; those that wait
// for retransmissions are zero over reliable transports. Each may be up to 10
// ms late.
//
// # Not covered
//
// Of section 18.2.2, a maddr in the Via of a request, and the server location of RFC
// 3263 section 5 where a response cannot be sent to the address that its request
// came from: either would let a stranger choose where our responses go. (Send does
// go by the Via of a response that it is given, but by maddr to a group alone.)
// Dialogs, and with them the repetition of 2xx and the ACK to one: see package
// transaction/dialog. Multicast requests. The element that forwards a CANCEL which
// matches no transaction (16.10): it is answered 481, and so is one for a request
// other than INVITE, where section 9.2 has a 200 without effect. That no ACK came
// for a final response (timer H) is not told. The MTU of a path is not measured
// (18.1.1).
package transaction
