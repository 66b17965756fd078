package transport_test

import (
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/transport"
	"github.com/patchbay-sip/patchbay/sip/transport/memnet"
)

// stream starts a TCP transport and connects a bare stream to it.
func stream(t testing.TB, r *recorder, opts ...transport.Option) (*transport.TCP, net.Conn) {
	t.Helper()
	n := memnet.New()
	tr := tcpOn(t, n, "10.0.0.1:5060", opts...)
	serveSink(t, tr, r)
	return tr, dial(t, n, "10.0.0.2", "10.0.0.1:5060")
}

// answer400 answers what is malformed, as the transaction layer does.
func answer400(t testing.TB, send func(sip.Flow, sip.Message) error) func(sip.Flow, sip.Message, *sip.ParseError) {
	return func(f sip.Flow, m sip.Message, err *sip.ParseError) {
		if err != nil {
			if err := send(f, sip.NewResponse(m.(*sip.Request), err.Code)); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestFrameSegments: the same messages in any segmentation.
func TestFrameSegments(t *testing.T) {
	text := options("a") + request("MESSAGE", "b", "192.0.2.1", "body\r\n\r\nOPTIONS x") + "\r\n" +
		options("c") + request("MESSAGE", "d", "192.0.2.1", strings.Repeat("long ", 4000)) + options("e")
	for _, size := range []int{1, 2, 3, 7, 100, 1000, 2047, 2048, 2049, len(text)} {
		r := newRecorder()
		tr, c := stream(t, r)
		for rest := text; rest != ""; {
			n := min(size, len(rest))
			_, err := io.WriteString(c, rest[:n])
			require.NoError(t, err)
			rest = rest[n:]
		}
		for _, id := range []string{"a", "b", "c", "d", "e"} {
			got := (<-r.messages).m
			require.Equal(t, id, got.Head().CallID(), "segments of %d", size)
			switch id {
			case "b":
				require.Equal(t, "body\r\n\r\nOPTIONS x", got.Body())
			case "d":
				require.Len(t, got.Body(), 20000)
			}
		}
		require.Empty(t, r.malformed)
		require.Zero(t, tr.Stats().KeepAlives)
		require.NoError(t, c.Close())
		<-r.failed
	}
}

// TestFrameKeepAlives: a double CRLF between messages is answered with one
// CRLF, and nothing else is (RFC 5626 section 4.4.1).
func TestFrameKeepAlives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRecorder()
		tr, c := stream(t, r)
		write := func(s string) {
			_, err := io.WriteString(c, s)
			require.NoError(t, err)
			synctest.Wait()
		}
		pongs := func() string {
			b := make([]byte, 100)
			require.NoError(t, c.SetReadDeadline(time.Now().Add(time.Second)))
			n, _ := c.Read(b)
			return string(b[:n])
		}
		write("\r\n\r\n")
		require.Equal(t, "\r\n", pongs())
		for _, part := range []string{"\r", "\n", "\r", "\n"} { // in any segments
			write(part)
		}
		require.Equal(t, "\r\n", pongs())
		write(options("a") + "\r\n\r\n" + options("b"))
		require.Equal(t, "\r\n", pongs())
		require.Len(t, r.messages, 2)

		// A segment that holds only a message's last CRLF is no keep-alive, nor
		// is one CRLF behind it.
		text := options("c")
		write(text[:len(text)-4])
		write("\r\n\r\n")
		require.Len(t, r.messages, 3)
		write("\r\n")
		write(options("d"))
		require.Empty(t, pongs())
		require.Len(t, r.messages, 4)
		require.EqualValues(t, 3, tr.Stats().KeepAlives)

		// Our own ping, and the pong, which is taken for nothing else.
		require.NoError(t, tr.Ping((<-r.messages).flow))
		require.Equal(t, "\r\n\r\n", pongs())
		write("\r\n")
		write(options("e"))
		require.Empty(t, pongs())
		require.Len(t, r.messages, 4)
	})
}

