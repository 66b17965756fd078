package transaction

import (
	"context"
	"log/slog"
	"time"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/digest"
)

// An Option sets something about an Endpoint.
type Option func(*config)
type config struct{}

// Timers are those of RFC 3261, table 4, and one of our own. A field that is
// zero takes the default. Timers B, F, H, J, L and M are 64 times T1.
type Timers struct {
	T1 time.Duration // round trip estimate; default 500 ms
	T2 time.Duration // longest interval of retransmissions; default 4 s
	T4 time.Duration // how long a message stays in the network; default 5 s
	D  time.Duration // wait for retransmitted finals; default 32 s
	// Ringing bounds how long an INVITE waits for its final response after the
	// last provisional one; default 10 minutes. A server transaction is then
	// answered 408, a client transaction cancelled.
	Ringing time.Duration
}

// A Resolver finds addresses; *resolve.Resolver is one. It must be safe for use
// by several goroutines.
type Resolver interface {
	Resolve(ctx context.Context, u sip.URI) ([]sip.Hop, error)
}

// WithTimers sets the timers.
func WithTimers(t Timers) Option { panic("stub") }

// WithResolver sets how names are resolved; default resolve.New().
func WithResolver(r Resolver) Option { panic("stub") }

// WithLogger sets the logger; the default discards.
func WithLogger(l *slog.Logger) Option { panic("stub") }

// WithCredentials has Start and Do answer 401 and 407 with what f gives for the
// challenge's realm (RFC 3261 section 22.2): each once, and once more if the
// nonce was stale. f is called on a worker. The challenge that is answered is
// not delivered.
func WithCredentials(f func(realm string) (digest.Credentials, bool)) Option { panic("stub") }

// WithStray gives responses that match no transaction to f, on a worker. The
// default drops them.
func WithStray(f func(resp *sip.Response, flow sip.Flow)) Option { panic("stub") }

// WithMaxHandlers bounds the handlers that run at once; default 4,096. Past it
// requests outside of dialogs are answered 503 with Retry-After; ACK, BYE and
// requests within dialogs have a quarter more, and are dropped or refused past
// that.
func WithMaxHandlers(n int) Option { panic("stub") }

// WithMaxTransactions bounds the transactions that exist at once, on both
// sides; default 1,000,000. Past it requests outside of dialogs are answered
// 503 with Retry-After, and Start gives ErrOverloaded.
func WithMaxTransactions(n int) Option { panic("stub") }
