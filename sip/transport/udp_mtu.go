package transport

import "github.com/patchbay-sip/patchbay/sip"

// defaultRequest is what RFC 3261 section 18.1.1 allows where the MTU of the
// path is not known.
const defaultRequest = 1300

// WithRequestLimits sets how long a request may be to go by UDP, in bytes, to
// peers that are near (see [Neighbourhood]) and to all others. RFC 3261 section
// 18.1.1 asks for 200 less than the MTU of the path where that is known, and
// 1,300 where it is not, which is the default of both.
func WithRequestLimits(near, far int) Option {
	return func(c *config) { c.requestNear, c.requestFar = near, far }
}

// RequestLimit is the longest request, in bytes, that should go over f. A longer
// one should go by TCP if the next hop takes that, and else by UDP all the same
// (RFC 3261 section 18.1.1); a response goes the way of its request whatever its
// length. Send heeds none of this.
func (u *UDP) RequestLimit(f sip.Flow) int {
	if u.cfg.requestNear != u.cfg.requestFar && u.near.Near(f) {
		return u.cfg.requestNear
	}
	return u.cfg.requestFar
}
