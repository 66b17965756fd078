package ws

import (
	"encoding/binary"
	"math"
	"slices"
	"unicode/utf8"

	"github.com/coder/websocket"

	"github.com/patchbay-sip/patchbay/sip"
)

// Opcodes of frames (RFC 6455 section 5.2).
const (
	opText   = 1
	opBinary = 2
	opClose  = 8
	opPing   = 9

	final = 0x80 // the bit of a frame that is a whole message
)

// maxHeader is the longest header of a frame that a server writes.
const maxHeader = 10

// framing writes a message as one frame, without a mask, as servers do.
type framing struct{}

// AppendMessage implements transport.Framing.
func (framing) AppendMessage(b []byte, m sip.Message) []byte {
	start := len(b)
	b = append(b, make([]byte, maxHeader)...)
	b = m.Append(b)
	text := b[start+maxHeader:]
	op := byte(opText)
	if !utf8.Valid(text) { // RFC 7118 section 5
		op = opBinary
	}
	var header [maxHeader]byte
	h := appendHeader(header[:0], op, len(text))
	copy(b[start:], h)
	return slices.Delete(b, start+len(h), start+maxHeader)
}

// AppendPing implements transport.Framing.
func (framing) AppendPing(b []byte) []byte { return appendFrame(b, opPing, nil) }

func appendFrame(b []byte, op byte, payload []byte) []byte {
	return append(appendHeader(b, op, len(payload)), payload...)
}

func appendHeader(b []byte, op byte, length int) []byte {
	b = append(b, final|op)
	switch {
	case length < 126:
		return append(b, byte(length))
	case length <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(b, 126), uint16(length))
	}
	return binary.BigEndian.AppendUint64(append(b, 127), uint64(length))
}

func appendClose(b []byte, code websocket.StatusCode) []byte {
	return appendFrame(b, opClose, binary.BigEndian.AppendUint16(nil, uint16(code)))
}

// closeCode reads what appendClose wrote, or the codec.
func closeCode(frame []byte) (code websocket.StatusCode, ok bool) {
	switch {
	case len(frame) < 2 || frame[0] != final|opClose:
		return 0, false
	case len(frame) < 4:
		return websocket.StatusNormalClosure, true // answers one without a code
	}
	return websocket.StatusCode(binary.BigEndian.Uint16(frame[2:])), true
}
