package transaction

import (
	"errors"
	"net"
)

// Errors.
var (
	// ErrTimeout: no response came in time (timer B or F), or none that ended
	// an INVITE after CANCEL or after Timers.Ringing.
	ErrTimeout = errors.New("transaction: no response in time")
	// ErrCanceled is the context.Cause of a handler's ctx once CANCEL came.
	ErrCanceled = errors.New("transaction: canceled by the caller")
	// ErrAnswered: Respond came after a final response.
	ErrAnswered = errors.New("transaction: already has a final response")
	// ErrStatus: a request other than INVITE has no provisional response but 100,
	// and never a 408 (RFC 4320 sections 4.1 and 4.2).
	ErrStatus = errors.New("transaction: this status does not answer a request other than INVITE")
	// ErrNoTransaction: an ACK has no response.
	ErrNoTransaction = errors.New("transaction: an ACK has no response")
	// ErrTerminated: Respond came after the transaction's end.
	ErrTerminated = errors.New("transaction: has ended")
	// ErrNoTransport: no transport that was given to Serve reaches the target.
	ErrNoTransport = errors.New("transaction: no transport for this network")
	// ErrNotSecure: a request for a sips URI was to go over a flow without TLS (RFC
	// 3261 section 8.1.2).
	ErrNotSecure = errors.New("transaction: a sips request needs TLS")
	// ErrMethod: ACK and CANCEL are not for Start and Do: an ACK to a 2xx goes
	// out by Send, a CANCEL by the end of Start's ctx or ClientTx.Cancel.
	ErrMethod = errors.New("transaction: this method has no client transaction of its own")
	// ErrOverloaded: as many transactions as WithMaxTransactions allows exist.
	ErrOverloaded = errors.New("transaction: too many transactions")
	// ErrServing: Serve was called before.
	ErrServing = errors.New("transaction: Serve was called before")
	// ErrClosed: the Endpoint was closed. It matches net.ErrClosed.
	ErrClosed error = closedError("transaction: endpoint is closed")
)

type closedError string

func (e closedError) Error() string        { return string(e) }
func (e closedError) Is(target error) bool { return target == net.ErrClosed }
