// Package dialog holds calls: the dialogs of a user agent (RFC 3261 section
// 12) on top of package transaction. With it a program is a phone.
//
// A Set stands between an Endpoint and the program's own Handler:
//
//	ep := transaction.New(transaction.WithCredentials(password))
//	phone := dialog.NewSet(ep, mux)
//	go ep.Serve(ctx, phone, udp)
//
// To ring somebody, make an INVITE with an SDP offer. Invite returns when the
// call was answered, with the ACK sent; the end of its ctx cancels the call:
//
//	invite := sip.NewRequest(sip.INVITE, bob, me, sip.Address{URI: bob})
//	invite.SetBody("application/sdp", offer)
//	call, err := phone.Invite(ctx, invite, sip.Target{})
//	if err != nil {
//		return err // a *dialog.RejectedError tells that bob is busy
//	}
//	answer := call.Response().Body()
//
// To be rung, answer INVITE in the mux: with 180 first if somebody has to be
// asked, then with Accept, which repeats the 200 until ACK comes:
//
//	mux.HandleFunc(sip.INVITE, func(ctx context.Context, req *sip.Request, tx *transaction.ServerTx) error {
//		ok := sip.NewResponse(req, 200)
//		ok.SetBody("application/sdp", answer)
//		call, err := phone.Accept(tx, ok)
//		...
//	})
//
// Either side ends a call by Bye, and learns from Done that the other one has.
// To say no, the handler returns a *sip.StatusError, 486 for instance.
//
// A phone registers with a REGISTER sent by transaction.Endpoint.Do, with
// transaction.FillContact for its Contact; the credentials of
// transaction.WithCredentials answer the challenge. The example of the package
// is such a phone as a whole.
//
// # Goroutines and ownership
//
// Every method may be called from any goroutine, from handlers and callbacks
// too. Invite, Do and Bye wait for the other end. A call that was answered holds
// no goroutine.
//
// Requests and responses are copied when they are sent. Those that a Dialog
// gives out (Request, Response) are to be read alone.
//
// # Covered
//
// RFC 3261 sections 12 (dialogs: state, requests within them, their end), 13
// (INVITE: the 2xx and its ACK on both sides, several answers from forks), 14
// (re-INVITE, offered with Do, answered with OnRequest and Dialog.Accept; one at a
// time, others being answered 491 or 500), 15
// (BYE).
//
// # Not covered
//
// Early dialogs: a request within one is answered 481. Reliable provisional
// responses (RFC 3262), UPDATE before the answer (RFC 3311), session timers
// (RFC 4028), another try after a 491, offers in a 2xx: an INVITE has to carry
// one. The 1xx that is due each minute while a phone rings (section 13.3.1.1),
// and Expires in an INVITE: those are the handler's. The usages of REFER and SUBSCRIBE.
package dialog
