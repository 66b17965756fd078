package sip

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// frames feeds a stream in chunks of that size and returns what comes out: the
// messages, "crlf" and "ping".
func frames(t *testing.T, l Limits, stream string, chunk int) ([]string, error) {
	f := Framer{Limits: l}
	var buf []byte
	var got []string
	for len(stream) > 0 {
		n := min(chunk, len(stream))
		buf, stream = append(buf, stream[:n]...), stream[n:]
		for {
			kind, n, err := f.Next(buf)
			if err != nil {
				return got, err
			}
			if kind == FrameNone {
				require.Zero(t, n)
				break
			}
			require.Positive(t, n)
			switch kind {
			case FrameMessage:
				got = append(got, string(buf[:n]))
			case FrameCRLF:
				got = append(got, "crlf")
			case FramePing:
				got = append(got, "ping")
			}
			buf = buf[n:]
		}
	}
	return got, nil
}

const (
	framed5  = "MESSAGE sip:a@b SIP/2.0\r\nContent-Length: 5\r\n\r\nhello"
	framed0  = "SIP/2.0 200 OK\r\nl : 0\r\n\r\n"
	framedLF = "MESSAGE sip:a@b SIP/2.0\nContent-Length: 5\n\nhello"
	framedCR = "MESSAGE sip:a@b SIP/2.0\r\nContent-Length:\r\n 5\r\nl: 005\r\n\r\n\r\n\r\n\r"
)

// frameCases drive the tests of framing and their fuzz seeds.
var frameCases = []struct {
	name   string
	stream string
	want   []string
	code   int // of the error behind them
}{
	{"one", framed5, []string{framed5}, 0},
	{"several", framed5 + framed0 + framed5, []string{framed5, framed0, framed5}, 0},
	{"line ends in a body", framedCR + framed0, []string{framedCR, framed0}, 0},
	{"bare LF", framedLF + framed0, []string{framedLF, framed0}, 0},
	{"ping", "\r\n\r\n" + framed0, []string{"crlf", "ping", framed0}, 0},
	{"two pings", "\r\n\r\n\r\n\r\n", []string{"crlf", "ping", "crlf", "ping"}, 0},
	{"pong", framed0 + "\r\n" + framed0, []string{framed0, "crlf", framed0}, 0},
	{"pongs apart", "\r\n" + framed0 + "\r\n", []string{"crlf", framed0, "crlf"}, 0},
	{"bare LF between", "\n\n" + framed0, []string{"crlf", "ping", framed0}, 0},
	{"not whole", framed5[:len(framed5)-1], nil, 0},
	{"the last CRLF of a header is no keep-alive", framed0[:len(framed0)-2], nil, 0},
	{"CR alone", "\r", nil, 0},
	{"CR and text", "\rx", nil, 400},
	{"no Content-Length", "MESSAGE sip:a@b SIP/2.0\r\nX: y\r\n\r\n", nil, 400},
	{"negative", "MESSAGE sip:a@b SIP/2.0\r\nContent-Length: -1\r\n\r\n", nil, 400},
	{"contradictory", "MESSAGE sip:a@b SIP/2.0\r\nContent-Length: 1\r\nl: 2\r\n\r\n", nil, 400},
	{"1 GiB", "MESSAGE sip:a@b SIP/2.0\r\nContent-Length: 1073741824\r\n\r\n", nil, 513},
	{"2^40", "MESSAGE sip:a@b SIP/2.0\r\nContent-Length: 1099511627776\r\n\r\n", nil, 400},
	{"endless header", framed0 + "MESSAGE sip:a@b SIP/2.0\r\n" + strings.Repeat("X: y\r\n", 20000), []string{framed0}, 513},
	{"endless line", strings.Repeat("x", 70000), nil, 513},
	{"HTTP", "GET / HTTP/1.1\r\nHost: x\r\n", nil, 400},
	{"TLS", "\x16\x03\x01\x02\x00", nil, 400},
	{"not SIP in the first line", "hello\r\n", nil, 400},
}

func TestFramer(t *testing.T) {
	for _, tt := range frameCases {
		t.Run(tt.name, func(t *testing.T) {
			for _, chunk := range []int{1, 2, 3, 7, 1000, 1 << 20} {
				if len(tt.stream) > 10000 && chunk < 100 {
					continue
				}
				got, err := frames(t, Limits{}, tt.stream, chunk)
				require.Equal(t, tt.want, got, "in chunks of %d", chunk)
				if tt.code == 0 {
					require.NoError(t, err)
					continue
				}
				var parse *ParseError
				require.ErrorAs(t, err, &parse)
				require.Equal(t, tt.code, parse.Code)
			}
		})
	}
}

// TestFramerAnswers answers the request whose length is wrong.
func TestFramerAnswers(t *testing.T) {
	for _, length := range []string{"Content-Length: -1\r\n", "Content-Length: 1073741824\r\n", ""} {
		stream := strings.Replace(wire(optionsLine), "Content-Length: 0\r\n", length, 1) + "body"
		var f Framer
		kind, n, err := f.Next([]byte(stream))
		require.Error(t, err)
		require.Equal(t, FrameNone, kind)
		require.Equal(t, strings.TrimSuffix(stream, "body"), stream[:n])
		m, _ := Parse([]byte(stream[:n]))
		require.NotNil(t, m)
		require.NoError(t, m.(*Request).Validate())
	}
}

func TestFramerLimits(t *testing.T) {
	_, err := frames(t, Limits{Message: 40}, framed5, 1)
	require.Error(t, err)
	got, err := frames(t, Limits{Message: len(framed5)}, framed5+framed5, 1)
	require.NoError(t, err)
	require.Equal(t, []string{framed5, framed5}, got)
}

// TestFramerLinear gives a message of 60,000 octets one by one: looking at all
// of it each time would take seconds.
func TestFramerLinear(t *testing.T) {
	head := "MESSAGE sip:a@b SIP/2.0\r\n" + strings.Repeat("X: y\r\n", 5000)
	body := strings.Repeat("z", 30000)
	stream := []byte(head + "Content-Length: 30000\r\n\r\n" + body)
	var f Framer
	begin := time.Now()
	for i := range stream {
		kind, n, err := f.Next(stream[:i+1])
		want, size := FrameNone, n
		if i+1 == len(stream) {
			want, size = FrameMessage, len(stream)
		}
		if err != nil || kind != want || n != size { // require would take longer than Next
			t.Fatal(i, kind, n, err)
		}
	}
	require.Less(t, time.Since(begin), time.Second)
	require.True(t, bytes.HasSuffix(stream, []byte(body)))
}

func TestFramerAllocates(t *testing.T) {
	stream := []byte(framed5)
	var f Framer
	require.Zero(t, testing.AllocsPerRun(100, func() { _, _, _ = f.Next(stream) }))
}
