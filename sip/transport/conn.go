package transport

import (
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/patchbay-sip/patchbay/sip"
)

// Why a connection was closed, as FlowFailed tells it.
var (
	errIdle     = errors.New("transport: connection was idle for too long")
	errSlow     = errors.New("transport: no whole message in time")
	errStalled  = errors.New("transport: peer does not read")
	errUnframed = errors.New("transport: framing is lost")
)

const (
	// flushTime is how long the end of a connection waits for what is queued to
	// be written.
	flushTime = 100 * time.Millisecond
	// maxWrite is what a peer must take within Timeouts.Write.
	maxWrite = 32 << 10
)

// conn is a stream connection. One goroutine reads; another one writes, while
// there is something to write.
type conn struct {
	owner    *streams
	net      net.Conn
	flow     sip.Flow // does not change once the connection is in the table
	accepted bool
	proven   []string // names that it can be used for, with TLS; none before the handshake
	names    []string // what a certificate proved; does not change once messages are read
	writer   func()   // writeQueue, bound once

	mu       sync.Mutex
	queue    *buffer // to be written after what the writer has; nil if empty
	taken    int     // bytes that the writer has
	writing  bool    // there is a writer
	writers  sync.WaitGroup
	err      error     // why nothing more can be sent
	until    time.Time // when the last write must be done, once that is known
	stopping bool      // Close wants the reader to end
	shaking  bool      // the reader is in the TLS handshake, and writes, too
	last     bool      // what is sent next is the last
	ending   bool      // the last was sent
	sent     bool      // something was, since the reader last looked
}

func (t *streams) newConn(nc net.Conn, remote netip.AddrPort, accepted bool) *conn {
	c := &conn{
		owner:    t,
		net:      nc,
		accepted: accepted,
		flow:     sip.Flow{Network: t.Network(), Local: addrPort(nc.LocalAddr()), Remote: remote},
	}
	c.writer = c.writeQueue
	return c
}

// run reads until the connection ends, and tells so.
func (c *conn) run(sink Sink) {
	c.ended(sink, c.end(newFrameReader(c, sink).read()))
}

// ended tells that the connection is no more.
func (c *conn) ended(sink Sink, err error) {
	if c.owner.life.isClosed() {
		return
	}
	c.owner.cfg.logger.Debug("connection ended", "flow", c.flow, "err", err)
	sink.FlowFailed(c.flow, err)
}

// runSecure runs an accepted connection, of which nobody knows before the TLS
// handshake is done.
func (c *conn) runSecure(tc *tls.Conn, sink Sink) {
	if err := c.handshake(tc); err != nil {
		if !c.owner.life.isClosed() {
			c.owner.count.handshake.Add(1)
			c.owner.cfg.logger.Debug("tls handshake", "flow", c.flow, "err", err)
		}
		_ = c.end(err)
		return
	}
	c.owner.conns.offer(c)
	c.run(sink)
}

// provenNames are the names that a request must be for to be sent on this
// connection rather than on another one; "" is what TCP has for a name.
func (c *conn) provenNames() []string {
	if c.owner.secure == nil {
		return []string{""}
	}
	return c.proven
}

// end closes the connection once what is queued was written, or could not be
// in time. It returns what went wrong first.
func (c *conn) end(err error) error {
	c.owner.conns.remove(c)
	c.mu.Lock()
	if c.err == nil {
		c.err = err
	}
	err = c.err
	c.until = time.Now().Add(flushTime)
	_ = c.net.SetWriteDeadline(c.until) // fails if it is closed already
	c.mu.Unlock()
	c.writers.Wait()
	_ = c.net.Close()
	return err
}

// stop has the reader end.
func (c *conn) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopping = true
	_ = c.net.SetReadDeadline(time.Unix(1, 0)) // fails if it is closed already
	if c.shaking {
		_ = c.net.SetWriteDeadline(time.Unix(1, 0))
	}
}

// readUntil sets the reader's deadline; it returns false after stop.
func (c *conn) readUntil(t time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopping {
		return false
	}
	_ = c.net.SetReadDeadline(t) // a connection that cannot have one is not read for long
	return true
}

// wasUsed tells whether something was sent since it was asked last.
func (c *conn) wasUsed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	used := c.sent
	c.sent = false
	return used
}

// send queues a message.
func (c *conn) send(m sip.Message) error {
	framing, tap := c.owner.framing, c.owner.cfg.tap
	c.mu.Lock()
	defer c.mu.Unlock()
	text, err := c.enqueueLocked(func(b []byte) []byte {
		if framing != nil {
			return framing.AppendMessage(b, m)
		}
		return appendFramed(b, m)
	})
	if err != nil {
		return err
	}
	c.owner.count.sent.Add(1)
	if tap != nil { // under the lock, so that no answer is shown before
		if framing != nil {
			text = m.Append(nil)
		}
		tap.sent(c.flow, text)
	}
	return nil
}

