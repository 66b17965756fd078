package memnet

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// pipe is one direction of a stream.
type pipe struct {
	network *Network
	link    *link

	mu            sync.Mutex
	cond          sync.Cond
	buf           []byte // arrived; read up to off
	off           int
	flight        int       // bytes that are under way
	last          time.Time // when the last of them arrives
	eof           bool      // all that was written has arrived
	readerClosed  bool
	writerClosed  bool
	readDeadline  deadline
	writeDeadline deadline
}

func newPipe(n *Network, l *link) *pipe {
	p := &pipe{network: n, link: l}
	p.cond.L = &p.mu
	return p
}

func (p *pipe) read(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		switch {
		case p.readerClosed:
			return 0, net.ErrClosed
		case p.readDeadline.expired():
			return 0, os.ErrDeadlineExceeded
		case p.off < len(p.buf) || len(b) == 0:
			n := copy(b, p.buf[p.off:])
			p.off += n
			if p.off == len(p.buf) {
				p.buf, p.off = p.buf[:0], 0
			}
			p.cond.Broadcast()
			return n, nil
		case p.eof:
			return 0, io.EOF
		}
		p.cond.Wait()
	}
}

// write returns once all of b is under way or has arrived; it waits while the
// window is full.
func (p *pipe) write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	written := 0
	for {
		room := window - p.flight - (len(p.buf) - p.off)
		switch {
		case p.writerClosed:
			return written, net.ErrClosed
		case p.writeDeadline.expired():
			return written, os.ErrDeadlineExceeded
		case p.readerClosed:
			return written, syscall.EPIPE
		case written == len(b):
			return written, nil
		case room > 0:
			n := min(room, len(b)-written)
			p.send(b[written : written+n])
			written += n
			continue
		}
		p.cond.Wait()
	}
}

// send puts data on its way; p.mu is locked.
func (p *pipe) send(data []byte) {
	at, later := p.arrival()
	if !later {
		p.append(data)
		return
	}
	p.flight += len(data)
	data = append([]byte(nil), data...)
	p.network.schedule.add(at, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.flight -= len(data)
		p.append(data)
	})
}

// append has data arrive; p.mu is locked.
func (p *pipe) append(data []byte) {
	if p.readerClosed {
		return
	}
	if p.off > 0 && len(p.buf)+len(data) > cap(p.buf) {
		p.buf = p.buf[:copy(p.buf, p.buf[p.off:])]
		p.off = 0
	}
	p.buf = append(p.buf, data...)
	p.cond.Broadcast()
}

// arrival draws when what is sent now arrives: never before what was sent
// earlier. p.mu is locked.
func (p *pipe) arrival() (at time.Time, later bool) {
	d := p.link.delay()
	if d == 0 && p.flight == 0 {
		return time.Time{}, false
	}
	at = time.Now().Add(d)
	if at.Before(p.last) {
		at = p.last
	}
	p.last = at
	return at, true
}

func (p *pipe) closeWriter() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.writerClosed {
		return
	}
	p.writerClosed = true
	p.writeDeadline.stop()
	p.cond.Broadcast()
	at, later := p.arrival()
	if !later {
		p.eof = true
		return
	}
	p.network.schedule.add(at, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.eof = true
		p.cond.Broadcast()
	})
}

func (p *pipe) closeReader() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.readerClosed = true
	p.buf, p.off = nil, 0
	p.readDeadline.stop()
	p.cond.Broadcast()
}

func (p *pipe) setReadDeadline(t time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.readerClosed {
		return net.ErrClosed
	}
	p.readDeadline.set(t, &p.cond)
	return nil
}

func (p *pipe) setWriteDeadline(t time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.writerClosed {
		return net.ErrClosed
	}
	p.writeDeadline.set(t, &p.cond)
	return nil
}
