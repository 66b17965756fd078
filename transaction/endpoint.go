package transaction

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"

	"github.com/patchbay-sip/patchbay/internal/wheel"
	"github.com/patchbay-sip/patchbay/internal/workers"
	"github.com/patchbay-sip/patchbay/sip/transport"
)

// An Endpoint joins transports to a Handler and starts client transactions. Its
// methods may be called from several goroutines.
type Endpoint struct {
	cfg     config
	keys    hasher
	servers table[server]
	clients table[client]
	flows   flowIndex
	wheel   *wheel.Wheel
	workers workers.Pool
	local   localAddrs
	noTCP   noTCP
	order   ackOrder
	count   counters
	refused *recent // branches of requests that were answered 503

	bytes     atomic.Int64 // text that server transactions keep
	handlers  atomic.Int64 // handlers that run, or are about to
	answering atomic.Int64 // requests without a final response
	asking    atomic.Int64 // requests of ours that have not ended
	other     atomic.Int64 // callbacks, and connections for responses
	pending   atomic.Int64 // what Shutdown waits for: the four above

	idle     chan struct{} // holds a token when pending fell to 0 while draining
	draining atomic.Bool

	mu      sync.Mutex
	served  bool
	closing chan struct{} // closed by Close
	serving chan struct{} // closed when what follows is set
	ended   chan struct{} // closed when Serve has let go of everything

	transports []transport.Transport
	handler    Handler
	base       context.Context // the values of Serve's ctx, but not its end
	life       context.Context // the same, and ends with Close
}

// New makes an Endpoint. It opens nothing and starts nothing.
func New(opts ...Option) *Endpoint {
	cfg := newConfig(opts)
	return &Endpoint{
		cfg:     cfg,
		refused: newRecent(refusedBranches(cfg.maxTransactions)),
		keys:    newHasher(),
		flows:   newFlowIndex(),
		wheel:   wheel.New(),
		idle:    make(chan struct{}, 1),
		closing: make(chan struct{}),
		serving: make(chan struct{}),
		ended:   make(chan struct{}),
	}
}

// Timers returns the timers in use, defaults filled in.
func (e *Endpoint) Timers() Timers { return e.cfg.timers }

// Serve answers requests that come over the transports with h, and lets Start,
// Do and Send use them, until Close, Shutdown or the end of ctx, which is like
// Close. It takes the transports over and closes them. Its error is never nil:
// it matches net.ErrClosed after an end that was asked for, so that a program
// tests
//
//	if err := ep.Serve(ctx, h, udp); !errors.Is(err, net.ErrClosed) {
//
// and when a transport fails it is that transport's error. The values of ctx
// can be had from the handlers' ctx.
//
// h may be nil for a mere client: requests are then answered as by an empty
// Mux. Serve may be called once; another call is ErrServing and leaves
// the transports alone.
func (e *Endpoint) Serve(ctx context.Context, h Handler, ts ...transport.Transport) error {
	if h == nil {
		h = NewMux()
	}
	e.mu.Lock()
	if e.served {
		e.mu.Unlock()
		return ErrServing
	}
	e.served = true
	e.transports, e.handler, e.base = ts, h, context.WithoutCancel(ctx)
	life, end := context.WithCancelCause(e.base)
	defer end(nil)
	e.life = life
	close(e.serving)
	e.mu.Unlock()
	defer close(e.ended)

	failed := make(chan error, len(ts))
	var readers sync.WaitGroup
	if !e.isClosed() {
		for _, t := range ts {
			readers.Go(func() { failed <- t.Serve(&receiver{e, t}) })
		}
		readers.Go(e.wheel.Run)
	}
	err := ErrClosed
	select {
	case <-e.closing:
	case <-ctx.Done():
		err = fmt.Errorf("%w: %w", ErrClosed, context.Cause(ctx))
	case err = <-failed:
		if errors.Is(err, net.ErrClosed) {
			err = fmt.Errorf("%w: %w", ErrClosed, err)
		}
	}
	e.close()
	end(ErrClosed)
	e.abandon()
	for _, t := range ts {
		if err := t.Close(); err != nil {
			e.cfg.log.Warn("transport not closed cleanly", "network", t.Network(), "err", err)
		}
	}
	e.wheel.Close()
	readers.Wait()
	e.workers.Close()
	if e.cfg.closeResolver != nil {
		if err := e.cfg.closeResolver(); err != nil {
			e.cfg.log.Warn("resolver not closed cleanly", "err", err)
		}
	}
	return err
}

// abandon ends every transaction.
func (e *Endpoint) abandon() {
	e.servers.each(func(s *server) { s.end(ErrClosed) })
	e.clients.each(func(c *client) { c.fail(ErrClosed) })
}

// Close ends everything at once and waits for every goroutine: transactions
// end, each ctx of a handler ends with ErrClosed for its cause, what Start was
// given gets ErrClosed, transports are closed. It may be called before Serve,
// which then returns at once, several times, and after a Shutdown that ran out
// of time. It must not be called from a handler or a callback of this package,
// since it waits for them.
func (e *Endpoint) Close() error {
	e.close()
	if e.isServing() {
		<-e.ended
	}
	return nil
}

func (e *Endpoint) close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.isClosed() {
		close(e.closing)
	}
}

func (e *Endpoint) isClosed() bool {
	select {
	case <-e.closing:
		return true
	default:
		return false
	}
}

func (e *Endpoint) isServing() bool {
	select {
	case <-e.serving:
		return true
	default:
		return false
	}
}

// await waits for Serve to have begun.
func (e *Endpoint) await(ctx context.Context) error {
	select {
	case <-e.closing:
		return ErrClosed
	default:
	}
	select {
	case <-e.serving:
		return context.Cause(ctx)
	case <-e.closing:
		return ErrClosed
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// task is a function as a task of the workers.
type task func()

func (t task) Run() { t() }

// work runs f on a worker; after Close it does not, and returns false.
func (e *Endpoint) work(f func()) bool { return e.workers.Go(task(f)) }
