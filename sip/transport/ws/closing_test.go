package ws_test

import (
	"bytes"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip/transport"
)

// RFC 6455 section 5.5.1: no data frame goes behind a close frame, and who sends
// one is told, although the client holds the connection open.
func TestNothingBehindAClose(t *testing.T) {
	checkLeaks(t)
	for name, closing := range map[string]string{
		"by the client": frame(0x88, "\x03\xe8"),
		"by the server": frame(0x83, "x"),
	} {
		t.Run(name, func(t *testing.T) {
			s := listen(t)
			r := serve(t, s)
			conn := openRaw(t, s)
			_, err := io.WriteString(conn, frame(0x81, options("a"))+closing)
			require.NoError(t, err)
			d := <-r.messages
			head, err := conn.r.Peek(4)
			require.NoError(t, err)
			require.Equal(t, byte(0x88), head[0])

			require.ErrorIs(t, s.Send(d.flow, ok(t, d.m)), transport.ErrFlowGone)
			require.ErrorIs(t, s.Ping(d.flow), transport.ErrFlowGone)
			rest, err := io.ReadAll(conn.r)
			require.NoError(t, err)
			require.Len(t, rest, 2+int(rest[1]))
			require.False(t, bytes.Contains(rest, []byte("SIP/2.0")))
			conn.Close()
			require.Error(t, <-r.failed)
		})
	}
}
