package dialog

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/transaction"
)

// SessionTimer says how long a call may live without a refresh (RFC 4028).
type SessionTimer struct {
	// Interval is what we ask for, in whole seconds: in INVITEs of ours, and in
	// calls that we take whose caller asks for nothing. The RFC recommends 30
	// minutes. 0 asks for nothing.
	Interval time.Duration
	// Min is the least interval that we take: a call that asks for less is
	// answered 422. It is 90 seconds at least, which is the default.
	Min time.Duration
}

// minInterval is the least interval that there is (RFC 4028 section 4).
const minInterval = 90 * time.Second

func (t SessionTimer) withDefaults() SessionTimer {
	t.Min = max(t.Min, minInterval).Round(time.Second)
	if t.Interval > 0 {
		t.Interval = max(t.Interval, t.Min).Round(time.Second)
	}
	return t
}

// session is the session timer of a dialog. The dialog's lock guards it.
type session struct {
	interval  time.Duration // 0 while there is none
	min       time.Duration // the largest that was asked for; 0 if none was
	refresher bool          // we are
	expires   time.Time     // when BYE is due
	timer     *transaction.Timer
}

func (s *session) stop() {
	if s.timer != nil {
		s.timer.Stop()
	}
	s.interval = 0
}

// arm begins an interval: the one who refreshes does so when half of it has
// passed, the other one hangs up shortly before its end (RFC 4028 section 10);
// d.mu is held.
func (s *session) arm(d *Dialog) {
	if s.interval == 0 || d.ended() {
		if s.timer != nil {
			s.timer.Stop()
		}
		return
	}
	if s.timer == nil {
		s.timer = d.set.ep.NewTimer(d.tick)
	}
	wait, life := s.interval/2, s.interval
	if !s.refresher {
		life -= min(32*time.Second, s.interval/3)
		wait = life
	}
	s.expires = time.Now().Add(life)
	s.timer.Reset(wait)
}

// propose puts the timer into a refresh of ours (RFC 4028 section 7.4).
func (s *session) propose(req *sip.Request) {
	if s.interval == 0 || req.Has("Session-Expires") {
		return
	}
	role := "uas"
	if s.refresher {
		role = "uac"
	}
	se := sip.SessionExpires{Interval: max(s.interval, s.min, minInterval), Refresher: role}
	req.Set("Session-Expires", se.String())
	if s.min > 0 {
		req.Set("Min-SE", seconds(s.min))
	}
}

func seconds(d time.Duration) string { return strconv.FormatInt(int64(d/time.Second), 10) }

// admitTimer refuses an interval that is too small (RFC 4028 section 9). Only a
// client that knows session timers understands the refusal.
func (s *Set) admitTimer(req *sip.Request) error {
	se, err := req.SessionExpires()
	switch {
	case errors.Is(err, sip.ErrNoField):
		return nil
	case err != nil:
		return &sip.StatusError{Code: 400, Reason: "Malformed Session-Expires", Err: err}
	case se.Interval >= s.cfg.timer.Min || !supports(req, "timer"):
		return nil
	}
	small := &sip.StatusError{Code: 422}
	small.Header.Set("Min-SE", seconds(s.cfg.timer.Min))
	return small
}

// grant puts the timer into a 2xx of ours (RFC 4028 section 9); d.mu is held.
func (d *Dialog) grant(req *sip.Request, resp *sip.Response) {
	s := &d.session
	if least, err := req.MinSE(); err == nil && req.Has("Min-SE") {
		s.min = max(s.min, least)
	}
	se, err := req.SessionExpires()
	if err != nil || se.Interval < minInterval { // not asked for, or by a proxy that goes too far
		se = d.ownTimer()
	}
	knows := supports(req, "timer")
	switch { // table 2
	case !knows:
		se.Refresher = "uas"
	case se.Refresher != "uas":
		se.Refresher = "uac"
	}
	s.interval, s.refresher = se.Interval, se.Refresher == "uas"
	if s.interval == 0 {
		s.stop()
		return
	}
	if !resp.Has("Session-Expires") {
		resp.Set("Session-Expires", se.String())
	}
	if knows && !resp.HasToken("Require", "timer") {
		resp.Add("Require", "timer")
	}
	if req.Method == sip.UPDATE {
		s.arm(d)
	}
}

