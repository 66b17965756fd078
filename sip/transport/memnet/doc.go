// Package memnet is a network in memory: datagram sockets, listeners and
// stream connections that satisfy package net's interfaces, for tests of
// whatever speaks through them.
//
// A Network without options delivers each datagram at once and in order.
// Options make it slow, lossy or disorderly; what becomes of the nth datagram
// between two addresses follows from the seed alone, so that a test that
// failed fails again.
//
// It works inside testing/synctest bubbles, where delays and deadlines pass in
// virtual time: make the Network inside the bubble. It starts no goroutine.
//
// There are no hosts and no routes. Any IP address may be used, each socket
// has one of its own, and every socket reaches every other one. The
// unspecified addresses 0.0.0.0 and :: cannot be listened on; an empty host is
// 127.0.0.1.
//
// # In a test
//
// Its sockets go where those of the system go, and its Dial to WithDialer:
//
//	synctest.Test(t, func(t *testing.T) {
//		network := memnet.New(memnet.WithLoss(0.1))
//		socket, err := network.ListenPacket("192.0.2.1:5060")
//		require.NoError(t, err)
//		listener, err := network.Listen("192.0.2.1:5060")
//		require.NoError(t, err)
//		dial := network.Dialer(netip.MustParseAddr("192.0.2.1"))
//
//		server := transaction.New()
//		go server.Serve(t.Context(), handler, transport.NewUDP(socket),
//			transport.NewTCP(listener, transport.WithDialer(dial)))
//		// ... and another Endpoint at 192.0.2.2, which asks it
//	})
//
// The end of t.Context closes the Endpoints, so that the bubble comes to its end.
// Have no name looked up in a bubble, since a real name server is outside of its
// time: use addresses, or resolve.WithHosts.
package memnet
