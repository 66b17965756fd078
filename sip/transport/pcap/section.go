package pcap

import (
	"encoding/binary"
	"strings"

	"github.com/patchbay-sip/patchbay/sip/transport"
)

// Types of blocks, and codes of their options.
const (
	sectionHeader        = 0x0a0d0d0a
	interfaceDescription = 1
	enhancedPacket       = 6

	optEnd     = 0
	optComment = 1
	optFlags   = 2 // epb_flags
	optProgram = 4 // shb_userappl
	optTime    = 9 // if_tsresol

	byteOrder   = 0x1a2b3c4d
	linkRaw     = 101 // a packet begins with its IPv4 or IPv6 header
	snapLength  = 256 << 10
	nanoseconds = 9 // digits behind the second

	inbound, outbound = 1, 2

	maxComment = 512
)

// appendHeader appends what a file begins with: a section with one interface,
// because libpcap stops at a second one of this link type.
func appendHeader(b []byte) []byte {
	b = appendBlock(b, sectionHeader, func(b []byte) []byte {
		b = binary.LittleEndian.AppendUint32(b, byteOrder)
		b = binary.LittleEndian.AppendUint16(b, 1) // version 1.0
		b = binary.LittleEndian.AppendUint16(b, 0)
		b = binary.LittleEndian.AppendUint64(b, 1<<64-1) // of unknown length
		b = appendOption(b, optProgram, "Patchbay")
		return appendOption(b, optEnd, "")
	})
	return appendBlock(b, interfaceDescription, func(b []byte) []byte {
		b = binary.LittleEndian.AppendUint16(b, linkRaw)
		b = binary.LittleEndian.AppendUint16(b, 0) // reserved
		b = binary.LittleEndian.AppendUint32(b, snapLength)
		b = appendOption(b, optTime, string([]byte{nanoseconds}))
		return appendOption(b, optEnd, "")
	})
}

// appendPacket appends the block of a packet.
func appendPacket(b []byte, m transport.Tapped, p packet) []byte {
	return appendBlock(b, enhancedPacket, func(b []byte) []byte {
		at := uint64(m.Time.UnixNano())
		length := uint32(p.length())
		b = binary.LittleEndian.AppendUint32(b, 0) // the interface
		b = binary.LittleEndian.AppendUint32(b, uint32(at>>32))
		b = binary.LittleEndian.AppendUint32(b, uint32(at))
		b = binary.LittleEndian.AppendUint32(b, length) // captured
		b = binary.LittleEndian.AppendUint32(b, length) // on the wire
		b = pad(p.append(b), int(length))
		if undressed(m.Flow) {
			b = appendComment(b, m.Flow.String())
		}
		if m.Err != nil {
			b = appendComment(b, "refused: "+m.Err.Error())
		}
		flags := uint32(inbound)
		if m.Sent {
			flags = outbound
		}
		b = appendOption(b, optFlags, string(binary.LittleEndian.AppendUint32(nil, flags)))
		return appendOption(b, optEnd, "")
	})
}

func appendComment(b []byte, text string) []byte {
	text = text[:min(len(text), maxComment)]
	return appendOption(b, optComment, strings.ToValidUTF8(text, ""))
}

// appendBlock appends a block with its length in front and behind.
func appendBlock(b []byte, kind uint32, body func([]byte) []byte) []byte {
	start := len(b)
	b = binary.LittleEndian.AppendUint32(b, kind)
	b = binary.LittleEndian.AppendUint32(b, 0)
	b = body(b)
	length := uint32(len(b) - start + 4)
	binary.LittleEndian.PutUint32(b[start+4:], length)
	return binary.LittleEndian.AppendUint32(b, length)
}

func appendOption(b []byte, code uint16, value string) []byte {
	b = binary.LittleEndian.AppendUint16(b, code)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(value)))
	return pad(append(b, value...), len(value))
}

// pad fills up to 32 bits what is of that length.
func pad(b []byte, length int) []byte { return append(b, make([]byte, -length&3)...) }
