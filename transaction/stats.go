package transaction

import "sync/atomic"

// Stats are counters of an Endpoint.
type Stats struct {
	Server, Client int    // transactions that exist now, lingering ones included
	Handlers       int    // handlers that run now
	Refused        uint64 // requests answered 503 for overload or while draining
	Malformed      uint64 // messages that could not be parsed or are no valid SIP
	Stray          uint64 // responses that match no transaction
	Dropped        uint64 // messages thrown away unanswered for lack of room
}

type counters struct {
	refused, malformed, stray, dropped atomic.Uint64
}

// Stats returns the counters.
func (e *Endpoint) Stats() Stats {
	return Stats{
		Server:    e.servers.len(),
		Client:    e.clients.len(),
		Handlers:  int(e.handlers.Load()),
		Refused:   e.count.refused.Load(),
		Malformed: e.count.malformed.Load(),
		Stray:     e.count.stray.Load(),
		Dropped:   e.count.dropped.Load(),
	}
}
