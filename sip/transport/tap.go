package transport

import (
	"sync"
	"time"

	"github.com/patchbay-sip/patchbay/sip"
)

// A Tap shows a program each SIP message that transports receive and send, for
// a trace (see package pcap) or a monitor. WithTap puts it on transports, any
// number of them.
//
// Transports never wait for it: messages queue for the one goroutine that runs
// Serve, up to a bound, and those beyond it are dropped and counted. The order
// is that in which they were read, or handed over to be sent.
//
// It shows messages in the clear, whatever TLS they came through: with the
// hashes of passwords in Authorization, the keys of SRTP in SDP, and the text of
// MESSAGE.
type Tap struct {
	room int // bytes

	mu      sync.Mutex
	arrived sync.Cond // something is in waiting, or closed is set
	waiting []Tapped
	held    int // bytes of waiting, and of what Serve has not shown yet
	dropped uint64
	served  bool
	closed  bool
}

const (
	defaultTapRoom = 16 << 20
	// tappedSize is what a message holds beside its text.
	tappedSize = 192
)

// Tapped is one message.
type Tapped struct {
	// Time is when it was read, or handed over to be sent.
	Time time.Time
	Flow sip.Flow
	// Sent tells a message that went out from one that came in.
	Sent bool
	// Text is the message as it is on the wire, within TLS and the frames of
	// WebSocket. The Via of a request that came in has no received and rport of
	// ours yet.
	Text string
	// Err tells of a message that came in why it was refused: it is no SIP, or
	// it is malformed (*sip.ParseError). Text is then what there is of it, which
	// on a stream may be the header alone.
	Err error
}

// NewTap makes a tap in which messages of so many bytes may wait, headers of
// ours included; 0 stands for 16 MiB.
func NewTap(bytes int) *Tap {
	if bytes == 0 {
		bytes = defaultTapRoom
	}
	t := &Tap{room: bytes}
	t.arrived.L = &t.mu
	return t
}

// WithTap has messages shown to t, which the caller serves and closes. Without
// it nothing is spent on taps. A message that is sent is shown when it is handed
// to the network, which may still lose it. Not shown are keep-alives, STUN
// packets, and what a limit refused unread.
func WithTap(t *Tap) Option { return func(c *config) { c.tap = t } }

// Serve calls show for one message after the other until Close, and for those
// that came before Close; then it returns an error that matches net.ErrClosed.
// show may take its time. Serve may be called once.
func (t *Tap) Serve(show func(Tapped)) error {
	t.mu.Lock()
	if t.served {
		t.mu.Unlock()
		return errServing
	}
	t.served = true
	t.mu.Unlock()
	var batch []Tapped
	for {
		if batch = t.take(batch[:0]); len(batch) == 0 {
			return ErrClosed
		}
		for i := range batch {
			show(batch[i])
			t.shown(&batch[i])
		}
	}
}

// take waits for messages and swaps them for an empty slice. There are none
// when the tap is closed.
func (t *Tap) take(empty []Tapped) []Tapped {
	t.mu.Lock()
	defer t.mu.Unlock()
	for len(t.waiting) == 0 && !t.closed {
		t.arrived.Wait()
	}
	batch := t.waiting
	t.waiting = empty
	return batch
}

// shown gives the room of a message back.
func (t *Tap) shown(m *Tapped) {
	t.mu.Lock()
	t.held -= tappedSize + len(m.Text)
	t.mu.Unlock()
	*m = Tapped{}
}

// Dropped counts the messages that found no room since the tap was made.
func (t *Tap) Dropped() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.dropped
}

// Close takes no more messages and lets Serve come to its end, for which it does
// not wait. It may be called before Serve, and twice. Its error is nil.
func (t *Tap) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	t.arrived.Signal()
	return nil
}

// received queues a message that came in; err is why it was refused.
func (t *Tap) received(f sip.Flow, text []byte, err error) {
	if t != nil {
		t.put(f, text, false, err)
	}
}

// sent queues a message that goes out.
func (t *Tap) sent(f sip.Flow, text []byte) {
	if t != nil {
		t.put(f, text, true, nil)
	}
}

func (t *Tap) put(f sip.Flow, text []byte, sent bool, err error) {
	size := tappedSize + len(text)
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.closed:
	case t.held+size > t.room:
		t.dropped++
	default:
		t.held += size
		t.waiting = append(t.waiting, Tapped{Time: time.Now(), Flow: f, Sent: sent, Text: string(text), Err: err})
		t.arrived.Signal()
	}
}
