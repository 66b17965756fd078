package transport

import "sync/atomic"

// Stats count what a transport has done since it was made.
type Stats struct {
	Received    uint64 // messages given to Sink.Message
	Malformed   uint64 // requests given to Sink.Malformed
	Sent        uint64 // messages written, or queued for a connection
	KeepAlives  uint64 // CRLF pings of peers; on UDP, any datagram without content
	STUN        uint64 // STUN packets
	Unreachable uint64 // ICMP errors about what was sent by UDP (Linux alone)
	Dropped     Drops
	Conns       ConnStats
}

// Drops count what was dropped, by reason.
type Drops struct {
	NotSIP     uint64 // received: no SIP, or a response that is malformed
	Denied     uint64 // received: by UDP from a source that WithSources denies
	OverRate   uint64 // received: by UDP, more than WithSources lets a source send
	Overflow   uint64 // received: by UDP faster than read, dropped by the kernel (Linux alone)
	ReadErrors uint64 // errors of the socket or the listener
	TooLarge   uint64 // sent: does not fit into a datagram
	QueueFull  uint64 // sent: the peer does not read; on UDP, the socket's buffer is full
	FlowGone   uint64 // sent: the connection is no more
	SendErrors uint64 // sent: errors of the socket
}

// ConnStats count stream connections.
type ConnStats struct {
	Open       int    // now
	Accepted   uint64 // by the listener
	Dialed     uint64 // by Connect
	DialErrors uint64
	Denied     uint64 // refused: WithSources denies the source
	OverTotal  uint64 // refused: the limit for all of them
	OverSource uint64 // refused: the limit for one source
	OverRate   uint64 // refused: more than WithSources lets a source open in a time
	Delayed    uint64 // messages that had to wait, more than WithSources lets a source send
	Idle       uint64 // closed: nothing came or went for too long
	Slow       uint64 // closed: a message was not complete in time
	Stalled    uint64 // closed: the peer did not read
	Unframed   uint64 // closed: no telling where the next message begins
	Handshake  uint64 // closed: the handshake of TLS, or of WebSocket, failed or was not done in time
}

// counters are Stats as they are counted.
type counters struct {
	received, malformed, sent, keepAlives, stun, unreachable atomic.Uint64
	notSIP, denied, overRate, readErrors                     atomic.Uint64
	tooLarge, queueFull, flowGone, sendErrors                atomic.Uint64
	accepted, dialed, dialErrors                             atomic.Uint64
	deniedConns, overTotal, overSource, overRateConns        atomic.Uint64
	delayed                                                  atomic.Uint64
	idle, slow, stalled, unframed, handshake                 atomic.Uint64
}

func (c *counters) stats() Stats {
	return Stats{
		Received:    c.received.Load(),
		Malformed:   c.malformed.Load(),
		Sent:        c.sent.Load(),
		KeepAlives:  c.keepAlives.Load(),
		STUN:        c.stun.Load(),
		Unreachable: c.unreachable.Load(),
		Dropped: Drops{
			NotSIP:     c.notSIP.Load(),
			Denied:     c.denied.Load(),
			OverRate:   c.overRate.Load(),
			ReadErrors: c.readErrors.Load(),
			TooLarge:   c.tooLarge.Load(),
			QueueFull:  c.queueFull.Load(),
			FlowGone:   c.flowGone.Load(),
			SendErrors: c.sendErrors.Load(),
		},
		Conns: ConnStats{
			Accepted:   c.accepted.Load(),
			Dialed:     c.dialed.Load(),
			DialErrors: c.dialErrors.Load(),
			Denied:     c.deniedConns.Load(),
			OverTotal:  c.overTotal.Load(),
			OverSource: c.overSource.Load(),
			OverRate:   c.overRateConns.Load(),
			Delayed:    c.delayed.Load(),
			Idle:       c.idle.Load(),
			Slow:       c.slow.Load(),
			Stalled:    c.stalled.Load(),
			Unframed:   c.unframed.Load(),
			Handshake:  c.handshake.Load(),
		},
	}
}
