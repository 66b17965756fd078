package transaction

import (
	"context"

	"github.com/patchbay-sip/patchbay/sip"
)

// A Handler answers requests.
//
// ServeSIP is called on a worker goroutine, for each new request that is no
// retransmission and no CANCEL, and for each ACK to a 2xx (whose tx cannot
// respond). It answers by tx.Respond, or by returning an error: a
// *sip.StatusError becomes the response that it describes; any other error, a
// panic, and a return without an answer become a 500; 408 to a request other than INVITE means no answer at all (RFC
// 4320). After an answer an error
// is only logged.
//
// req has passed sip.Request.Validate; what it Requires, and its Max-Forwards,
// are for the handler to judge. It may be read by anybody at any time and must
// not be changed: a Middleware that wants to passes a Clone on. Handlers of
// several requests run at once, even of requests that came over one connection.
// But a request that was read behind an ACK of its call (Call-ID) waits until the
// handler of the ACK has returned: an ACK has no answer, so that a BYE or a
// re-INVITE may follow at once, and must not overtake it.
//
// ctx has the values of the ctx that was given to Serve. It ends when the
// handler has returned and the request has its final response, when CANCEL
// comes, and when the transaction gives up or the Endpoint is closed;
// context.Cause is ErrCanceled after a CANCEL, ErrTimeout, or ErrClosed. A
// handler that returns after a CANCEL without an answer, be it with an error
// that matches ErrCanceled or context.Canceled, has answered 487.
//
// A handler that has more to do after it returns calls tx.Detach, and answers
// later from wherever it likes: a call that rings holds no goroutine.
type Handler interface {
	ServeSIP(ctx context.Context, req *sip.Request, tx *ServerTx) error
}

// HandlerFunc is a function as a Handler.
type HandlerFunc func(ctx context.Context, req *sip.Request, tx *ServerTx) error

// ServeSIP calls f.
func (f HandlerFunc) ServeSIP(ctx context.Context, req *sip.Request, tx *ServerTx) error {
	return f(ctx, req, tx)
}

// Middleware wraps a Handler.
type Middleware func(Handler) Handler

// Chain wraps h so that the first of mw sees a request first.
func Chain(h Handler, mw ...Middleware) Handler {
	for i := len(mw) - 1; i >= 0; i-- {
		h = mw[i](h)
	}
	return h
}
