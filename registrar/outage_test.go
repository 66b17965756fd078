package registrar

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/transaction"
)

// fragile is a store that can be down.
type fragile struct {
	Memory *Memory
	err    error
}

func (f *fragile) Update(ctx context.Context, aor sip.AOR, fn func([]Binding) ([]Binding, error)) ([]Binding, error) {
	bindings, err := f.Memory.Update(ctx, aor, func(old []Binding) ([]Binding, error) {
		next, err := fn(old)
		if err != nil {
			return nil, err
		}
		return next, f.err
	})
	return bindings, err
}

func (f *fragile) Lookup(ctx context.Context, aor sip.AOR) ([]Binding, error) {
	if f.err != nil {
		return nil, f.err
	}
	return f.Memory.Lookup(ctx, aor)
}

func (f *fragile) All(ctx context.Context) iter.Seq2[Binding, error] { return f.Memory.All(ctx) }

func TestStoreFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		down := errors.New("disk is full")
		store := &fragile{Memory: NewMemory()}
		r := New(ourDomains, store, WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
		p := newPhone(t, r, "alice")
		p.ok("Contact: <sip:a@h>")

		store.err = down
		for _, fields := range [][]string{{"Contact: <sip:a@h2>"}, {"Contact: *", "Expires: 0"}, nil} {
			e := p.refused(500, fields...)
			require.Equal(t, "30", e.Header.Get("Retry-After"))
			require.ErrorIs(t, e, down)
			require.NotContains(t, e.Reason, "disk", "the cause is for the log")
		}
		_, err := r.Targets(t.Context(), "sip:alice@example.com")
		require.ErrorIs(t, err, down)
		for range 1000 {
			p.send("Contact: <sip:a@h2>")
		}
		require.Equal(t, 1, strings.Count(log.String(), "\n"), "one line, not a thousand")
		require.Contains(t, log.String(), "disk is full")

		time.Sleep(time.Minute)
		p.send("Contact: <sip:a@h2>")
		require.Equal(t, 2, strings.Count(log.String(), "\n"))
		require.Contains(t, log.String(), "failures=1004")

		store.err = nil
		require.Len(t, p.ok("Contact: <sip:a@h2>"), 2)
		require.Equal(t, 2, strings.Count(log.String(), "\n"))
	})
}

// Nobody can have the log tell of an outage by a CANCEL. A store that keeps a
// request waiting until it times out is down.
func TestCancelIsNoOutage(t *testing.T) {
	for cause, lines := range map[error]int{
		nil: 0, transaction.ErrCanceled: 0, transaction.ErrTimeout: 1,
	} {
		var log bytes.Buffer
		r := New(ourDomains, NewMemory(), WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(cause)
		_, err := r.Targets(ctx, "sip:alice@example.com")
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, lines, strings.Count(log.String(), "\n"), cause)
	}
}

func TestRefusalIsNoOutage(t *testing.T) {
	var log bytes.Buffer
	p := newPhone(t, newRegistrar(WithMaxContacts(1), WithLogger(slog.New(slog.NewTextHandler(&log, nil)))), "alice")
	e := p.refused(403, "Contact: <sip:a@h1>, <sip:a@h2>")
	require.False(t, e.Header.Has("Retry-After"))
	require.Empty(t, log.String())
}

// A conflict has the update applied to what is there by then.
func TestUpdateRunsAgain(t *testing.T) {
	r := newRegistrar()
	r.store = &contended{Memory: NewMemory(), rival: func(m *Memory) {
		_, err := m.Update(t.Context(), "sip:alice@example.com", func(old []Binding) ([]Binding, error) {
			return append(old, Binding{AOR: "sip:alice@example.com", Contact: sip.MustParseURI("sip:rival@h"), CallID: "rival"}), nil
		})
		require.NoError(t, err)
	}}
	p := newPhone(t, r, "alice")
	require.Len(t, p.ok("Contact: <sip:a@h1>, <sip:a@h2>"), 3)
}

// contended has a rival store something while the first fn runs.
type contended struct {
	*Memory
	rival func(*Memory)
}

func (c *contended) Update(ctx context.Context, aor sip.AOR, fn func([]Binding) ([]Binding, error)) ([]Binding, error) {
	return c.Memory.Update(ctx, aor, func(old []Binding) ([]Binding, error) {
		if rival := c.rival; rival != nil {
			c.rival = nil
			rival(c.Memory)
		}
		return fn(old)
	})
}
