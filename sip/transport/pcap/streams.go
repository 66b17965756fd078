package pcap

// streams gives TCP segments their sequence numbers. What is between the same
// two addresses and ports is one stream: a connection that takes the place of
// another one goes on where that ended.
type streams struct {
	next  map[way]uint32
	total uint32 // octets of all streams so far
}

// A way is one direction of a stream.
type way struct{ from, to end }

const maxWays = 1 << 17

// advance returns the numbers of a segment of so many octets.
func (s *streams) advance(w way, length int) (seq, ack uint32) {
	back := way{w.to, w.from}
	seq, known := s.next[w]
	if !known {
		if s.next == nil || len(s.next) >= maxWays {
			s.next = make(map[way]uint32)
		}
		// A stream that was forgotten has come less far than all together, so
		// that nobody takes what follows for a retransmission.
		seq = 1 + s.total
		s.next[back] = seq
	}
	s.next[w] = seq + uint32(length)
	s.total += uint32(length)
	return seq, s.next[back]
}