// ping queues the keep-alive of RFC 5626 section 3.5.1.
func (c *conn) ping() error {
	return c.enqueue(func(b []byte) []byte {
		if f := c.owner.framing; f != nil {
			return f.AppendPing(b)
		}
		return append(b, "\r\n\r\n"...)
	})
}

// pong queues the answer to one; a peer that does not read goes without.
func (c *conn) pong() {
	_ = c.enqueue(func(b []byte) []byte { return append(b, "\r\n"...) })
}

// enqueue queues what render appends, and sees to it that it is written.
func (c *conn) enqueue(render func([]byte) []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, err := c.enqueueLocked(render)
	return err
}

// enqueueLast is enqueue for what nothing may follow.
func (c *conn) enqueueLast(render func([]byte) []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, _ = c.enqueueLocked(render) // a peer that does not read goes without it
	c.ending = true
}

// enqueueLocked returns what render has appended, which stays as it is while
// c.mu is locked.
func (c *conn) enqueueLocked(render func([]byte) []byte) ([]byte, error) {
	if c.err != nil || c.ending {
		return nil, c.owner.gone()
	}
	q := c.queue
	if q == nil {
		q = c.owner.buffers.Get().(*buffer)
		q.b = q.b[:0]
	}
	waiting := len(q.b)
	q.b = render(q.b)
	// A message alone is not refused: its size has limits of its own.
	if waiting+c.taken > 0 && len(q.b)+c.taken > c.owner.cfg.queue {
		q.b = q.b[:waiting]
		if c.queue == nil {
			c.owner.buffers.Put(q)
		}
		c.owner.count.queueFull.Add(1)
		return nil, ErrQueueFull
	}
	c.queue = q
	c.sent = true
	if !c.writing {
		c.writing = true
		c.writers.Add(1)
		go c.writer()
	}
	return q.b[waiting:], nil
}

// appendFramed appends m with a Content-Length, which a message that came in a
// datagram may lack (RFC 3261 section 18.3).
func appendFramed(b []byte, m sip.Message) []byte {
	b = m.Append(b)
	if m.Head().Has("Content-Length") {
		return b
	}
	body := m.Body()
	b = b[:len(b)-len(body)-len("\r\n")]
	b = strconv.AppendInt(append(b, "Content-Length: "...), int64(len(body)), 10)
	return append(append(b, "\r\n\r\n"...), body...)
}

// writeQueue writes until nothing is queued.
func (c *conn) writeQueue() {
	defer c.writers.Done()
	for {
		c.mu.Lock()
		out := c.queue
		if out == nil {
			c.writing, c.taken = false, 0
			if c.last {
				c.closeWrite()
			}
			c.mu.Unlock()
			return
		}
		c.queue, c.taken = nil, len(out.b)
		c.mu.Unlock()
		err := c.writeAll(out.b)
		c.owner.buffers.Put(out)
		if err != nil {
			c.fail(err)
			return
		}
	}
}

func (c *conn) writeAll(b []byte) error {
	for len(b) > 0 {
		c.mu.Lock()
		if c.until.IsZero() {
			_ = c.net.SetWriteDeadline(time.Now().Add(c.owner.cfg.timeouts.Write))
		}
		c.mu.Unlock()
		n, err := c.net.Write(b[:min(len(b), maxWrite)])
		if err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// fail ends the connection from the writer's side; the reader tells of it.
func (c *conn) fail(err error) {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		c.owner.count.stalled.Add(1)
		err = errStalled
	}
	c.mu.Lock()
	c.writing, c.taken = false, 0
	if c.err == nil {
		c.err = err
	}
	c.mu.Unlock()
	_ = c.net.Close()
}

// finish has the stream towards the peer end behind the next message, or
// behind the one that was just sent.
func (c *conn) finish() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = true
	if c.sent && !c.writing {
		c.closeWrite()
	}
}

// linger reads on for a while, for nothing, so that the peer can read what was
// sent last. It uses buf.
func (c *conn) linger(buf []byte) {
	if !c.readUntil(time.Now().Add(lingerTime)) {
		return
	}
	for n := 0; n < lingerBytes; {
		m, err := c.net.Read(buf)
		if err != nil {
			return
		}
		n += m
	}
}

// closeWrite ends the stream towards the peer, who reads all that was sent
// before; closing it wholly could tear that away. c.mu is locked.
func (c *conn) closeWrite() {
	if h, ok := c.net.(interface{ CloseWrite() error }); ok {
		_ = h.CloseWrite() // the connection is being closed anyhow
	}
}
