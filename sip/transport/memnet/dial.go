package memnet

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"time"
)

// Dial connects to an address, from 127.0.0.1 or, for an IPv6 address, from
// ::1. network is "tcp" or "udp", perhaps with a 4 or 6 behind it. Without a
// listener at the address, a stream fails with an error that matches
// syscall.ECONNREFUSED; while too many connections wait there to be accepted,
// Dial waits until ctx ends.
func (n *Network) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	local := loopback
	if ap, err := parseAddr(addr); err == nil && ap.Addr().Is6() {
		local = netip.IPv6Loopback()
	}
	return n.dial(ctx, network, local, addr)
}

// Dialer returns a function like Dial that connects from the given address, as
// another host would.
func (n *Network) Dialer(local netip.Addr) func(ctx context.Context, network, addr string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		return n.dial(ctx, network, local.Unmap(), addr)
	}
}

func (n *Network) dial(ctx context.Context, network string, local netip.Addr, addr string) (net.Conn, error) {
	fail := func(err error) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
	remote, err := parseAddr(addr)
	if err != nil {
		return fail(err)
	}
	switch strings.TrimRight(network, "46") {
	case "udp":
		c, err := n.openPacket(netip.AddrPortFrom(local, 0), remote)
		if err != nil {
			return nil, err
		}
		return connectedConn{c}, nil
	case "tcp":
		c, err := n.dialStream(ctx, local, remote)
		if err != nil {
			return nil, &net.OpError{Op: "dial", Net: network, Addr: net.TCPAddrFromAddrPort(remote), Err: err}
		}
		return c, nil
	}
	return fail(net.UnknownNetworkError(network))
}

func (n *Network) dialStream(ctx context.Context, localIP netip.Addr, remote netip.AddrPort) (*streamConn, error) {
	if err := wait(ctx, 2*n.cfg.delay); err != nil {
		return nil, err
	}
	n.mu.Lock()
	l := n.listeners[remote]
	if l == nil {
		n.mu.Unlock()
		return nil, syscall.ECONNREFUSED
	}
	local, err := n.ephemeral(localIP, n.streamTaken)
	if err != nil {
		n.mu.Unlock()
		return nil, err
	}
	n.dialed[local] = struct{}{}
	n.mu.Unlock()

	client, server := n.newStream(local, remote)
	select {
	case l.queue <- server:
	case <-l.done:
		_ = client.Close()
		return nil, syscall.ECONNREFUSED
	case <-ctx.Done():
		_ = client.Close()
		return nil, ctx.Err()
	}
	select {
	case <-l.done: // perhaps too late for the listener to see what we queued
		_ = server.Close()
	default:
	}
	return client, nil
}

// wait sleeps for d, which may be 0, unless ctx ends before.
func wait(ctx context.Context, d time.Duration) error {
	if d == 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
