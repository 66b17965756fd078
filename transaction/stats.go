package transaction

// Stats are counters of an Endpoint.
type Stats struct {
	Server, Client int    // transactions that exist now, lingering ones included
	Handlers       int    // handlers that run now
	Refused        uint64 // requests refused for overload or while draining
	Malformed      uint64 // messages that could not be parsed or are no valid SIP
	Stray          uint64 // responses that match no transaction
	Dropped        uint64 // messages that were thrown away unanswered for lack of room
}
