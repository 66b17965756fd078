package pcap_test

import (
	"bytes"
	"fmt"
	"log"
	"net/netip"
	"sync"
	"time"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/transport"
	"github.com/patchbay-sip/patchbay/sip/transport/pcap"
)

// A trace of what a server receives and sends.
func ExampleCreate() {
	file, err := pcap.Create("/var/log/sip.pcapng", pcap.WithMaxBytes(1<<30))
	if err != nil {
		log.Fatal(err)
	}
	tap := transport.NewTap(0)
	var tracing sync.WaitGroup
	tracing.Go(func() {
		_ = tap.Serve(func(m transport.Tapped) {
			if err := file.Write(m); err != nil {
				log.Print(err)
			}
		}) // it ends by Close alone
	})

	udp, err := transport.ListenUDP("0.0.0.0:5060", transport.WithTap(tap))
	if err != nil {
		log.Fatal(err)
	}
	defer udp.Close() // ... and transaction.Endpoint.Serve in between

	_ = tap.Close()
	tracing.Wait() // all of it is in the file
	if err := file.Close(); err != nil {
		log.Fatal(err)
	}
	log.Printf("%d messages are missing from the trace", tap.Dropped())
}

func ExampleNewWriter() {
	var trace bytes.Buffer
	w := pcap.NewWriter(&trace)
	err := w.Write(transport.Tapped{
		Time: time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC),
		Flow: sip.Flow{
			Network: "udp",
			Local:   netip.MustParseAddrPort("192.0.2.1:5060"),
			Remote:  netip.MustParseAddrPort("192.0.2.2:5060"),
		},
		Text: "OPTIONS sip:example.com SIP/2.0\r\n\r\n",
	})
	fmt.Println(err, trace.Len())
	// Output: <nil> 184
}
