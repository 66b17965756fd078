package transaction

// state is where a machine stands, in the words of RFC 3261 section 17 and RFC
// 6026.
type state uint8

const (
	calling    state = iota // INVITE client
	trying                  // non-INVITE, both sides
	proceeding              // all
	accepted                // INVITE, both sides: a 2xx passed (RFC 6026)
	completed               // all: another final response passed
	confirmed               // INVITE server: ACK came
	terminated              // all
)

// unanswered tells whether no final response passed yet.
func (s state) unanswered() bool { return s <= proceeding }
