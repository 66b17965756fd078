// Package udpio reads and writes datagrams in batches.
//
// On Linux one system call moves up to 32 packets each way (recvmmsg and
// sendmmsg), without an allocation a packet or a batch. Everywhere else, and
// for a net.PacketConn that is not a *net.UDPConn, the same type moves one
// packet at a time.
//
//	conns, err := udpio.Listen(ctx, "udp", "0.0.0.0:5060", udpio.Options{})
//	...
//	for {
//		packets, err := conns[0].Read()
//		if err != nil {
//			return err // matches net.ErrClosed after Close
//		}
//		conns[0].Write(packets) // each goes back to where it came from
//	}
//
// # Goroutines
//
// One goroutine reads a Conn. Any number may write to it, close it and ask it
// for anything else meanwhile. No method starts a goroutine.
//
// # Waiting
//
// Go's poller asks the kernel for each event of a socket: one for each packet
// that arrives, and one for each that has left. While other goroutines of the
// program wait for anything, a thread wakes up for each of them. On Linux the
// sockets that Listen opens are not with that poller themselves, but an epoll
// instance that asks for the one event that Read waits for, when it does; it
// takes one more file descriptor a socket. A socket that New was given stays
// where it is, since its giver may have set deadlines, or may close it.
//
// Nothing is collected to be sent by one call: a Send costs hardly more than its
// part of a full batch (see docs/performance.md).
//
// # Which address a packet was sent to
//
// A socket that is bound to the unspecified address (0.0.0.0 or ::) tells with
// each packet which address of this host it was sent to, and sends from the
// address that it is told (IP_PKTINFO; IPV6_PKTINFO, RFC 3542 section 6). A
// multihomed server therefore answers from the address that was asked. This
// works on Linux alone; elsewhere Local is the bound address, and the kernel
// chooses the source.
//
// # Unreachable peers
//
// With Options.Unreachable, ICMP errors about what was sent are reported
// (IP_RECVERR, IPV6_RECVERR). The kernel then fails whichever send or receive
// comes next with an error that has nothing to do with it; such calls are
// repeated and no packet is lost. Linux alone.
//
// # Broadcast
//
// Nothing is sent to a broadcast address: that is EACCES. Linux alone.
//
// # Segments
//
// With Options.Segment, a run of packets of one size to one peer goes down the
// stack as one (UDP_SEGMENT) and is cut at the far end of it. Where the kernel
// or the device refuses that, it is not tried again on this Conn. Linux alone.
//
// # Not covered
//
// UDP_GRO, connected sockets, multicast membership, timestamps, ECN.
package udpio
