package udpio

import (
	"context"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// openSiblings opens n more sockets on first's address. first was bound without
// SO_REUSEPORT, so nobody else can be there; the option counts from when it
// is set (the kernel starts a group when the second socket is bound).
func openSiblings(ctx context.Context, network string, first *net.UDPConn, n int) ([]*net.UDPConn, error) {
	raw, err := first.SyscallConn()
	if err != nil {
		return nil, err
	}
	if err := reusePort("", "", raw); err != nil {
		return nil, err
	}
	lc := net.ListenConfig{Control: reusePort}
	siblings := make([]*net.UDPConn, 0, n)
	for range n {
		pc, err := lc.ListenPacket(ctx, network, first.LocalAddr().String())
		if err != nil {
			closeAll(siblings)
			return nil, err
		}
		siblings = append(siblings, pc.(*net.UDPConn))
	}
	return siblings, nil
}

func reusePort(_, _ string, raw syscall.RawConn) error {
	return control(raw, func(fd int) error {
		return os.NewSyscallError("setsockopt", unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1))
	})
}

// control runs f on the file descriptor.
func control(raw syscall.RawConn, f func(fd int) error) error {
	var err error
	if closed := raw.Control(func(fd uintptr) { err = f(int(fd)) }); closed != nil {
		return closed
	}
	return err
}
