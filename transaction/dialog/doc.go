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
// To say no, the handler returns a *sip.StatusError, 486 for instance. A program
// that ends hangs up by Set.Shutdown, and then shuts the Endpoint down.
//
// # Before the answer
//
// A phone that rings makes an early dialog. The callee sends 18x by Progress, and
// gets the dialog from it; the caller gets one for each phone that rings by
// OnEarly. Within it requests go both ways, UPDATE with a new offer for instance,
// by Do and OnRequest. Progress is reliable where the caller takes it, and Invite
// sends PRACK by itself; a handler that promises to use Progress may be called by
// those who insist on that:
//
//	phone := dialog.NewSet(ep, mux, dialog.WithExtensions("100rel"))
//
// An INVITE without an offer brings one back; OnOffer answers it, in PRACK or ACK.
//
// # Calls that outlive a phone
//
// Session timers end a call whose other end has gone without a word. A Set goes
// along with what the other end asks for, refreshes sessions and answers
// refreshes, without the program noticing; WithSessionTimer has it ask by itself.
//
// A phone registers with a REGISTER sent by transaction.Endpoint.Do, with
// transaction.FillContact for its Contact; the credentials of
// transaction.WithCredentials answer the challenge. The example of the package
// is such a phone as a whole.
//
// # Goroutines and ownership
//
// Every method may be called from any goroutine, from handlers and callbacks
// too. Invite, Do and Bye wait for the other end; nothing else does. A call holds
// no goroutine, whether it rings or was answered, and no runtime timer.
//
// OnRequest's function and the handlers behind a Set run on workers, several at
// once, even for one dialog. OnProvisional's, OnEarly's and OnOffer's run on a
// worker too, one at a time for each INVITE: while one runs, further responses to
// that INVITE wait. None runs under a lock, so all of them may call anything of
// this package. That includes Bye, Do and Invite, which hold up what comes next
// while they wait.
//
// Requests and responses are copied when they are sent: the caller goes on with
// its own. Accept and Progress fill in Contact, Allow and Supported in the
// response that they are given. What a Dialog gives out (Request, Response, ACK)
// and what a handler is given belongs to everybody and must not be changed. A
// response that Do returns or that OnProvisional is told is the program's to read;
// a Dialog may have it as well.
//
// # Covered
//
// RFC 3261 sections 12 (dialogs, early and confirmed: state, route set, remote
// target, requests within them, their end), 13 (INVITE: the 2xx and its ACK on
// both sides, offers in INVITE and in 2xx, several answers from forks), 14
// (re-INVITE, sent with Do, answered with OnRequest and Dialog.Accept; one at a
// time, others being answered 491 or 500; another try after a 491), 15 (BYE, in
// early dialogs too). RFC 3262 (reliable provisional responses and PRACK, both
// roles). RFC 3311 (UPDATE, both roles, with section 5's rules for those that
// cross). RFC 4028 sections 4, 5, 7, 9 and 10 (session timers, both roles, 422
// and Min-SE).
//
// # Not covered
//
// Offers of ours in PRACK; a proxy's part in session timers (RFC 4028 section 8).
// Expires in an INVITE, which is the handler's. The usages of REFER and SUBSCRIBE.
package dialog
