package resolve

import (
	"context"
	"net/netip"
	"time"
)

// A Lookup is a name service; *Client is one. Its methods may be called by
// several goroutines at once, and the end of ctx must end them.
//
// A name is absolute, without a final dot. That it does not exist, or has no
// such record, is an Answer without Records; an error is for what may be gone
// the next time.
type Lookup interface {
	LookupNAPTR(ctx context.Context, name string) (Answer[NAPTR], error)
	LookupSRV(ctx context.Context, name string) (Answer[SRV], error)
	LookupAddr(ctx context.Context, family Family, name string) (Answer[netip.Addr], error)
}

// An Answer is what a name service knows. At most 32 records of it are used.
type Answer[R any] struct {
	// Records may be in any order, except that addresses are tried in theirs.
	Records []R
	// TTL is how long that holds, be it nothing at all: at most a day, without
	// Records an hour. 0 is for the calls that wait for it now.
	TTL time.Duration
}

// A NAPTR is a record of that type (RFC 3403 section 4.1).
type NAPTR struct {
	Order, Preference uint16
	// Flags and Service may be in any case.
	Flags, Service string
	Regexp         string
	// Replacement may have a final dot.
	Replacement string
}

// A SRV is a record of that type (RFC 2782).
type SRV struct {
	Priority, Weight, Port uint16
	// Target may have a final dot; "." says that there is no such service.
	Target string
}

// A Family is a kind of address.
type Family uint8

// The families.
const (
	IPv4 Family = 4
	IPv6 Family = 6
)
