package dialog

import (
	"context"
	"maps"
	"slices"

	"github.com/patchbay-sip/patchbay/sip"
)

// Shutdown hangs up: new calls are refused with 503, a phone of ours that rings
// answers 503, and every other call ends with BYE; one whose 2xx waits for ACK
// once that has come. It returns when all of them have ended, or ctx's error.
// Calls of Invite that ring go on until their own ctx ends.
//
// The Endpoint serves on. Its own Shutdown, which comes after, waits for the
// answers to the BYEs.
func (s *Set) Shutdown(ctx context.Context) error {
	s.draining.Store(true)
	s.mu.Lock()
	all := slices.Collect(maps.Values(s.dialogs))
	s.mu.Unlock()
	all = slices.DeleteFunc(all, func(d *Dialog) bool { return d.caller && d.Early() })
	for _, d := range all {
		d.part()
	}
	for _, d := range all {
		select {
		case <-d.done:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// part begins to end a dialog.
func (d *Dialog) part() {
	d.mu.Lock()
	ringing := d.ringing
	d.mu.Unlock()
	switch {
	case ringing != nil:
		if err := ringing.Respond(sip.NewResponse(ringing.Request(), 503)); err != nil {
			d.end(err)
		}
	case d.caller:
		d.leave(func(error) {})
	default:
		d.leaveLater()
	}
}