// TestFrameMalformedMessage: a message that is wrong, but whose end is known,
// costs the connection nothing.
func TestFrameMalformedMessage(t *testing.T) {
	r := newRecorder()
	_, c := stream(t, r)
	bad := strings.Replace(options("bad"), "Max-Forwards: 70", "no colon", 1)
	_, err := io.WriteString(c, bad+options("good"))
	require.NoError(t, err)
	got := <-r.malformed
	require.Equal(t, 400, got.err.Code)
	require.Contains(t, got.m.Head().Get("Via"), "received=10.0.0.2", "so that the 400 finds its way")
	require.Equal(t, "good", (<-r.messages).m.Head().CallID())
}

// TestFrameLost: when nobody can tell where the next message begins, the
// request is answered and the connection closed.
func TestFrameLost(t *testing.T) {
	length := func(s string) string { return strings.Replace(options("a"), "Content-Length: 0", s, 1) }
	for name, bad := range map[string]struct {
		text string
		code string
	}{
		"no Content-Length":       {length("X: 1"), "400"},
		"negative Content-Length": {length("Content-Length: -1"), "400"},
		"no number":               {length("Content-Length: many"), "400"},
		"two numbers":             {length("Content-Length: 1\r\nl: 2"), "400"},
		"1 GiB":                   {length("Content-Length: 1073741824"), "513"},
		"beyond 64 bits":          {length("Content-Length: 99999999999999999999999"), "400"},
		"endless header":          {strings.Replace(options("a"), "Max", "X: "+strings.Repeat("x", 70000), 1), "513"},
		"endless fields":          {strings.TrimSuffix(options("a"), "\r\n") + strings.Repeat("X: y\r\n", 20000), "513"},
		"no SIP":                  {"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n", ""},
		"noise":                   {"\xff\xfe\x00", ""},
		"a response":              {"SIP/2.0 200 OK\r\nContent-Length: x\r\n\r\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := memnet.New()
				tr := tcpOn(t, n, "10.0.0.1:5060")
				r := newRecorder()
				r.on = answer400(t, tr.Send)
				serveSink(t, tr, r)
				c := dial(t, n, "10.0.0.2", "10.0.0.1:5060")
				start := time.Now()
				go io.WriteString(c, bad.text+options("after"))
				all, err := io.ReadAll(c)
				require.NoError(t, err)
				require.Less(t, time.Since(start), time.Second, "the stream is closed behind the answer")
				if bad.code == "" {
					require.Empty(t, all)
					require.Empty(t, r.malformed)
				} else {
					require.Regexp(t, "^SIP/2.0 "+bad.code+" ", string(all))
					require.Equal(t, 1, strings.Count(string(all), "SIP/2.0 "+bad.code))
				}
				require.NoError(t, c.Close())
				require.Error(t, (<-r.failed).err)
				require.Empty(t, r.messages)
				require.Zero(t, tr.Stats().Conns.Open)
				require.EqualValues(t, 1, tr.Stats().Conns.Unframed)

				// Others are unharmed.
				_, err = io.WriteString(dial(t, n, "10.0.0.3", "10.0.0.1:5060"), options("other"))
				require.NoError(t, err)
				require.Equal(t, "other", (<-r.messages).m.Head().CallID())
			})
		})
	}
}

// TestFrameLostUnanswered: a Sink that does not answer keeps the connection
// for a second at most, and so does a peer that goes on sending.
func TestFrameLostUnanswered(t *testing.T) {
	bad := strings.Replace(options("a"), "Content-Length: 0", "Content-Length: x", 1)
	synctest.Test(t, func(t *testing.T) {
		r := newRecorder()
		_, c := stream(t, r)
		start := time.Now()
		_, err := io.WriteString(c, bad)
		require.NoError(t, err)
		<-r.failed
		require.Equal(t, time.Second, time.Since(start))
	})
	synctest.Test(t, func(t *testing.T) {
		r := newRecorder()
		_, c := stream(t, r)
		_, err := io.WriteString(c, bad)
		require.NoError(t, err)
		sent := 0
		for err == nil {
			var n int
			n, err = c.Write(make([]byte, 10000))
			sent += n
		}
		require.Less(t, sent, 400<<10)
		<-r.failed
	})
}
