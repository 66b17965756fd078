package sip

import (
	"math"
	"strconv"
	"time"
)

// SubscriptionState is the value of the Subscription-State field of a NOTIFY
// (RFC 6665 section 8.4). The Event field is an Item: its value is the package,
// its id parameter tells subscriptions apart.
type SubscriptionState struct {
	// State is "active", "pending", "terminated" or an extension, as written.
	State string
	// Reason says why a subscription was terminated: "timeout", "giveup"; ""
	// if nothing does.
	Reason string
	// Expires is what is left of the subscription; negative if it is not said.
	Expires time.Duration
	// RetryAfter is when to subscribe again; negative if it is not said.
	RetryAfter time.Duration
}

// SubscriptionState returns the Subscription-State field. Without one the error
// matches ErrNoField.
func (h *Header) SubscriptionState() (SubscriptionState, error) {
	const name = "Subscription-State"
	it, err := h.Item(name)
	if err != nil {
		return SubscriptionState{}, err
	}
	st := SubscriptionState{State: it.Value}
	st.Reason, _ = it.Params.Get("reason")
	if st.Expires, err = secondsParam(name, it.Params, "expires"); err != nil {
		return SubscriptionState{}, err
	}
	if st.RetryAfter, err = secondsParam(name, it.Params, "retry-after"); err != nil {
		return SubscriptionState{}, err
	}
	return st, nil
}

// String writes the value: "active;expires=60".
func (st SubscriptionState) String() string {
	var p Params
	if st.Reason != "" {
		p = p.With("reason", st.Reason)
	}
	if st.Expires >= 0 {
		p = p.With("expires", seconds(st.Expires))
	}
	if st.RetryAfter >= 0 {
		p = p.With("retry-after", seconds(st.RetryAfter))
	}
	return tokenOnly(st.State) + p.text
}

// secondsParam returns a parameter of delta-seconds, -1 if it is not there.
func secondsParam(field string, p Params, name string) (time.Duration, error) {
	s, ok := p.Get(name)
	if !ok {
		return -1, nil
	}
	return parseSeconds(field, s)
}

// parseSeconds parses delta-seconds (RFC 3261 section 25.1).
func parseSeconds(field, s string) (time.Duration, error) {
	n, ok := parseUint(s, math.MaxUint32)
	if !ok {
		return 0, &ParseError{field, 0, "not a number of seconds below 2^32", "RFC 3261 25.1", 400}
	}
	return time.Duration(n) * time.Second, nil
}

// seconds writes d in whole seconds, rounded up.
func seconds(d time.Duration) string {
	return strconv.FormatInt(int64((d+time.Second-1)/time.Second), 10)
}
