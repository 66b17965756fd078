package dialog

import (
	"errors"
	"fmt"

	"github.com/patchbay-sip/patchbay/sip"
)

// Errors.
var (
	// ErrEnded: the dialog has ended, so nothing can be sent within it.
	ErrEnded = errors.New("dialog: has ended")
	// ErrNoACK is why a dialog ended whose 2xx was never acknowledged.
	ErrNoACK = errors.New("dialog: no ACK came")
	// ErrNoPRACK is why an early dialog ended whose reliable provisional response
	// was never acknowledged.
	ErrNoPRACK = errors.New("dialog: no PRACK came")
	// ErrExpired is why a dialog ended whose session was not refreshed in time.
	ErrExpired = errors.New("dialog: session has expired")
	// ErrElsewhere is why an early dialog ended: another phone has answered. It
	// ends 64*T1 after that, or with an answer of its own, which comes too late.
	ErrElsewhere = errors.New("dialog: answered elsewhere")
	// ErrPending: an INVITE, an UPDATE or an offer that is under way in the dialog
	// has to end first.
	ErrPending = errors.New("dialog: another request is under way")
	// ErrNoAnswer: an offer came that no OnOffer was there to answer.
	ErrNoAnswer = errors.New("dialog: nobody answers the offer")
	// ErrMethod: ACK and CANCEL are not sent by Do.
	ErrMethod = errors.New("dialog: ACK and CANCEL are sent by the dialog itself")
)

// A RejectedError is the final response that refused a call. It unwraps to a
// *sip.StatusError with the same code, so that a handler that called on behalf
// of somebody may return it as it is.
type RejectedError struct {
	// Response is from 300 to 699; the Contacts of a 3xx are in it.
	Response *sip.Response
}

func (e *RejectedError) Error() string {
	return fmt.Sprintf("dialog: call was answered %d %s", e.Response.StatusCode, e.Response.Reason)
}

// Unwrap returns the response as a *sip.StatusError.
func (e *RejectedError) Unwrap() error {
	return &sip.StatusError{Code: e.Response.StatusCode, Reason: e.Response.Reason}
}

var errNotProvisional = errors.New("dialog: Progress sends 101 to 199")