// ownTimer is what we ask for where the other end does not: what there is
// already, or what the program wants. d.mu is held.
func (d *Dialog) ownTimer() sip.SessionExpires {
	s := &d.session
	switch {
	case s.interval > 0 && s.refresher:
		return sip.SessionExpires{Interval: s.interval, Refresher: "uas"}
	case s.interval > 0:
		return sip.SessionExpires{Interval: s.interval}
	case d.set.cfg.timer.Interval > 0:
		return sip.SessionExpires{Interval: max(d.set.cfg.timer.Interval, s.min)}
	}
	return sip.SessionExpires{}
}

// accepted takes the timer from a 2xx of theirs; without one there is none (RFC
// 4028 section 7.2). d.mu is held.
func (d *Dialog) accepted(peer *sip.Header) {
	s := &d.session
	se, err := peer.SessionExpires()
	if err != nil {
		s.stop()
		return
	}
	s.interval, s.refresher = max(se.Interval, minInterval), se.Refresher != "uas"
	s.arm(d)
}

// tooSmall takes a 422: it is true when a larger interval is to be tried (RFC
// 4028 section 7.3).
func tooSmall(resp *sip.Response, least time.Duration) (time.Duration, bool) {
	wanted, err := resp.MinSE()
	return wanted, err == nil && resp.StatusCode == 422 && resp.Has("Min-SE") && wanted > least
}

// tick is the session timer.
func (d *Dialog) tick() {
	d.mu.Lock()
	s := &d.session
	if s.interval == 0 {
		d.mu.Unlock()
		return
	}
	expired := !s.refresher || !time.Now().Before(s.expires)
	m := sip.INVITE
	if d.allowsUpdate {
		m = sip.UPDATE
	}
	ours := d.exchange.ours
	d.mu.Unlock()
	if expired {
		d.abandon(ErrExpired)
		return
	}
	d.sendRefresh(m, ours)
}

// retryRefresh is how long a refresh that failed is put off.
const retryRefresh = 5 * time.Second

// sendRefresh refreshes the session: by UPDATE, which needs no description, if
// the other end takes it (RFC 4028 section 7.4).
func (d *Dialog) sendRefresh(m sip.Method, ours string) {
	req := d.NewRequest(m)
	if m == sip.INVITE && ours != "" {
		req.SetBody(sdpType, ours)
	}
	err := d.start(context.Background(), req, newInviteConfig(nil), func(resp *sip.Response, err error) {
		switch {
		case resp != nil && resp.StatusCode < 300:
			return
		case err != nil:
			d.again(retryRefresh)
			return
		}
		d.mu.Lock()
		least, larger := tooSmall(resp, d.session.min)
		if larger {
			d.session.min = least
		}
		if m == sip.UPDATE && (resp.StatusCode == 405 || resp.StatusCode == 501) {
			d.allowsUpdate, larger = false, true
		}
		d.mu.Unlock()
		switch {
		case larger:
			d.again(time.Second)
		case resp.StatusCode == 491:
			d.again(d.glare())
		default:
			wait := retryRefresh
			if ra, err := resp.RetryAfter(); err == nil {
				wait = max(ra.After, time.Second)
			}
			d.again(wait)
		}
	})
	if err != nil {
		d.again(retryRefresh)
	}
}

// again has a refresh tried once more, or BYE sent if there is no time for it.
func (d *Dialog) again(wait time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s := &d.session; s.interval > 0 {
		s.timer.Reset(min(wait, time.Until(s.expires)))
	}
}
