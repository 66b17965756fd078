package transaction_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/transaction"
)

// logbook collects log lines.
type logbook struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logbook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *logbook) option() transaction.Option {
	return transaction.WithLogger(slog.New(slog.NewTextHandler(l, nil)))
}

func TestWhatAHandlersReturnBecomes(t *testing.T) {
	var retry sip.Header
	retry.Set("Retry-After", "30")
	cases := []struct {
		name   string
		err    error
		code   int
		reason string
		logged string
	}{
		{"status", &sip.StatusError{Code: 404}, 404, "Not Found", ""},
		{"reason and fields", &sip.StatusError{Code: 480, Reason: "Gone Fishing", Header: retry}, 480, "Gone Fishing", ""},
		{"wrapped", errors.Join(errors.New("x"), &sip.StatusError{Code: 403}), 403, "Forbidden", ""},
		{"any error", errors.New("database is down"), 500, "Server Internal Error", "database is down"},
		{"no failure's code", &sip.StatusError{Code: 200}, 500, "Server Internal Error", "handler failed"},
		{"a 500 by choice", &sip.StatusError{Code: 500}, 500, "Server Internal Error", ""},
		{"a 500 with a cause", &sip.StatusError{Code: 500, Err: io.EOF}, 500, "Server Internal Error", "handler failed"},
		{"nothing", nil, 500, "Server Internal Error", "handler failed"},
		{"cancel that never came", context.Canceled, 500, "Server Internal Error", "handler failed"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var log logbook
			h := transaction.HandlerFunc(func(context.Context, *sip.Request, *transaction.ServerTx) error { return c.err })
			inBubble(t, "udp", h, func(w *world) {
				req := w.peer.newRequest(sip.MESSAGE)
				w.peer.send(req)
				resp := w.peer.response(c.code)
				require.Equal(t, c.reason, resp.Reason)
				require.NotContains(t, resp.String(), "database")
				if c.code == 480 {
					require.Equal(t, "30", resp.Get("Retry-After"))
				}
				synctest.Wait()
				if c.logged == "" {
					require.Empty(t, log.String())
				} else {
					require.Contains(t, log.String(), c.logged)
				}
			}, log.option())
		})
	}
}

func TestPanicAnswers500AndTheServerLives(t *testing.T) {
	var log logbook
	h := transaction.HandlerFunc(func(_ context.Context, req *sip.Request, tx *transaction.ServerTx) error {
		switch req.Get("Subject") {
		case "panic":
			panic("out of coffee")
		case "goexit":
			runtime.Goexit()
		case "detached":
			tx.Detach()
			panic("after Detach")
		}
		return tx.Respond(sip.NewResponse(req, 200))
	})
	inBubble(t, "udp", h, func(w *world) {
		for _, subject := range []string{"panic", "goexit", "detached", ""} {
			req := w.peer.newRequest(sip.INVITE)
			req.Set("Subject", subject)
			w.peer.send(req)
			if subject == "" {
				w.peer.response(200)
				continue
			}
			w.peer.send(w.peer.ack(req, w.peer.response(500)))
		}
		require.Contains(t, log.String(), "out of coffee")
		require.Contains(t, log.String(), "handler_test.go", "the stack is there")
		synctest.Wait()
		require.Zero(t, w.ep.Stats().Handlers)
	}, log.option())
}

func TestPanicInACallback(t *testing.T) {
	var log logbook
	h := transaction.HandlerFunc(func(_ context.Context, req *sip.Request, tx *transaction.ServerTx) error {
		tx.OnCancel(func() { panic("in OnCancel") })
		tx.OnCancel(func() { _ = tx.Respond(sip.NewResponse(req, 487)) })
		tx.Detach()
		return nil
	})
	inBubble(t, "udp", h, func(w *world) {
		invite := w.peer.newRequest(sip.INVITE)
		w.peer.send(invite)
		w.peer.send(cancelOf(invite))
		w.peer.response(200)
		w.peer.response(487)
		synctest.Wait()
		require.Contains(t, log.String(), "in OnCancel")
		w.peer.send(w.peer.ack(invite, sip.NewResponse(invite, 487)))

		// Events go on after one that panicked.
		codes := make(chan int, 10)
		_, err := w.ep.Start(context.Background(), request(sip.INVITE, peerAddr), w.toPeer(), func(ev transaction.Event) {
			if ev.Response.StatusCode == 180 {
				panic("in Start's callback")
			}
			codes <- ev.Response.StatusCode
		})
		require.NoError(t, err)
		out := w.peer.request(sip.INVITE)
		w.peer.respond(out, 180)
		w.peer.respond(out, 183)
		w.peer.respond(out, 486)
		require.Equal(t, []int{183, 486}, []int{<-codes, <-codes})
		synctest.Wait()
		require.Contains(t, log.String(), "in Start's callback")
	}, log.option())
}

