package main

import (
	"bytes"
	"context"
	"log/slog"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/transport"
	"github.com/patchbay-sip/patchbay/sip/transport/memnet"
	"github.com/patchbay-sip/patchbay/transaction"
)

// A call that rings when the program has to go is cut off, and the log says so.
func TestServeTellsWhatItCutsOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, err := memnet.New().ListenPacket("192.0.2.1:5060")
		require.NoError(t, err)
		rings := transaction.HandlerFunc(func(_ context.Context, _ *sip.Request, tx *transaction.ServerTx) error {
			tx.Detach()
			return nil
		})
		var log bytes.Buffer
		ctx, stop := context.WithCancel(context.Background())
		e, served := transaction.New(), make(chan error, 1)
		go func() {
			served <- serve(ctx, e, rings, []listener{{transport.NewUDP(conn), "UDP"}}, slog.New(slog.NewTextHandler(&log, nil)))
		}()
		bob := sip.Address{URI: sip.MustParseURI("sip:bob@192.0.2.1")}
		call := sip.NewRequest(sip.INVITE, bob.URI, bob, bob)
		_, err = e.Start(context.Background(), call, sip.Target{}, func(transaction.Event) {})
		require.NoError(t, err)
		synctest.Wait()
		stop()
		require.NoError(t, <-served)
		require.Contains(t, log.String(), `msg="calls were cut off" received=1 sent=1 handlers=0`)
	})
}
