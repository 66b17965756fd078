package registrar

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/resolve"
	"github.com/patchbay-sip/patchbay/sip/transport"
)

// Targets returns where aor can be reached, the most wanted first, and of
// equally wanted ones the latest; none is no error. Contacts that are neither
// sip nor sips are left out. It makes a Registrar a proxy.Locator.
func (r *Registrar) Targets(ctx context.Context, aor sip.AOR) ([]sip.Target, error) {
	bindings, err := r.store.Lookup(ctx, aor)
	if err != nil {
		r.outage.report(ctx, r.logger, err)
		return nil, fmt.Errorf("registrar: %w", err)
	}
	now := time.Now()
	var buf [DefaultMaxContacts]*Binding // bindings are large; pointers sort faster
	order := buf[:0]
	for i := range bindings {
		if b := &bindings[i]; b.Contact.IsSIP() && !b.Expired(now) {
			order = append(order, b)
		}
	}
	slices.SortStableFunc(order, func(a, b *Binding) int {
		return cmp.Or(cmp.Compare(b.Q, a.Q), b.Updated.Compare(a.Updated))
	})
	targets := make([]sip.Target, len(order))
	for i, b := range order {
		targets[i] = b.target()
	}
	return targets, nil
}

func (b *Binding) target() sip.Target {
	return sip.Target{URI: requestURI(b.Contact), Q: b.Q, Flow: b.ownFlow()}
}

// requestURI takes out of a contact what may not stand in a Request-URI: headers
// and the method parameter (RFC 3261 sections 19.1.1 and 16.6 item 2).
func requestURI(contact sip.URI) sip.URI {
	if contact.Headers() != "" {
		contact = contact.WithoutHeaders()
	}
	if _, ok := contact.Param("method"); ok {
		contact = contact.WithoutParam("method")
	}
	return contact
}

// ownFlow is the one that the contact was registered over, if there is no other
// way to it, as to a browser or behind a NAT; or if the contact is a connection's
// other end: nothing else has to be dialled then.
func (b *Binding) ownFlow() sip.Flow {
	if transport.OnlyByFlow(b.Contact, b.Flow) {
		return b.Flow
	}
	if b.Flow.IsZero() || !b.Flow.Reliable() {
		return sip.Flow{} // datagrams need no flow to go where the contact says
	}
	hop, ok := resolve.Numeric(b.Contact)
	if !ok || hop.Network != b.Flow.Network || hop.Addr != b.Flow.Remote {
		return sip.Flow{}
	}
	return b.Flow
}
