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

// Default sets the handler of each method that has none; without one, such a
// request is answered 405 with Allow (RFC 3261 section 8.2.1), and an ACK is
// dropped.
func (m *Mux) Default(h Handler) { m.other = h }

// ServeSIP implements Handler.
func (m *Mux) ServeSIP(ctx context.Context, req *sip.Request, tx *ServerTx) error {
	if h, ok := m.handlers[req.Method]; ok {
		return h.ServeSIP(ctx, req, tx)
	}
	if m.other != nil {
		return m.other.ServeSIP(ctx, req, tx)
	}
	if req.Method == sip.ACK {
		return nil
	}
	resp := sip.NewResponse(req, 405)
	resp.Add("Allow", m.allow())
	return tx.Respond(resp)
}

// allow lists the methods that have a handler. CANCEL is the layer's.
func (m *Mux) allow() string {
	var names []string
	for method := range m.handlers {
		names = append(names, string(method))
	}
	if _, ok := m.handlers[sip.INVITE]; ok {
		names = append(names, string(sip.CANCEL))
	}
	slices.Sort(names)
	return strings.Join(slices.Compact(names), ", ")
}
