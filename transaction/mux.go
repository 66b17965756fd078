package transaction

import (
	"context"
	"slices"
	"strings"

	"github.com/patchbay-sip/patchbay/sip"
)

// A Mux is a Handler that picks another by the request's method. Register the
// handlers first, then serve.
type Mux struct {
	handlers map[sip.Method]Handler
	other    Handler
}

var _ Handler = (*Mux)(nil)

// NewMux makes an empty Mux.
func NewMux() *Mux { return &Mux{handlers: make(map[sip.Method]Handler)} }

// Handle sets the handler of a method. That of INVITE does not see ACK, which
// has to be registered as well by those who want it.
func (m *Mux) Handle(method sip.Method, h Handler) { m.handlers[method] = h }

// HandleFunc sets a function as the handler of a method.
func (m *Mux) HandleFunc(method sip.Method, f func(context.Context, *sip.Request, *ServerTx) error) {
	m.Handle(method, HandlerFunc(f))
}

// Default sets the handler of each method that has none. Without one, OPTIONS
// is answered 200 (RFC 3261 section 11.2) and any other request 405 (section
// 8.2.1), both with Allow as the method of that name has it; an ACK is dropped.
func (m *Mux) Default(h Handler) { m.other = h }

// Allow lists the methods that are answered, as the field of that name wants
// them (RFC 3261 section 20.5): those that have a handler, OPTIONS, and with
// INVITE the two that the layer itself takes, ACK and CANCEL.
func (m *Mux) Allow() string {
	names := []string{string(sip.OPTIONS)}
	for method := range m.handlers {
		names = append(names, string(method))
	}
	if _, ok := m.handlers[sip.INVITE]; ok {
		names = append(names, string(sip.ACK), string(sip.CANCEL))
	}
	slices.Sort(names)
	return strings.Join(slices.Compact(names), ", ")
}

// ServeSIP implements Handler.
func (m *Mux) ServeSIP(ctx context.Context, req *sip.Request, tx *ServerTx) error {
	if h, ok := m.handlers[req.Method]; ok {
		return h.ServeSIP(ctx, req, tx)
	}
	if m.other != nil {
		return m.other.ServeSIP(ctx, req, tx)
	}
	code := 405
	switch req.Method {
	case sip.ACK:
		return nil
	case sip.OPTIONS:
		code = 200
	}
	resp := sip.NewResponse(req, code)
	resp.Add("Allow", m.Allow())
	return tx.Respond(resp)
}
