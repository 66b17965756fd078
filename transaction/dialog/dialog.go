package dialog

import (
	"slices"
	"sync"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/transaction"
)

// A Dialog is a call with one phone: a dialog that an INVITE began (RFC 3261
// section 12). It is early while the phone rings and confirmed once it has
// answered. Set.Invite, OnEarly, Set.Progress and Set.Accept give one. Its
// methods may be called from several goroutines.
type Dialog struct {
	set    *Set
	id     id
	caller bool        // we sent the INVITE
	local  sip.Address // with tags
	remote sip.Address
	invite *sip.Request

	mu           sync.Mutex
	early        bool
	response     *sip.Response
	route        []string
	target       sip.URI
	localSeq     uint32
	remoteSeq    uint32
	allowsUpdate bool // the other end takes UPDATE
	exchange     exchange
	session      session
	heard        heard                 // reliable provisional responses of theirs
	reliable     *reliable             // and of ours
	ringing      *transaction.ServerTx // the INVITE, while we have not answered it
	reminder     reminder
	ack          *sip.Request // the last one that we sent
	ackSeq       uint32       // its CSeq number
	acked        *sip.Request // the one that confirmed a 2xx of ours
	unacked      *unacked     // a 2xx of ours that waits for ACK
	leaving      bool         // Bye was called too early: BYE follows ACK
	silent       bool         // the program was never given it
	err          error

	confirmed   chan struct{}
	confirmOnce sync.Once
	done        chan struct{}
	endOnce     sync.Once
}

// newDialog makes the early dialog of an INVITE and a response to it (RFC 3261
// section 12.1). peer is the one of the two that the other end wrote.
func newDialog(s *Set, invite *sip.Request, resp *sip.Response, peer *sip.Header) (*Dialog, error) {
	d := &Dialog{
		set: s, caller: peer == &resp.Header, invite: invite, early: true,
		confirmed: make(chan struct{}), done: make(chan struct{}),
	}
	from, err := resp.From()
	if err != nil {
		return nil, err
	}
	to, err := resp.To()
	if err != nil {
		return nil, err
	}
	cseq, err := resp.CSeq()
	if err != nil {
		return nil, err
	}
	if err := d.learn(resp, peer); err != nil {
		return nil, err
	}
	offers := description(invite) != ""
	if d.caller {
		d.local, d.remote, d.localSeq = from, to, cseq.Seq
		d.exchange = exchange{inviting: true, offered: offers}
	} else {
		d.local, d.remote, d.remoteSeq = to, from, cseq.Seq
		d.exchange = exchange{invited: true, asked: offers}
	}
	d.id = id{resp.CallID(), d.local.Tag(), d.remote.Tag()}
	return d, nil
}

// learn takes over what the INVITE or a response to it says of the other end:
// its address, and the way there. That of a 2xx replaces what an early dialog
// had (RFC 3261 section 13.2.2.4). d.mu is held, or nobody else has d yet.
func (d *Dialog) learn(resp *sip.Response, peer *sip.Header) error {
	contact, err := peer.Address("Contact")
	if err != nil {
		return err
	}
	var route []string
	for r, err := range peer.Addresses("Record-Route") {
		if err != nil {
			return err
		}
		route = append(route, r.String())
	}
	if d.caller {
		slices.Reverse(route) // 12.1.2
	}
	d.response, d.target, d.route = resp, contact.URI, route
	d.allowsUpdate = peer.HasToken("Allow", string(sip.UPDATE))
	return nil
}

// Request is the INVITE that began the dialog. It must not be changed.
func (d *Dialog) Request() *sip.Request { return d.invite }

// Response is the response that made the dialog: the 2xx that confirmed it, or
// the last provisional one while it is early. It must not be changed.
func (d *Dialog) Response() *sip.Response {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.response
}

// ACK is the last ACK to a 2xx of ours, whose body is the answer to an offer in
// that 2xx; nil before the first one, and for a caller. It must not be changed.
func (d *Dialog) ACK() *sip.Request {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.acked
}

// Early tells whether the INVITE that began the dialog has no final response
// yet.
func (d *Dialog) Early() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.early
}

// Confirmed is closed when both ends know that the call was answered: for the
// callee when ACK came, for the caller when it has the 2xx.
func (d *Dialog) Confirmed() <-chan struct{} { return d.confirmed }

func (d *Dialog) confirm() { d.confirmOnce.Do(func() { close(d.confirmed) }) }

// Done is closed when the dialog has ended.
func (d *Dialog) Done() <-chan struct{} { return d.done }

// Err tells, once Done is closed, why: nil after a BYE from either side,
// ErrNoACK, ErrNoPRACK, ErrExpired, transaction.ErrTimeout, or a *RejectedError
// with the 408 or 481 by which the other end turned out to know nothing of the
// dialog. An early one that was not answered ends with the *RejectedError of
// its INVITE, ErrElsewhere, or the error of Invite.
func (d *Dialog) Err() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.err
}

// end ends the dialog; it is false if it has ended before.
func (d *Dialog) end(err error) (now bool) {
	d.endOnce.Do(func() {
		now = true
		d.mu.Lock()
		d.err = err
		d.unacked.stop()
		d.unacked = nil
		d.reliable.stop()
		d.session.stop()
		d.reminder.stop()
		silent := d.silent
		d.mu.Unlock()
		d.set.remove(d)
		close(d.done)
		if f := d.set.cfg.end; f != nil && !silent {
			d.set.ep.NewTimer(func() { f(d) }).Reset(0) // on a worker
		}
	})
	return now
}

// discard ends a dialog that the program was not given.
func (d *Dialog) discard(err error) {
	d.mu.Lock()
	d.silent = true
	d.mu.Unlock()
	d.end(err)
}

func (d *Dialog) ended() bool {
	select {
	case <-d.done:
		return true
	default:
		return false
	}
}
