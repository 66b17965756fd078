package main

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// rubbish is what port scanners, other protocols and broken programs send.
var rubbish = []string{
	"", "\x00", strings.Repeat("\x00", 9000), "\xde\xad\xbe\xef", strings.Repeat("A", 9000),
	"GET / HTTP/1.1\r\nHost: h\r\n\r\n", "EHLO h\r\n", "\x16\x03\x01", "\x81\x85\x00\x00\x00\x00hello",
	"\x00\x01\x00\x00\x21\x12\xa4\x42transaction!", "OPTIONS sip:h SIP/2.0\r\n", "SIP/2.0 200 OK\r\n\r\n", "\r\n\r\n",
	"INVITE sip:h SIP/2.0\r\nContent-Length: 1073741824\r\n\r\n",
}

// Each port takes rubbish, some of it on connections that are never closed, and
// goes on serving phones within the same memory.
func TestRubbishOnEveryPort(t *testing.T) {
	defer goleak.VerifyNone(t)
	s := start(t, "--auth", "off", "--tls", "127.0.0.1:0", "--ws", "127.0.0.1:0", "--wss", "127.0.0.1:0")
	defer s.stop()
	ports := map[string][2]string{
		"UDP": {"udp", s.udp}, "TCP": {"tcp", s.tcp},
		"TLS": {"tcp", s.others["TLS"]}, "WS": {"tcp", s.others["WS"]}, "WSS": {"tcp", s.others["WSS"]},
	}
	before := inUse()
	for range 20 {
		for _, port := range ports {
			for _, text := range rubbish {
				c, err := net.Dial(port[0], port[1])
				require.NoError(t, err)
				defer c.Close()
				_, _ = io.WriteString(c, text) // it may be closed already
			}
		}
	}
	for name, port := range ports {
		require.Equal(t, "SIP/2.0 200 OK", registerAt(t, name, port[1]), name)
	}
	require.Less(t, inUse()-before, int64(32<<20)) // for 1120 connections, both ends
}

// registerAt registers through a port of a network, as a phone does.
func registerAt(t *testing.T, network, addr string) string {
	t.Helper()
	switch network {
	case "UDP", "TCP":
		return register(t, strings.ToLower(network), addr)
	case "TLS":
		c, err := tls.DialWithDialer(&net.Dialer{Timeout: 5 * time.Second}, "tcp", addr, &tls.Config{InsecureSkipVerify: true})
		require.NoError(t, err)
		return registerOn(t, "tls", c, addr)
	}
	c, err := browser(t, fmt.Sprintf("%s://%s", strings.ToLower(network), addr), nil)
	require.NoError(t, err)
	defer c.CloseNow()
	return webRegister(t, c, network, addr)
}

func inUse() int64 {
	runtime.GC()
	runtime.GC() // what pools hold goes with the second one
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}
