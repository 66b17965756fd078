package memnet_test

import (
	"fmt"

	"github.com/patchbay-sip/patchbay/sip/transport/memnet"
)

func ExampleNew() {
	// A network that loses every third datagram or so, the same ones each time.
	network := memnet.New(memnet.WithSeed(7), memnet.WithLoss(0.3))
	alice, err := network.ListenPacket("192.0.2.1:5060")
	if err != nil {
		panic(err)
	}
	defer alice.Close()
	bob, err := network.ListenPacket("192.0.2.2:5060")
	if err != nil {
		panic(err)
	}
	defer bob.Close()

	for i := range 1000 {
		if _, err := alice.WriteTo(fmt.Appendf(nil, "packet %d", i), bob.LocalAddr()); err != nil {
			panic(err)
		}
	}
	stats := network.Stats()
	fmt.Println(stats.Sent, stats.Lost+stats.Delivered, stats.Lost > 250 && stats.Lost < 350)
	// Output: 1000 1000 true
}
