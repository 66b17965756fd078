// Package memnet is a network in memory: datagram sockets, listeners and
// stream connections that satisfy package net's interfaces, for tests of
// whatever speaks through them.
//
// A Network without options delivers each datagram at once and in order.
// Options make it slow, lossy or disorderly; what becomes of the nth datagram
// between two addresses follows from the seed alone, so that a test that
// failed fails again.
//
// It works inside testing/synctest bubbles, where delays and deadlines pass in
// virtual time: make the Network inside the bubble. It starts no goroutine.
//
// There are no hosts and no routes. Any IP address may be used, each socket
// has one of its own, and every socket reaches every other one. The
// unspecified addresses 0.0.0.0 and :: cannot be listened on; an empty host is
// 127.0.0.1.
package memnet
