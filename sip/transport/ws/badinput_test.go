package ws_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip/transport/ws"
)

// raw is a WebSocket of which the test writes each octet.
type raw struct {
	net.Conn
	r *bufio.Reader
}

func openRaw(t testing.TB, s *ws.Server) raw {
	t.Helper()
	nc, err := net.Dial("tcp", s.Addrs()[0].String())
	require.NoError(t, err)
	t.Cleanup(func() { nc.Close() })
	fmt.Fprintf(nc, "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"+
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: sip\r\n"+
		"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n")
	c := raw{nc, bufio.NewReader(nc)}
	resp, err := http.ReadResponse(c.r, nil)
	require.NoError(t, err)
	require.Equal(t, 101, resp.StatusCode)
	return c
}

// frame is one of a client, with a mask of zeros. claimed is its length, if that
// is not the payload's.
func frame(first byte, payload string, claimed ...uint64) string {
	length := uint64(len(payload))
	if len(claimed) > 0 {
		length = claimed[0]
	}
	b := binary.BigEndian.AppendUint64([]byte{first, 0x80 | 127}, length)
	return string(b) + "\x00\x00\x00\x00" + payload
}

// closing reads up to the close frame and returns its code, or 0 if there is none.
func (c raw) closing() websocket.StatusCode {
	rest, _ := io.ReadAll(c.r)
	for len(rest) >= 4 && rest[0] != 0x88 {
		rest = rest[min(len(rest), 2+int(rest[1])):] // short frames alone
	}
	if len(rest) < 4 {
		return 0
	}
	return websocket.StatusCode(binary.BigEndian.Uint16(rest[2:]))
}

func inUse() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

// TestBadFrames: each is answered as its rule wants it, the connection closed,
// and another one goes on.
func TestBadFrames(t *testing.T) {
	checkLeaks(t)
	s := listen(t)
	r := serve(t, s)
	good := connect(t, s)
	const text, binaryFrame, more, ping, fin, rsv1 = 0x81, 0x82, 0x00, 0x89, 0x80, 0xc1
	flood := strings.Repeat("x", 70_000)
	broken := uint64(0)
	for name, c := range map[string]struct {
		sent string
		code websocket.StatusCode
	}{
		"a frame of 10 MB":            {frame(text, strings.Repeat("x", 10<<20)), -1},
		"a frame that claims 10 MB":   {frame(text, flood, 10<<20), 1009},
		"a frame that claims 2^62":    {frame(binaryFrame, flood, 1<<62), 1009},
		"10 MB in fragments":          {frame(0x01, flood[:40_000]) + frame(more, flood[:40_000]), 1009},
		"compressed":                  {frame(rsv1, "abc"), 1002},
		"text that is no UTF-8":       {frame(text, "\xff\xfe"), 1007},
		"a fragment of nothing":       {frame(fin|more, "x"), 1002},
		"a message within another":    {frame(0x01, "x") + frame(text, "y"), 1002},
		"a fragmented ping":           {frame(0x09, "x"), 1002},
		"a ping of 200 octets":        {frame(ping, flood[:200]), 1002},
		"an unknown opcode":           {frame(0x83, "x"), 1002},
		"garbage":                     {"\xde\xad\xbe\xef\xde\xad\xbe\xef", 1002},
		"no mask":                     {"\x81\x02hi", 1002},
		"a close of one octet":        {frame(0x88, "x"), 1002},
		"a close":                     {frame(0x88, "\x03\xe8"), 1000},
		"a close without a code":      {frame(0x88, ""), 0},
		"the end in the middle":       {frame(text, "x", 1000), 1001},
		"SIP over TCP on a WebSocket": {options("a"), 1002},
	} {
		t.Run(name, func(t *testing.T) {
			before := inUse()
			conn := openRaw(t, s)
			written := make(chan struct{})
			go func() {
				defer close(written)
				io.WriteString(conn, c.sent) // the server may close before it is all there
				if name == "the end in the middle" {
					conn.Conn.(*net.TCPConn).CloseWrite()
				}
			}()
			if code := conn.closing(); c.code >= 0 {
				require.Equal(t, c.code, code)
			}
			switch c.code {
			case -1, websocket.StatusProtocolError, websocket.StatusInvalidFramePayloadData, websocket.StatusMessageTooBig:
				broken++
			}
			conn.Close()
			<-written
			require.Error(t, <-r.failed)
			require.Equal(t, broken, s.Stats().Conns.Unframed)
			require.Less(t, inUse()-before, int64(2<<20))
			require.Empty(t, r.messages)
			write(t, good, options("good"))
			<-r.messages
		})
	}
}

