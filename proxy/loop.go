package proxy

import (
	"errors"
	"hash/maphash"
	"strconv"
	"strings"

	"github.com/patchbay-sip/patchbay/sip"
)

// A contact that leads back to the proxy makes a loop, and two of them double
// the requests with each round: Max-Forwards alone would let 2^70 of them come
// of one. Two things bound them: a loop is found when it comes round (RFC 3261
// section 16.3 item 4, RFC 5393 section 4), and a request has only so many
// branches to share out among all that comes of it (RFC 5393 section 5).

// maxBreadth is what a request gets that has no Max-Breadth, and the most that
// one may claim: as many as the targets that a call may have. RFC 5393 section
// 5.3.3 recommends 60.
const maxBreadth = maxTargets

// breadth is how many branches may come of a request at a time.
func breadth(req *sip.Request) (int, error) {
	n, err := req.Uint("Max-Breadth")
	switch {
	case errors.Is(err, sip.ErrNoField):
		return maxBreadth, nil
	case err != nil:
		return 0, badField("Max-Breadth", err)
	}
	return int(min(n, maxBreadth)), nil
}

// loopSuffix stands for what decides where a request goes: Request-URI, Route
// and who sent it. It is put into the branch of what is forwarded, so that one
// that comes back unchanged is known (RFC 3261 section 16.6 item 8). The seed is
// this process's own: nobody else can have made one that is the same.
func (c *Call) loopSuffix(seed maphash.Seed) string {
	var h maphash.Hash
	h.SetSeed(seed)
	h.WriteString(c.Flow.Remote.Addr().String())
	h.WriteByte(0)
	h.WriteString(c.Request.URI.String())
	for route := range c.Request.Values("Route") {
		h.WriteByte(0) // which no value holds
		h.WriteString(route)
	}
	return "." + strconv.FormatUint(h.Sum64(), 36)
}

// validateLoop answers 482 to a request that was forwarded from here as it is
// now. One that comes back changed is in a spiral, which is allowed.
func (c *Call) validateLoop() error {
	for v, err := range c.Request.Vias() {
		if err != nil {
			return badField("Via", err)
		}
		if strings.HasSuffix(v.Branch(), c.loop) {
			return &sip.StatusError{Code: 482}
		}
	}
	return nil
}

// wasHere tells whether a request has a Via of ours.
func (p *Proxy) wasHere(r *sip.Request) bool {
	for v, err := range r.Vias() {
		if err != nil || p.ep.Owns(sip.NewURI("", v.SentBy.Host, v.SentBy.Port)) {
			return true
		}
	}
	return false
}
