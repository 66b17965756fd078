package udpio_test

import (
	"context"
	"fmt"
	"net"

	"github.com/patchbay-sip/patchbay/internal/udpio"
)

// echo sends back what it reads, each packet from the address it was sent to.
func echo(c *udpio.Conn) error {
	for {
		packets, err := c.Read()
		if err != nil {
			return err
		}
		if _, err := c.Write(packets); err != nil {
			return err
		}
	}
}

func ExampleListen() {
	// Four sockets on one port, each with a reader of its own.
	conns, err := udpio.Listen(context.Background(), "udp", "0.0.0.0:0", udpio.Options{
		Sockets:    4,
		ReadBuffer: 4 << 20,
	})
	if err != nil {
		panic(err)
	}
	for _, c := range conns {
		go echo(c)
		defer c.Close()
	}
	// Output:
}

func ExampleNew() {
	socket, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		panic(err)
	}
	c, err := udpio.New(socket, udpio.Options{})
	if err != nil {
		panic(err)
	}
	defer c.Close()

	if err := c.Send(udpio.Packet{Data: []byte("hello"), Peer: c.LocalAddr()}); err != nil {
		panic(err)
	}
	packets, err := c.Read()
	if err != nil {
		panic(err)
	}
	fmt.Printf("%s\n", packets[0].Data)
	// Output: hello
}