// TestBadRequests: what is no WebSocket is answered as HTTP wants it, closed and
// counted.
func TestBadRequests(t *testing.T) {
	checkLeaks(t)
	s := listen(t)
	r := serve(t, s)
	good := connect(t, s)
	get := "GET / HTTP/1.1\r\nHost: h\r\n"
	for name, c := range map[string]struct{ sent, answer string }{
		"a web browser":       {get + "\r\n", "HTTP/1.1 426 "},
		"two of them":         {get + "\r\n" + get + "\r\n", "HTTP/1.1 426 "},
		"garbage":             {"\xde\xad\xbe\xef\r\n\r\n", "HTTP/1.1 400 "},
		"SIP over TCP":        {options("a"), "HTTP/1.1 400 "},
		"TLS":                 {"\x16\x03\x01\x00\xf4\x01\x00\x00\xf0\x03\x03\r\n\r\n", "HTTP/1.1 400 "},
		"an endless header":   {get + strings.Repeat("X: yyyyyyyyyyyyyy\r\n", 10_000), "HTTP/1.1 431 "},
		"an endless line":     {get + "X: " + strings.Repeat("y", 200_000), "HTTP/1.1 431 "},
		"1 GiB of a body":     {strings.Replace(get, "GET", "POST", 1) + "Content-Length: 1073741824\r\n\r\n" + strings.Repeat("x", 1000), "HTTP/1.1 426 "},
		"the end in the line": {"GET / HT", "HTTP/1.1 400 "},
	} {
		t.Run(name, func(t *testing.T) {
			before, memory := s.Stats().Conns, inUse()
			conn, err := net.Dial("tcp", s.Addrs()[0].String())
			require.NoError(t, err)
			defer conn.Close()
			_, _ = io.WriteString(conn, c.sent) // the server may close before it is all there
			require.NoError(t, conn.(*net.TCPConn).CloseWrite())
			answer, _ := io.ReadAll(conn) // closed, or reset behind the answer
			require.True(t, strings.HasPrefix(string(answer), c.answer), "%q", answer)
			require.Equal(t, 1, strings.Count(string(answer), "HTTP/1.1 "))
			write(t, good, options("good"))
			require.Equal(t, "good", (<-r.messages).m.Head().CallID())
			// A while after the end, so that the answer is not lost.
			require.Eventually(t, func() bool { return s.Stats().Conns.Handshake == before.Handshake+1 }, 10*time.Second, time.Millisecond)
			require.Less(t, inUse()-memory, int64(2<<20))
			require.Empty(t, r.malformed)
		})
	}
	require.Equal(t, 1, s.Stats().Conns.Open)
}

// TestBadMessages: what is whole in its frame spoils nothing but itself.
func TestBadMessages(t *testing.T) {
	checkLeaks(t)
	s := listen(t)
	r := serve(t, s)
	c := connect(t, s)
	for name, bad := range map[string]struct {
		text string
		code int // 0: no SIP, dropped
	}{
		"garbage":              {"garbage", 0},
		"HTTP":                 {"GET / HTTP/1.1\r\nHost: h\r\n\r\n", 0},
		"an empty message":     {"", 0},
		"a lying length":       {strings.Replace(options("a"), "CSeq", "Content-Length: 1073741824\r\nCSeq", 1), 400},
		"10,000 header fields": {strings.Replace(options("a"), "CSeq", strings.Repeat("X:\r\n", 10_000)+"CSeq", 1), 400},
		"no empty line":        {strings.TrimSuffix(options("a"), "\r\n"), 400},
	} {
		t.Run(name, func(t *testing.T) {
			write(t, c, bad.text)
			if bad.code != 0 {
				require.Equal(t, bad.code, (<-r.malformed).err.Code)
			}
			write(t, c, options("good"))
			require.Equal(t, "good", (<-r.messages).m.Head().CallID())
			require.Empty(t, r.malformed)
		})
	}
	require.EqualValues(t, 2, s.Stats().Dropped.NotSIP)
}

// TestFragments: a message may come in any number of fragments, with control
// frames between them, octet by octet.
func TestFragments(t *testing.T) {
	checkLeaks(t)
	s := listen(t)
	r := serve(t, s)
	c := openRaw(t, s)
	text := options("a")
	var frames bytes.Buffer
	frames.WriteString(frame(0x01, text[:10]))
	for i := 10; i < 100; i++ {
		frames.WriteString(frame(0x00, text[i:i+1]))
		frames.WriteString(frame(0x89, "?"))
	}
	frames.WriteString(frame(0x80, text[100:]) + frame(0x81, options("b")))
	for _, b := range frames.Bytes() {
		_, err := c.Write([]byte{b})
		require.NoError(t, err)
	}
	require.Equal(t, "a", (<-r.messages).m.Head().CallID())
	require.Equal(t, "b", (<-r.messages).m.Head().CallID())
	pongs := make([]byte, 90*3)
	_, err := io.ReadFull(c.r, pongs)
	require.NoError(t, err)
	require.Equal(t, strings.Repeat("\x8a\x01?", 90), string(pongs))
}
