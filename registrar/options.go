package registrar

import (
	"log/slog"
	"time"
)

// Defaults of Expires.
const (
	DefaultMinExpires = time.Minute
	DefaultExpires    = time.Hour
	DefaultMaxExpires = 2 * time.Hour
)

// DefaultMaxContacts is the default of WithMaxContacts.
const DefaultMaxContacts = 10

// DefaultMaxAddresses is the default of WithMaxAddresses.
const DefaultMaxAddresses = 1_000_000

// Limits of one binding. What a client sends beyond them is answered 400; a
// User-Agent is cut.
const (
	maxAddress   = 512  // bytes of an address-of-record
	maxContact   = 2048 // bytes of a contact's URI and parameters
	maxCallID    = 256  // bytes
	maxUserAgent = 128  // bytes
)

// An Option sets something about a Registrar.
type Option func(*config)

type config struct {
	expires     Expires
	maxContacts int
	maxAOR      int
	logger      *slog.Logger
}

// Expires are how long bindings last. A field that is zero takes the default.
type Expires struct {
	// Min is the shortest time that is granted; default 1 minute. A client that
	// asks for less is answered 423 with Min-Expires, but never one that asks
	// for an hour or more (RFC 3261 section 10.3 step 7).
	Min time.Duration
	// Default is granted to a client that asks for nothing; default 1 hour.
	Default time.Duration
	// Max is the longest time that is granted, silently; default 2 hours.
	Max time.Duration
}

// withDefaults fills in what is zero and puts Default between Min and Max. Max
// wins over Min, since it is what bounds the memory.
func (e Expires) withDefaults() Expires {
	if e.Min <= 0 {
		e.Min = DefaultMinExpires
	}
	if e.Default <= 0 {
		e.Default = DefaultExpires
	}
	if e.Max <= 0 {
		e.Max = DefaultMaxExpires
	}
	e.Min = min(e.Min, e.Max)
	e.Default = min(max(e.Default, e.Min), e.Max)
	return e
}

// WithExpires sets how long bindings last.
func WithExpires(e Expires) Option { return func(c *config) { c.expires = e } }

// WithMaxContacts sets how many contacts an address-of-record can have at a
// time; default 10. A REGISTER that would add one more is answered 403, and so
// is one with more than twice as many contacts in it.
func WithMaxContacts(n int) Option { return func(c *config) { c.maxContacts = n } }

// WithMaxAddresses sets how many addresses-of-record can have bindings at a time,
// where the Store is a Counter; default 1,000,000. One more is answered 503 with
// Retry-After. A server without passwords, whose phones choose the names that
// they register, wants far less.
func WithMaxAddresses(n int) Option { return func(c *config) { c.maxAOR = n } }

// WithLogger sets the logger; the default discards. It is told when the store
// fails, at most once a minute.
func WithLogger(l *slog.Logger) Option { return func(c *config) { c.logger = l } }