// ctx lives until there is an answer and the handler has returned.
func TestContextOfAHandler(t *testing.T) {
	ctxs := make(chan context.Context, 1)
	txs := make(chan *transaction.ServerTx, 1)
	h := transaction.HandlerFunc(func(ctx context.Context, req *sip.Request, tx *transaction.ServerTx) error {
		if req.Method != sip.INVITE {
			require.NoError(t, tx.Respond(sip.NewResponse(req, 200)))
			require.NoError(t, ctx.Err(), "the handler still runs")
			ctxs <- ctx
			return nil
		}
		ctxs <- ctx
		return detached(txs).ServeSIP(ctx, req, tx)
	})
	onBoth(t, h, func(w *world) {
		w.peer.send(w.peer.newRequest(sip.OPTIONS))
		w.peer.response(200)
		synctest.Wait()
		require.Error(w.t, (<-ctxs).Err())

		invite := w.peer.newRequest(sip.INVITE)
		w.peer.send(invite)
		ctx, tx := <-ctxs, <-txs
		time.Sleep(time.Minute)
		require.NoError(w.t, ctx.Err())
		require.NoError(w.t, tx.Respond(sip.NewResponse(invite, 200)))
		require.Error(w.t, ctx.Err())
	})
}

func TestMiddlewareOrderAndOnRespond(t *testing.T) {
	var order []string
	layer := func(name string) transaction.Middleware {
		return func(next transaction.Handler) transaction.Handler {
			return transaction.HandlerFunc(func(ctx context.Context, req *sip.Request, tx *transaction.ServerTx) error {
				order = append(order, "in "+name)
				tx.OnRespond(func(resp *sip.Response) {
					order = append(order, "out "+name)
					resp.Add("X-Layer", name)
				})
				return next.ServeSIP(ctx, req, tx)
			})
		}
	}
	failing := transaction.HandlerFunc(func(context.Context, *sip.Request, *transaction.ServerTx) error {
		return &sip.StatusError{Code: 404}
	})
	h := transaction.Chain(failing, layer("a"), layer("b"))
	inBubble(t, "udp", h, func(w *world) {
		w.peer.send(w.peer.newRequest(sip.OPTIONS))
		resp := w.peer.response(404)
		require.Equal(t, []string{"in a", "in b", "out b", "out a"}, order)
		require.Equal(t, "b", resp.Get("X-Layer"))
	})
}

func TestMux(t *testing.T) {
	mux := transaction.NewMux()
	mux.Handle(sip.INVITE, answer(486))
	mux.HandleFunc(sip.OPTIONS, answer(200).ServeSIP)
	inBubble(t, "udp", mux, func(w *world) {
		w.peer.send(w.peer.newRequest(sip.OPTIONS))
		w.peer.response(200)
		w.peer.send(w.peer.newRequest(sip.MESSAGE))
		require.Equal(t, "ACK, CANCEL, INVITE, OPTIONS", w.peer.response(405).Get("Allow"))
		w.peer.send(w.peer.newRequest(sip.ACK))
		w.peer.quiet(time.Minute)
	})
	mux.Default(answer(603))
	inBubble(t, "udp", mux, func(w *world) {
		w.peer.send(w.peer.newRequest(sip.MESSAGE))
		w.peer.response(603)
	})
}

func TestClientAloneAnswersOptions(t *testing.T) {
	inBubble(t, "udp", nil, func(w *world) {
		w.peer.send(w.peer.newRequest(sip.OPTIONS))
		require.Equal(t, "OPTIONS", w.peer.response(200).Get("Allow"))
		w.peer.send(w.peer.newRequest(sip.MESSAGE))
		require.Equal(t, "OPTIONS", w.peer.response(405).Get("Allow"))
	})
}

func TestRespondRefusesWhatIsNoStatus(t *testing.T) {
	h := transaction.HandlerFunc(func(_ context.Context, req *sip.Request, tx *transaction.ServerTx) error {
		require.Error(t, tx.Respond(sip.NewResponse(req, 99)))
		require.Error(t, tx.Respond(sip.NewResponse(req, 700)))
		require.Error(t, tx.Respond(&sip.Response{}))
		return tx.Respond(sip.NewResponse(req, 699))
	})
	inBubble(t, "udp", h, func(w *world) {
		w.peer.send(w.peer.newRequest(sip.OPTIONS))
		w.peer.response(699)
	})
}
