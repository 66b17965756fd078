// Package resolve finds the addresses of a SIP URI (RFC 3263). So far numeric
// hosts and address records; NAPTR and SRV are not yet covered.
package resolve

import (
	"context"

	"github.com/patchbay-sip/patchbay/sip"
)

// A Resolver finds addresses.
type Resolver struct{}

// New makes a Resolver on the system's name service.
func New() *Resolver { panic("stub") }

// Resolve returns the hops to try for u, in order.
func (r *Resolver) Resolve(ctx context.Context, u sip.URI) ([]sip.Hop, error) { panic("stub") }

// Numeric returns the one hop of a URI whose host (or maddr) is an address,
// without any lookup; ok is false for a name.
func Numeric(u sip.URI) (hop sip.Hop, ok bool) { panic("stub") }
