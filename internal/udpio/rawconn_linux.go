package udpio

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// rawConn is a socket that the runtime's poller does not watch. The poller asks
// for every event of a socket, so that the kernel wakes the thread which sleeps
// there, on behalf of whatever else waits in the program, for each packet that
// arrives and for each that has left, although nobody waits for either.
//
// Here the poller watches an epoll instance in the socket's place. That one asks
// for packets that arrive, and only while Read waits for one (EPOLLONESHOT).
type rawConn struct {
	events *os.File        // the epoll instance
	poller syscall.RawConn // events again
	wait   func(epoll uintptr) bool
	event  [1]unix.EpollEvent
	op     int  // what asks for an event: to add the socket, and from then on to modify it
	asked  bool // by wait, for an event; one goroutine reads
	empty  bool // the last read took all there was, and the next one may wait at once
	failed bool // the event was an error, or something in the queue of errors
	err    error

	mu     sync.RWMutex // held for reading while fd is used
	fd     int
	closed bool
}

// writeWait is for how long Write sleeps in the kernel before it looks whether
// the socket was closed.
const writeWait = 10 // ms

// pollable is a socket of package net.
type pollable interface {
	syscall.Conn
	io.Closer
}

// newRawConn takes the socket over: conn is closed.
func newRawConn(conn pollable) (*rawConn, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	err = unix.SetNonblock(epoll, true) // the sign for os.NewFile that it can be polled
	c := &rawConn{events: os.NewFile(uintptr(epoll), "epoll"), fd: -1, op: unix.EPOLL_CTL_ADD}
	c.wait = c.waitEvent
	if err == nil {
		err = c.takeOver(conn)
	}
	if err != nil {
		_ = c.Close()
		return nil, err
	}
	return c, nil
}

func (c *rawConn) takeOver(conn pollable) error {
	err := c.events.SetReadDeadline(time.Time{})
	if err != nil {
		return err // it cannot be polled
	}
	if c.poller, err = c.events.SyscallConn(); err != nil {
		return err
	}
	socket, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	err = control(socket, func(fd int) error {
		c.fd, err = unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
		return os.NewSyscallError("fcntl", err)
	})
	if err != nil {
		return err
	}
	return conn.Close()
}

// Control implements syscall.RawConn; f must not wait.
func (c *rawConn) Control(f func(fd uintptr)) error {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.closed {
		return net.ErrClosed
	}
	f(uintptr(c.fd))
	return nil
}

// Read implements syscall.RawConn, for one goroutine.
func (c *rawConn) Read(f func(fd uintptr) bool) error {
	for {
		if !c.empty {
			done, err := c.try(f)
			if done || err != nil {
				return err
			}
		}
		c.empty, c.asked = false, false
		if c.poller.Read(c.wait) != nil {
			return net.ErrClosed
		}
		if c.err != nil {
			return c.err
		}
	}
}

// Write implements syscall.RawConn. It keeps a thread while it waits: the send
// buffer of a UDP socket is seldom full, and not for long.
func (c *rawConn) Write(f func(fd uintptr) bool) error {
	for {
		done, err := c.try(f)
		if done || err != nil {
			return err
		}
		poll := [1]unix.PollFd{{Fd: int32(c.fd), Events: unix.POLLOUT}}
		_, _ = unix.Poll(poll[:], writeWait)
	}
}

func (c *rawConn) try(f func(fd uintptr) bool) (done bool, err error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.closed {
		return false, net.ErrClosed
	}
	return f(uintptr(c.fd)), nil
}

// waitEvent asks for an event, and when the poller says that there is one, takes
// it, by which no more are asked for. False means to wait.
func (c *rawConn) waitEvent(epoll uintptr) bool {
	if !c.asked {
		c.asked = true
		c.event[0] = unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLONESHOT}
		// What came in the meantime is an event as well.
		c.err = os.NewSyscallError("epoll_ctl", unix.EpollCtl(int(epoll), c.op, c.fd, &c.event[0]))
		c.op = unix.EPOLL_CTL_MOD
		return c.err != nil
	}
	// Without a word to Go's scheduler, see mmsg.
	n, _, _ := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, epoll, uintptr(unsafe.Pointer(&c.event[0])), 1, 0, 0, 0)
	c.failed = n != 0 && c.event[0].Events&unix.EPOLLERR != 0
	return n != 0
}

// Close closes the socket and waits for those that use it.
func (c *rawConn) Close() error {
	c.mu.Lock()
	closed := c.closed
	c.closed = true
	c.mu.Unlock()
	if closed {
		return nil
	}
	_ = c.events.Close() // the reader waits no more
	if c.fd < 0 {
		return nil
	}
	return os.NewSyscallError("close", unix.Close(c.fd))
}
