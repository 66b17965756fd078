package main

import (
	"bytes"
	"crypto/tls"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// TestTrace: what every transport carries is in the file. (Package interop has
// tshark read such a file.)
func TestTrace(t *testing.T) {
	defer goleak.VerifyNone(t)
	file := filepath.Join(t.TempDir(), "trace")
	s := start(t, "--tls", "127.0.0.1:0", "--ws", "127.0.0.1:0", "--wss", "127.0.0.1:0", "--auth", "off", "--pcap", file)
	require.Contains(t, s.greeting, file)
	register(t, "udp", s.udp)
	register(t, "tcp", s.tcp)
	conn, err := tls.Dial("tcp", s.others["TLS"], &tls.Config{InsecureSkipVerify: true})
	require.NoError(t, err)
	registerOn(t, "tls", conn, s.others["TLS"])
	for _, network := range []string{"WS", "WSS"} {
		c, err := browser(t, strings.ToLower(network)+"://"+s.others[network], nil)
		require.NoError(t, err)
		webRegister(t, c, network, s.others[network])
		require.NoError(t, c.CloseNow())
	}
	require.Zero(t, s.stop())

	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, 5, bytes.Count(text, []byte("SIP/2.0 200 OK\r\n")))
	for _, network := range []string{"UDP", "TCP", "TLS", "WS", "WSS"} {
		require.Equal(t, 2, bytes.Count(text, []byte("Via: SIP/2.0/"+network+" ")), network)
	}
}

// TestTraceOfAnother: who cannot start does not touch the trace of who runs.
func TestTraceOfAnother(t *testing.T) {
	file := filepath.Join(t.TempDir(), "trace")
	s := start(t, "--pcap", file)
	defer s.stop()
	before, err := os.Stat(file)
	require.NoError(t, err)
	var out bytes.Buffer
	require.Equal(t, 1, run(t.Context(), []string{"--udp", s.udp, "--pcap", file}, &out, &out))
	after, err := os.Stat(file)
	require.NoError(t, err)
	require.True(t, os.SameFile(before, after))
}
