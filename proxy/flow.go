package proxy

import (
	"encoding/binary"
	"net/netip"

	"github.com/patchbay-sip/patchbay/sip"
)

// appendFlow appends what parseFlow reads: the network, both addresses, each of
// them behind its length, and the number of the connection.
func appendFlow(b []byte, f sip.Flow) []byte {
	b = append(append(b, byte(len(f.Network))), f.Network...)
	for _, a := range []netip.AddrPort{f.Local, f.Remote} {
		at := len(b)
		b, _ = a.AppendBinary(append(b, 0)) // never fails
		b[at] = byte(len(b) - at - 1)
	}
	return binary.AppendUvarint(b, f.ID)
}

// parseFlow reads what appendFlow has written.
func parseFlow(b []byte) (f sip.Flow, ok bool) {
	network, b, ok := cutPart(b)
	if !ok {
		return sip.Flow{}, false
	}
	f.Network = string(network)
	for _, a := range []*netip.AddrPort{&f.Local, &f.Remote} {
		var part []byte
		if part, b, ok = cutPart(b); !ok || a.UnmarshalBinary(part) != nil {
			return sip.Flow{}, false
		}
	}
	id, n := binary.Uvarint(b)
	f.ID = id
	return f, n > 0 && n == len(b)
}

// cutPart takes off a part that stands behind its length.
func cutPart(b []byte) (part, rest []byte, ok bool) {
	if len(b) == 0 || len(b)-1 < int(b[0]) {
		return nil, nil, false
	}
	return b[1 : 1+int(b[0])], b[1+int(b[0]):], true
}
