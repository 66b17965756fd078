package dialog_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/transport/memnet"
	"github.com/patchbay-sip/patchbay/transaction/dialog"
)

// BenchmarkCall is a call between two phones, both of them in the figures:
// INVITE, 180, 200, ACK, BYE and its 200; with 100rel PRACK and its 200 too.
func BenchmarkCall(b *testing.B) {
	for _, name := range []string{"plain", "100rel"} {
		b.Run(name, func(b *testing.B) {
			n := memnet.New()
			alice, bob := newPhone(b, n, "udp", aliceAddr), newPhone(b, n, "udp", bobAddr, dialog.WithExtensions("100rel"))
			rings := bob.accepting()
			if name == "100rel" {
				early := bob.ringsWith("answer")
				go func() {
					for r := range early {
						if r.accept(bob, "") != nil {
							b.Error("not accepted")
						}
					}
				}()
				defer close(early)
			}
			b.ReportAllocs()
			for b.Loop() {
				d, err := alice.Invite(context.Background(), alice.invite(bob), sip.Target{})
				require.NoError(b, err)
				if name == "plain" {
					<-rings
				}
				require.NoError(b, d.Bye(context.Background()))
			}
			alice.close()
			bob.close()
		})
	}
}
