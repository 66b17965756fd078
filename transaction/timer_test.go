package transaction_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/transaction"
)

func TestTimer(t *testing.T) {
	inBubble(t, "udp", nil, func(w *world) {
		fired := make(chan time.Duration, 10)
		timer := w.ep.NewTimer(func() { fired <- time.Since(w.began).Round(time.Second) })
		timer.Stop() // nothing to stop
		timer.Reset(time.Minute)
		timer.Reset(time.Hour)
		require.Equal(t, time.Hour, <-fired)
		timer.Reset(time.Second)
		require.Equal(t, time.Hour+time.Second, <-fired, "it may be used again")

		timer.Reset(time.Second)
		timer.Stop()
		time.Sleep(time.Minute)
		require.Empty(t, fired)
		timer.Reset(time.Second) // fires no more once the Endpoint is closed
	})
}

// A Timer's function is code of the user: a panic in it is caught.
func TestTimerPanics(t *testing.T) {
	inBubble(t, "udp", nil, func(w *world) {
		fired := make(chan struct{})
		w.ep.NewTimer(func() { panic("boo") }).Reset(time.Second)
		w.ep.NewTimer(func() { close(fired) }).Reset(2 * time.Second)
		<-fired
	})
}

func ExampleEndpoint_NewTimer() {
	ep := transaction.New()
	timer := ep.NewTimer(func() { fmt.Println("time to register again") })
	timer.Reset(time.Hour)
	timer.Stop()
	// Output:
}
