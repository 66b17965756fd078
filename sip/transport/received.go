package transport

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/patchbay-sip/patchbay/sip"
)

// markReceived writes the source of a request into its topmost Via, so that
// the response finds the way back: received when the host of sent-by is not
// the source's address (RFC 3261 section 18.2.1), rport and received when the
// sender asked for rport (RFC 3581 section 4). Values that the sender made up
// are replaced: they would send the response to someone else. A Via that needs
// nothing stays byte for byte as it came.
func markReceived(m sip.Message, source netip.AddrPort) {
	req, ok := m.(*sip.Request)
	if !ok {
		return
	}
	via, err := req.Via()
	if err != nil {
		return // there is no way back but the flow; Validate has more to say
	}
	addr := source.Addr().WithZone("")
	host, isAddr := via.SentBy.Addr()
	if isAddr && host.Unmap() == addr && !via.Params.Has("rport") && !via.Params.Has("received") {
		return
	}
	var buf [256]byte
	text := buf[:0]
	for name, value := range via.Params.All() {
		switch {
		case strings.EqualFold(name, "received"):
		case strings.EqualFold(name, "rport"):
			text = strconv.AppendUint(append(text, ";rport="...), uint64(source.Port()), 10)
		case value == "":
			text = append(append(text, ';'), name...)
		default:
			text = append(append(append(append(text, ';'), name...), '='), value...)
		}
	}
	text = addr.AppendTo(append(text, ";received="...))
	params, err := sip.ParseParams(string(text))
	if err != nil {
		return // it was parsed before and got sound values since
	}
	via.Params = params
	_ = req.SetVia(via) // there is one
}
