package pcap

import (
	"io"

	"github.com/patchbay-sip/patchbay/sip/transport"
)

// A Writer writes messages in the order of its calls. It is for one goroutine:
// that of Tap.Serve.
type Writer struct {
	to    io.Writer
	begun bool
	trace trace
	buf   []byte
}

// NewWriter makes a writer. Nothing is written before the first message.
func NewWriter(to io.Writer) *Writer { return &Writer{to: to} }

// Write writes one message, by one call of the underlying writer, whose error it
// returns; what comes after that error is best written elsewhere. A message that
// is too long for a datagram, though its flow is UDP, is left out:
// transport.ErrTooLarge.
func (w *Writer) Write(m transport.Tapped) error {
	if !fits(m) {
		return transport.ErrTooLarge
	}
	b := w.buf[:0]
	if !w.begun {
		w.begun, b = true, appendHeader(b)
	}
	b = w.trace.append(b, m)
	w.buf = kept(b)
	_, err := w.to.Write(b)
	return err
}

// kept is b if it is small enough to be kept for the next message.
func kept(b []byte) []byte {
	if cap(b) > 128<<10 {
		return nil
	}
	return b
}

// trace makes packets of messages.
type trace struct {
	streams streams
	serial  uint16 // of the last IPv4 packet
}

// append appends the blocks of a message.
func (t *trace) append(b []byte, m transport.Tapped) []byte {
	from, to := ends(m)
	if !m.Flow.Reliable() {
		t.serial++
		return appendPacket(b, m, packet{from: from, to: to, text: m.Text, serial: t.serial})
	}
	for rest := m.Text; ; {
		part := rest[:min(len(rest), from.maxSegment())]
		rest = rest[len(part):]
		t.serial++
		p := packet{from: from, to: to, text: part, serial: t.serial, tcp: true}
		p.seq, p.ack = t.streams.advance(way{from, to}, len(part))
		b = appendPacket(b, m, p)
		if rest == "" {
			return b
		}
	}
}

// maxBytes is not less than what append appends.
func maxBytes(m transport.Tapped) int64 {
	const perPacket = 256 + 2*maxComment // its block and its headers
	packets := 1 + len(m.Text)/minSegment
	return int64(packets*perPacket + len(m.Text))
}
