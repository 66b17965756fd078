package transaction

import (
	"context"

	"github.com/patchbay-sip/patchbay/sip"
)

// A Mux is a Handler that picks another by the request's method. Register the
// handlers first, then serve.
type Mux struct{}

// NewMux makes an empty Mux.
func NewMux() *Mux { panic("stub") }

// Handle sets the handler of a method.
func (m *Mux) Handle(method sip.Method, h Handler) { panic("stub") }

// HandleFunc sets a function as the handler of a method.
func (m *Mux) HandleFunc(method sip.Method, f func(context.Context, *sip.Request, *ServerTx) error) {
	m.Handle(method, HandlerFunc(f))
}

// Default sets the handler of each method that has none; without one, such a
// request is answered 405 with Allow (RFC 3261 section 8.2.1).
func (m *Mux) Default(h Handler) { panic("stub") }

// ServeSIP implements Handler.
func (m *Mux) ServeSIP(ctx context.Context, req *sip.Request, tx *ServerTx) error { panic("stub") }
