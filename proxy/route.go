package proxy

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/patchbay-sip/patchbay/sip"
)

// ErrNoRoute is what a Router returns that has nothing to say of a call: the
// next one is tried. When none has, a call for one of our domains is answered
// 480, and 404 when its Request-URI has no user; one for a foreign domain goes
// where its Request-URI says; a tel URI is answered 416.
var ErrNoRoute = errors.New("proxy: no route")

// A Router decides where a call goes (RFC 3261 section 16.5).
//
// It is asked for each request outside of dialogs, of any method but ACK and
// CANCEL, unless a Route and a foreign Request-URI leave it no choice; in a
// dialog, only for a Request-URI in one of our domains. It runs on the
// handler's goroutine, and ctx ends when the caller sends CANCEL.
//
// A rule on numbers looks at Call.AOR: there 9030 is 9030, even if the caller
// wrote %39030. Strangers come by the Router like anybody else, since each of our
// domains is open to them (see NoRelay): what costs money, as a gateway does, is
// for a Call whose Caller is not zero.
//
// Its error may be ErrNoRoute or a *sip.StatusError, which becomes the
// response; another one is answered 500. A Route without a branch is answered
// 480.
type Router interface {
	Route(ctx context.Context, c *Call) (Route, error)
}

// RouterFunc is a function as a Router.
type RouterFunc func(ctx context.Context, c *Call) (Route, error)

// Route calls f.
func (f RouterFunc) Route(ctx context.Context, c *Call) (Route, error) { return f(ctx, c) }

// A Route is where a call goes: groups of branches, one group after another,
// the branches of a group at once. The next group is tried when each branch of
// the one before has failed or timed out. A 2xx, a 6xx and the caller's CANCEL
// end the whole.
//
// A target (the same URI, Route and Flow) is tried once in a call, however
// often it is named (RFC 3261 section 16.5), and no call tries more than 100 of
// them.
//
// A Router that wraps another may change the Route it is given, if that other
// makes a new one for each call. Location does, and sets neither Edit, Timeout
// nor Next; what else is set there is the other's, and is to be called as well.
type Route struct {
	Groups [][]Branch
	// Next, if set, is asked for a further Route when all groups are done and
	// nobody answered: after busy, no answer, a dead gateway. Its error ends the
	// call: ErrNoRoute with the best response so far, a *sip.StatusError with
	// the response that it describes, any other with 500. It may take its time
	// and runs at most once, on whatever goroutine ended the last branch; for a
	// Route that had no new target to try it does not run.
	Next func(ctx context.Context, o Outcome) (Route, error)
}

// To is a Route to targets at once: one group, and nothing to try after it.
func To(targets ...sip.Target) Route {
	group := make([]Branch, len(targets))
	for i, t := range targets {
		group[i].Target = t
	}
	return Route{Groups: [][]Branch{group}}
}

// A Branch is one target of a call.
type Branch struct {
	// Target is where the request goes. Target.URI becomes the Request-URI, in
	// which the zero URI leaves the caller's; Target.Route is pushed in front of
	// the request's Route. Target.Flow is used unless the caller's Route leads
	// elsewhere first.
	//
	// With none of the three the request would go where it came from, to this
	// proxy. It is not sent: the branch counts as answered 500, which is logged.
	sip.Target
	// Timeout ends the branch when no final response came within it, ringing or
	// not: the branch is cancelled, counts as answered 408, and the next group
	// is tried. With 0, an INVITE ends when Timer C does (see WithTimerC), and
	// any other request with its transaction.
	//
	// When nothing is left to try, the caller is answered. A branch that had a
	// provisional response is waited for up to 5 s first, since a 2xx may cross
	// the CANCEL. A later 2xx is too late: the caller's transaction no longer
	// takes it (RFC 6026 section 7.1), so that the callee gets no ACK and ends
	// the call itself (RFC 3261 section 13.3.1.4).
	Timeout time.Duration
	// Edit, if set, changes the request of this branch before it is sent;
	// nothing is shared with another branch. A *sip.StatusError counts as the
	// response of the branch, any other error as a 500.
	Edit func(*sip.Request) error
}

// same tells whether two branches are one target. Two phones behind one NAT may
// well have registered the same URI: they differ in flow or path.
func (b *Branch) same(other *Branch) bool {
	return b.Flow == other.Flow && b.URI.Equal(other.URI) &&
		slices.EqualFunc(b.Route, other.Route, func(x, y sip.Address) bool { return x.URI.Equal(y.URI) })
}

// distinct lists the targets of groups, each once (RFC 3261 section 16.5).
func distinct(groups [][]Branch) (targets []*Branch) {
	for _, group := range groups {
		for i := range group {
			t := &group[i]
			if len(targets) < maxTargets && !slices.ContainsFunc(targets, t.same) {
				targets = append(targets, t)
			}
		}
	}
	return targets
}

// An Outcome is what the groups of a Route came to. It does not tell which branch
// that was of, nor why a target could not be reached (see WithLogger); and it
// does not see provisional responses, what an earlier Route of the call came to,
// and what a branch that timed out says after all. A 2xx or 6xx is never in it,
// since it ends the call.
type Outcome struct {
	// Response is the best of their responses by RFC 3261 section 16.7 item 6,
	// with the caller's Via on top. It is never nil: where no response came, it
	// is a 408, and where nothing could be sent a 503, both of the proxy's own.
	// It must not be changed.
	Response *sip.Response
}

// First tries routers in turn until one does not return ErrNoRoute.
func First(rs ...Router) Router { return first(rs) }

type first []Router

func (rs first) Route(ctx context.Context, c *Call) (Route, error) {
	for _, r := range rs {
		route, err := r.Route(ctx, c)
		if !errors.Is(err, ErrNoRoute) {
			return route, err
		}
	}
	return Route{}, ErrNoRoute
}

// allow lists the methods that the proxy passes on or answers, REGISTER being
// none of them. An unknown method passes as well (RFC 3261 section 16.3 item 1).
const allow = "INVITE, ACK, BYE, CANCEL, OPTIONS, PRACK, UPDATE, MESSAGE, REFER, PUBLISH, INFO, SUBSCRIBE, NOTIFY"

// route finds the targets of a call (RFC 3261 section 16.5).
func (p *Proxy) route(ctx context.Context, c *Call) (Route, error) {
	u := c.Request.URI
	if !u.IsSIP() && u.Scheme() != "tel" {
		return Route{}, &sip.StatusError{Code: 416}
	}
	switch {
	case c.vouched():
		return To(sip.Target{URI: u, Flow: c.onward}), nil
	case c.Preset && c.Domain == "":
		return To(sip.Target{URI: u}), nil
	}
	route, err := p.router.Route(ctx, c)
	switch {
	case !errors.Is(err, ErrNoRoute):
		return route, err
	}
	switch {
	case !u.IsSIP():
		err = &sip.StatusError{Code: 416}
	case c.Domain == "" && (u.Params().Has("maddr") || !p.ep.Owns(u)):
		return To(sip.Target{URI: u}), nil
	case c.Request.Method == sip.REGISTER:
		e := &sip.StatusError{Code: 405}
		e.Header.Add("Allow", allow)
		err = e
	case c.Domain == "" || u.User() == "":
		err = &sip.StatusError{Code: 404}
	default:
		err = &sip.StatusError{Code: 480}
	}
	return Route{}, err
}
