package transaction

import "github.com/patchbay-sip/patchbay/sip"

// A ClientTx is a request that Start sends: a client transaction (RFC 3261
// section 17.1), or one after another where an address failed or a challenge
// was answered. Its methods may be called from several goroutines.
type ClientTx struct{}

// Cancel is the end of Start's ctx by another name.
func (tx *ClientTx) Cancel() { panic("stub") }

// Request is the request as it was sent, Via included. It must not be changed.
func (tx *ClientTx) Request() *sip.Request { panic("stub") }

// An Event is what a client transaction tells: a response or an error.
type Event struct {
	Response *sip.Response
	Err      error
	// Flow is the one that the response came on.
	Flow sip.Flow
	// Last tells that no other event follows, but for further 2xx to an INVITE.
	Last bool
}
