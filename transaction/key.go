package transaction

import (
	"hash/maphash"
	"strconv"
	"strings"

	"github.com/patchbay-sip/patchbay/sip"
)

// A key names a transaction: 128 bits of a hash that nobody outside of the
// process can compute. So a table holds no strings, none is built to look one
// up, and no message is kept from being freed by the branch that it came with.
type key [2]uint64

// hasher makes keys. Each Endpoint has seeds of its own.
type hasher struct{ a, b, tags maphash.Seed }

func newHasher() hasher {
	return hasher{maphash.MakeSeed(), maphash.MakeSeed(), maphash.MakeSeed()}
}

func (h *hasher) sum(text []byte) key {
	return key{maphash.Bytes(h.a, text), maphash.Bytes(h.b, text)}
}

// add appends parts with an octet between them that none of them holds.
func add(b []byte, parts ...string) []byte {
	for _, p := range parts {
		b = append(append(b, p...), 0)
	}
	return b
}

// client is the key of a client transaction: branch and method (RFC 3261
// section 17.1.3), and sent-by, since a response whose Via is not as we wrote it
// must be discarded (18.1.2). Branches are our own and random.
func (h *hasher) client(via sip.Via, m sip.Method) key {
	var buf [256]byte
	b := add(buf[:0], via.Branch(), string(m), strings.ToLower(via.SentBy.Host))
	return h.sum(strconv.AppendUint(b, uint64(via.SentBy.Port), 10))
}

// server is the key of the server transaction that a request belongs to (RFC
// 3261 section 17.2.3), with INVITE given as method for ACK and for what a
// CANCEL is to end. The error is that of a field that must be there.
func (h *hasher) server(req *sip.Request, m sip.Method) (key, error) {
	via, err := req.Via()
	if err != nil {
		return key{}, err
	}
	var buf [512]byte
	b := add(buf[:0], string(m), via.SentBy.Host)
	b = append(strconv.AppendUint(b, uint64(via.SentBy.Port), 10), 0)
	branch := via.Branch()
	b = add(b, branch)
	if len(branch) > len(sip.MagicCookie) && strings.HasPrefix(branch, sip.MagicCookie) {
		return h.sum(b), nil
	}
	// A client of RFC 2543: its branch, if any, names no transaction. To is left
	// out, since the tag in an ACK is the one of our response.
	from, err := req.From()
	if err != nil {
		return key{}, err
	}
	cseq, err := req.CSeq()
	if err != nil {
		return key{}, err
	}
	b = add(b, req.CallID(), from.Tag(), req.URI.String())
	b = strconv.AppendUint(b, uint64(cseq.Seq), 10)
	return h.sum(b), nil
}

// tag is the To tag of a response that is sent without keeping state: the same
// for a retransmission (RFC 3261 section 8.2.7), and known again in the ACK.
func (h *hasher) tag(k key) string {
	return strconv.FormatUint(maphash.Comparable(h.tags, k), 16)
}
