package transport

import (
	"errors"
	"os"
	"time"

	"github.com/patchbay-sip/patchbay/sip"
)

const (
	// smallBuffer is what an idle connection holds; most messages fit.
	smallBuffer = 2 << 10
	// busyBuffer is what a connection gets that has more to say at once.
	busyBuffer = 16 << 10
	// busyTime is how long it is kept when nothing more comes.
	busyTime = 5 * time.Second
	// lingerTime and lingerBytes bound what is read, for nothing, of a stream
	// whose framing is lost, so that the peer can read our answer: closing
	// while there is something unread would reset the connection.
	lingerTime  = time.Second
	lingerBytes = 256 << 10
)

// frameReader cuts a stream into messages (RFC 3261 section 18.3).
type frameReader struct {
	conn     *conn
	sink     Sink
	timeouts *Timeouts
	framer   sip.Framer
	buf      []byte // octets begin to end are not framed yet
	begin    int
	end      int
	heard    bool      // a whole message has come
	opened   time.Time // when the connection was made
	active   time.Time // when the connection was used last
	partial  time.Time // when a message began that is not complete; zero if none
	armed    time.Time // the deadline that is set
}

func newFrameReader(c *conn, sink Sink) *frameReader {
	cfg := &c.owner.cfg
	now := time.Now()
	return &frameReader{
		conn:     c,
		sink:     sink,
		timeouts: &cfg.timeouts,
		framer:   sip.Framer{Limits: cfg.limits},
		buf:      make([]byte, min(smallBuffer, cfg.limits.Message+1)),
		opened:   now,
		active:   now,
	}
}

// read hands on messages until the connection ends.
func (f *frameReader) read() error {
	for {
		if err := f.frames(); err != nil {
			return err
		}
		f.makeRoom()
		if err := f.fill(); err != nil {
			return err
		}
	}
}

// frames hands on what is whole.
func (f *frameReader) frames() error {
	count := &f.conn.owner.count
	for f.begin < f.end {
		kind, n, err := f.framer.Next(f.buf[f.begin:f.end])
		if err != nil {
			return f.lost(n, err)
		}
		switch kind {
		case sip.FrameNone:
			if f.partial.IsZero() {
				f.partial = f.active
			}
			return nil
		case sip.FrameMessage:
			f.heard = true
			if !f.message(f.buf[f.begin : f.begin+n]) {
				return ErrClosed
			}
		case sip.FramePing:
			count.keepAlives.Add(1)
			if !f.pace(f.buf[f.begin : f.begin+n]) {
				return ErrClosed
			}
			f.conn.pong()
		}
		f.begin += n
		f.partial = time.Time{}
	}
	return nil
}

// message hands on one that is whole, when it is its turn; it returns false
// after Close.
func (f *frameReader) message(text []byte) bool {
	if !f.pace(text) {
		return false
	}
	c := f.conn
	deliver(f.sink, &c.owner.cfg, &c.owner.count, c.flow, text, nil)
	return true
}

// pace waits until it is the turn of a message; it returns false after Close.
func (f *frameReader) pace(text []byte) (ok bool) {
	c := f.conn
	held, ok := c.owner.pace(c.flow.Remote.Addr(), text)
	if held { // by us: nobody was silent
		f.active = time.Now()
	}
	return ok
}

// makeRoom leaves place in buf behind end.
func (f *frameReader) makeRoom() {
	full := f.end == len(f.buf)
	rest := f.buf[f.begin:f.end]
	if full && (len(rest) == len(f.buf) || len(f.buf) < busyBuffer) {
		// The Framer sees to it that a message passes the limit before this does.
		f.buf = make([]byte, min(2*len(f.buf), f.conn.owner.cfg.limits.Message+1))
	}
	if full || len(rest) == 0 {
		f.begin, f.end = 0, copy(f.buf, rest)
	}
}

// fill reads once, or ends the connection when it is time.
func (f *frameReader) fill() error {
	for {
		if !f.arm() {
			return ErrClosed
		}
		n, err := f.conn.net.Read(f.buf[f.end:])
		switch {
		case n > 0:
			f.end += n
			f.active = time.Now()
			return nil // an error comes again
		case errors.Is(err, os.ErrDeadlineExceeded):
			if err := f.late(); err != nil {
				return err
			}
		case err != nil:
			return err
		}
	}
}

// deadline is when something must have come.
func (f *frameReader) deadline() time.Time {
	switch {
	case !f.partial.IsZero():
		return f.partial.Add(f.timeouts.Message)
	case f.conn.accepted && !f.heard:
		return f.opened.Add(f.timeouts.Message)
	case len(f.buf) > smallBuffer:
		return f.active.Add(min(busyTime, f.timeouts.Idle))
	}
	return f.active.Add(f.timeouts.Idle)
}

// arm sets the deadline, unless an earlier one is set already: late looks
// again then. It returns false when the connection is to end.
func (f *frameReader) arm() bool {
	d := f.deadline()
	if !f.armed.IsZero() && !d.Before(f.armed) {
		return true
	}
	f.armed = d
	return f.conn.readUntil(d)
}

// late does what has to be done when a deadline has passed.
func (f *frameReader) late() error {
	f.armed = time.Time{}
	now := time.Now()
	count := &f.conn.owner.count
	switch {
	case now.Before(f.deadline()):
		return nil
	case !f.partial.IsZero() || f.conn.accepted && !f.heard:
		count.slow.Add(1)
		return errSlow
	case len(f.buf) > smallBuffer:
		f.buf = make([]byte, smallBuffer)
		return nil
	case f.conn.wasUsed():
		f.active = now
		return nil
	}
	count.idle.Add(1)
	return errIdle
}

// lost ends the reading of a stream: nobody knows where its next message
// begins. A request whose header could be read is answered first.
func (f *frameReader) lost(header int, err error) error {
	c := f.conn
	c.owner.count.unframed.Add(1)
	c.owner.conns.retire(c)
	c.wasUsed()
	text := f.buf[f.begin:f.end]
	if header > 0 {
		text = text[:header]
	}
	if !deliver(f.sink, &c.owner.cfg, &c.owner.count, c.flow, text, err) {
		return errUnframed
	}
	c.finish()
	c.linger(f.buf)
	return errUnframed
}
