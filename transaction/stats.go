package transaction

import "sync/atomic"

// Stats are counters of an Endpoint.
type Stats struct {
	Server, Client int      // transactions that exist now, lingering ones included
	Handlers       int      // handlers that run now
	Refused        Refusals // requests answered 503 by the Endpoint itself
	Malformed      uint64   // messages that could not be parsed or are no valid SIP
	Stray          uint64   // responses that match no transaction
	Dropped        Drops    // messages thrown away unanswered for lack of room
}

// Refusals count requests that the Endpoint answered 503, by reason.
type Refusals struct {
	Draining     uint64 // Shutdown has begun
	Handlers     uint64 // WithMaxHandlers
	Transactions uint64 // WithMaxTransactions
	Bytes        uint64 // WithMaxBytes
	BehindACK    uint64 // too many wait for an ACK of theirs to be handled
	Again        uint64 // was refused before, within 64*T1
}

// Drops count messages that were thrown away for lack of room.
type Drops struct {
	Requests uint64 // to be refused, past the refusals that can be remembered
	ACKs     uint64 // to a 2xx, past WithMaxHandlers
	Strays   uint64 // responses for WithStray, past WithMaxHandlers
	Events   uint64 // responses for a callback that is slow
}

type counters struct {
	malformed, stray atomic.Uint64

	refused struct{ draining, handlers, transactions, bytes, behindACK, again atomic.Uint64 }
	dropped struct{ requests, acks, strays, events atomic.Uint64 }
}

// Stats returns the counters.
func (e *Endpoint) Stats() Stats {
	refused, dropped := &e.count.refused, &e.count.dropped
	return Stats{
		Server:    e.servers.len(),
		Client:    e.clients.len(),
		Handlers:  int(e.handlers.Load()),
		Malformed: e.count.malformed.Load(),
		Stray:     e.count.stray.Load(),
		Refused: Refusals{
			Draining:     refused.draining.Load(),
			Handlers:     refused.handlers.Load(),
			Transactions: refused.transactions.Load(),
			Bytes:        refused.bytes.Load(),
			BehindACK:    refused.behindACK.Load(),
			Again:        refused.again.Load(),
		},
		Dropped: Drops{
			Requests: dropped.requests.Load(),
			ACKs:     dropped.acks.Load(),
			Strays:   dropped.strays.Load(),
			Events:   dropped.events.Load(),
		},
	}
}
