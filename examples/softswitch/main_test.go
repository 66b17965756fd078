package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestCommandLine(t *testing.T) {
	busy, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	defer busy.Close()

	for name, c := range map[string]struct {
		args   []string
		status int
		out    string // part of stdout
		err    string // part of stderr, which is then one line
	}{
		"version":          {args: []string{"--version"}, out: "softswitch"},
		"help":             {args: []string{"--help"}, out: "--users-file"},
		"unknown flag":     {args: []string{"--frobnicate"}, status: 1, err: "unknown flag --frobnicate"},
		"bad auth":         {args: []string{"--auth", "maybe"}, status: 1, err: "--auth must be one of"},
		"bad user":         {args: []string{"--user", "alice"}, status: 1, err: "want NAME:PASSWORD"},
		"no such file":     {args: []string{"--users-file", "/nonexistent"}, status: 1, err: "--users-file"},
		"bad expires":      {args: []string{"--min-expires", "0"}, status: 1, err: "--min-expires"},
		"bad limit":        {args: []string{"--limit-source", "-1"}, status: 1, err: "--limit-source"},
		"bad domain":       {args: []string{"--domain", "exa mple"}, status: 1, err: `--domain: "exa mple" is no domain`},
		"bad level":        {args: []string{"--log-level", "loud"}, status: 1, err: "log-level"},
		"bad address":      {args: []string{"--udp", "nowhere:port", "--tcp", ""}, status: 1, err: "nowhere:port"},
		"port in use":      {args: []string{"--udp", busy.LocalAddr().String(), "--tcp", ""}, status: 1, err: "in use"},
		"nothing to hear":  {args: []string{"--udp", "", "--tcp", ""}, status: 1, err: "nothing to listen on"},
		"unreadable key":   {args: []string{"--key-file", "/nonexistent/dir/keys"}, status: 1, err: "--key-file"},
		"cert without key": {args: []string{"--tls", "127.0.0.1:0", "--cert", "cert.pem"}, status: 1, err: "--cert and --key"},
		"no such cert":     {args: []string{"--tls", "127.0.0.1:0", "--cert", "/nonexistent", "--key", "/nonexistent"}, status: 1, err: "--cert"},
		"pcap is no file":  {args: []string{"--udp", "127.0.0.1:0", "--tcp", "", "--pcap", "/"}, status: 1, err: "--pcap"},
		"bad advertise":    {args: []string{"--advertise", "0.0.0.0"}, status: 1, err: "--advertise"},
		"unknown command":  {args: []string{"frobnicate"}, status: 1, err: "unexpected argument frobnicate"},
		"explicit command": {args: []string{"serve", "--udp", "", "--tcp", ""}, status: 1, err: "nothing to listen on"},
	} {
		t.Run(name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			require.Equal(t, c.status, run(t.Context(), c.args, &stdout, &stderr), stderr.String())
			require.Contains(t, stdout.String(), c.out)
			require.Contains(t, stderr.String(), c.err)
			if c.status != 0 {
				require.Equal(t, 1, strings.Count(stderr.String(), "\n"), "one clear line: %q", stderr.String())
			}
		})
	}
}

// server is a softswitch that runs in this process.
type server struct {
	udp, tcp string // where it listens
	others   map[string]string
	greeting string
	stderr   bytes.Buffer // to be read after stop
	stop     func() (status int)
}

// start runs softswitch on ports of its own choice and reads its greeting.
func start(t *testing.T, args ...string) *server {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	out, in := io.Pipe()
	s := &server{others: make(map[string]string)}
	status := make(chan int, 1)
	go func() {
		defer in.Close()
		status <- run(ctx, append([]string{"--udp", "127.0.0.1:0", "--tcp", "127.0.0.1:0"}, args...), in, &s.stderr)
	}()
	s.stop = func() int {
		cancel()
		go io.Copy(io.Discard, out)
		return <-status
	}
	buf := make([]byte, 4096)
	for !strings.HasSuffix(s.greeting, "\n\n") || !strings.Contains(s.greeting, "passwords") {
		n, err := out.Read(buf)
		require.NoError(t, err, "stderr: %s", &s.stderr)
		s.greeting += string(buf[:n])
	}
	for line := range strings.Lines(s.greeting) {
		if f := strings.Fields(line); len(f) == 4 && f[0] == "listening" {
			switch f[2] {
			case "UDP":
				s.udp = f[3]
			case "TCP":
				s.tcp = f[3]
			default:
				s.others[f[2]] = f[3]
			}
		}
	}
	require.NotEmpty(t, s.udp)
	require.NotEmpty(t, s.tcp)
	return s
}

// register sends one REGISTER for alice and returns the answer's first line.
func register(t *testing.T, network, addr string) string {
	t.Helper()
	conn, err := net.Dial(network, addr)
	require.NoError(t, err)
	return registerOn(t, network, conn, addr)
}

// registerOn does that on a connection, and closes it.
func registerOn(t *testing.T, network string, conn net.Conn, addr string) string {
	t.Helper()
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(5*time.Second)))
	_, err := fmt.Fprintf(conn, "REGISTER sip:%[1]s SIP/2.0\r\n"+
		"Via: SIP/2.0/%[2]s %[3]s;branch=z9hG4bK%[4]s;rport\r\n"+
		"Max-Forwards: 70\r\nFrom: <sip:alice@%[1]s>;tag=1\r\nTo: <sip:alice@%[1]s>\r\n"+
		"Call-ID: %[4]s\r\nCSeq: 1 REGISTER\r\nContact: <sip:alice@%[3]s>\r\nContent-Length: 0\r\n\r\n",
		addr, strings.ToUpper(network), conn.LocalAddr(), rand.Text()) // a port may be had again
	require.NoError(t, err)
	buf := make([]byte, 4096)
	n, err := conn.Read(buf)
	require.NoError(t, err)
	line, _, _ := strings.Cut(string(buf[:n]), "\r\n")
	return line
}

func TestServe(t *testing.T) {
	defer goleak.VerifyNone(t)
	s := start(t)
	require.Contains(t, s.greeting, "--user NAME:PASSWORD", "the text says how to add a user")
	require.Equal(t, "SIP/2.0 200 OK", register(t, "udp", s.udp), "loopback is near")
	require.Equal(t, "SIP/2.0 200 OK", register(t, "tcp", s.tcp))
	begun := time.Now()
	require.Zero(t, s.stop())
	require.Less(t, time.Since(begun), 5*time.Second)
}

func TestServeWithPasswords(t *testing.T) {
	defer goleak.VerifyNone(t)
	s := start(t, "--user", "alice:secret")
	require.NotContains(t, s.greeting, "secret")
	require.Equal(t, "SIP/2.0 401 Unauthorized", register(t, "udp", s.udp))
	require.Zero(t, s.stop())
}

func TestServeWithoutPasswords(t *testing.T) {
	s := start(t, "--auth", "off")
	require.Contains(t, s.greeting, "OFF")
	require.Equal(t, "SIP/2.0 200 OK", register(t, "udp", s.udp))
	require.Zero(t, s.stop())
}

// TestLimitSource: what comes from this host is not limited.
func TestLimitSource(t *testing.T) {
	s := start(t, "--limit-source", "1")
	for range 4 {
		require.Equal(t, "SIP/2.0 200 OK", register(t, "udp", s.udp))
		require.Equal(t, "SIP/2.0 200 OK", register(t, "tcp", s.tcp))
	}
	require.Zero(t, s.stop())
}
