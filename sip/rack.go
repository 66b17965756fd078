package sip

import (
	"math"
	"strconv"
)

// RAck is the value of the RAck field of a PRACK (RFC 3262 section 7.2): the
// RSeq of the response that it acknowledges, and the CSeq of that one.
type RAck struct {
	RSeq uint32
	CSeq CSeq
}

// RAck returns the RAck field. Without one the error matches ErrNoField.
func (h *Header) RAck() (RAck, error) {
	p, ok := h.first(hRAck, "RAck")
	if !ok {
		return RAck{}, ErrNoField
	}
	s := h.at(p)
	i := 0
	for i < len(s) && isDigit(s[i]) {
		i++
	}
	rseq, ok := parseUint(s[:i], math.MaxUint32)
	cseq, err := ParseCSeq(s[i:])
	if !ok || rseq == 0 || err != nil || !isSpace(s[i]) {
		return RAck{}, &ParseError{"RAck", 0, "malformed RAck", "RFC 3262 7.2", 400}
	}
	return RAck{uint32(rseq), cseq}, nil
}

// String writes the value: "776656 1 INVITE".
func (r RAck) String() string {
	return strconv.FormatUint(uint64(r.RSeq), 10) + " " + r.CSeq.String()
}
