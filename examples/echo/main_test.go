package main

import (
	"context"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/transport"
	"github.com/patchbay-sip/patchbay/transaction"
	"github.com/patchbay-sip/patchbay/transaction/dialog"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A caller is a phone with an ear.
type caller struct {
	calls *dialog.Set
	sound *net.UDPConn
	echo  sip.URI
	stop  context.CancelFunc // interrupts the mirror
}

// dial starts a mirror and a caller beside it.
func dial(t *testing.T) *caller {
	udp, err := transport.ListenUDP("127.0.0.1:0")
	require.NoError(t, err)
	c := &caller{echo: sip.NewURI("echo", "127.0.0.1", udp.Addrs()[0].Port())}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 2)
	interrupted, interrupt := context.WithCancel(context.Background())
	c.stop = interrupt
	go func() { ended <- serve(interrupted, udp) }()

	ours, err := transport.ListenUDP("127.0.0.1:0")
	require.NoError(t, err)
	c.sound, err = net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	require.NoError(t, c.sound.SetDeadline(time.Now().Add(10*time.Second)))
	endpoint := transaction.New()
	c.calls = dialog.NewSet(endpoint, nil)
	go func() { ended <- endpoint.Serve(ctx, c.calls, ours) }()
	t.Cleanup(func() {
		c.stop()
		require.ErrorIs(t, <-ended, net.ErrClosed)
		stop()
		require.ErrorIs(t, <-ended, net.ErrClosed)
		require.NoError(t, c.sound.Close())
	})
	return c
}

func (c *caller) invite(body string, fields ...string) *sip.Request {
	invite := sip.NewRequest(sip.INVITE, c.echo, sip.Address{URI: sip.MustParseURI("sip:alice@example.com")}, sip.Address{URI: c.echo})
	invite.SetBody("application/sdp", body)
	for i := 0; i < len(fields); i += 2 {
		invite.Add(fields[i], fields[i+1])
	}
	return invite
}

func (c *caller) offer() string {
	return "v=0\r\no=- 7 7 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n" +
		"m=audio " + c.sound.LocalAddr().String()[len("127.0.0.1:"):] + " RTP/AVP 0\r\n"
}

// say sends a packet to the mirror of a call.
func (c *caller) say(t *testing.T, call *dialog.Dialog, from *net.UDPConn, packet string) {
	_, at := mirrored(call.Response().Body(), netip.AddrPort{})
	_, err := from.WriteToUDPAddrPort([]byte(packet), at)
	require.NoError(t, err)
}

func hear(t *testing.T, conn *net.UDPConn) string {
	buf := make([]byte, 100)
	n, _, err := conn.ReadFromUDPAddrPort(buf)
	require.NoError(t, err)
	return string(buf[:n])
}

func TestEcho(t *testing.T) {
	for name, fields := range map[string][]string{
		"plain":         {},
		"100rel":        {"Require", "100rel"},
		"session timer": {"Require", "timer", "Session-Expires", "1800"},
	} {
		t.Run(name, func(t *testing.T) {
			c := dial(t)
			ringing := make(chan string, 1)
			call, err := c.calls.Invite(t.Context(), c.invite(c.offer(), fields...), sip.Target{},
				dialog.OnProvisional(func(resp *sip.Response) { ringing <- resp.Body() }))
			require.NoError(t, err)
			require.Equal(t, call.Response().Body(), <-ringing)
			require.Equal(t, name == "session timer", call.Response().Has("Session-Expires"))

			for _, packet := range []string{"one", "two"} {
				c.say(t, call, c.sound, packet)
				require.Equal(t, packet, hear(t, c.sound))
			}
			require.NoError(t, call.Bye(t.Context()))
		})
	}
}

// An offer that names another address than the call came from brings nothing upon that address, unless it wants it.
func TestSoundForSomebodyElse(t *testing.T) {
	c := dial(t)
	other, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 2)})
	require.NoError(t, err)
	defer other.Close()
	require.NoError(t, other.SetDeadline(time.Now().Add(10*time.Second)))
	_, port, err := net.SplitHostPort(other.LocalAddr().String())
	require.NoError(t, err)
	offer := "v=0\r\nc=IN IP4 127.0.0.2\r\nm=audio " + port + " RTP/AVP 0\r\n"
	call, err := c.calls.Invite(t.Context(), c.invite(offer), sip.Target{})
	require.NoError(t, err)
	c.say(t, call, c.sound, "a brick")
	c.say(t, call, other, "a ball")
	require.Equal(t, "a ball", hear(t, other))
	require.NoError(t, call.Bye(t.Context()))
}

// Whoever talks to the mirror when it is taken down is hung up on.
func TestInterrupted(t *testing.T) {
	c := dial(t)
	call, err := c.calls.Invite(t.Context(), c.invite(c.offer()), sip.Target{})
	require.NoError(t, err)
	c.stop()
	<-call.Done()
	require.NoError(t, call.Err())
}

// What offers no plain audio is not acceptable.
func TestNothingToReflect(t *testing.T) {
	c := dial(t)
	for _, body := range []string{
		"", "nonsense", "v=0\r\nm=audio\r\n",
		"v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 0 RTP/AVP 0\r\n",
		"v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 6000 RTP/SAVP 0\r\n",
		"v=0\r\nc=IN IP4 somewhere\r\nm=audio 6000 RTP/AVP 0\r\n",
	} {
		_, err := c.calls.Invite(t.Context(), c.invite(body), sip.Target{})
		var rejected *dialog.RejectedError
		require.ErrorAs(t, err, &rejected)
		require.Equal(t, 488, rejected.Response.StatusCode, "%q", body)
	}
}

func TestMirrored(t *testing.T) {
	us := netip.MustParseAddrPort("[2001:db8::1]:4000")
	answer, caller := mirrored("v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n"+
		"m=video 5000 RTP/AVP 99\r\na=rtpmap:99 VP8/90000\r\n"+
		"m=audio 5002 RTP/AVP 0 96\r\nc=IN IP4 192.0.2.8\r\na=rtpmap:96 opus/48000/2\r\na=sendrecv\r\n"+
		"m=audio 5004 RTP/AVP 0\r\n", us)
	require.Equal(t, "192.0.2.8:5002", caller.String())
	require.Equal(t, "v=0\r\no=- 1 1 IN IP6 2001:db8::1\r\ns=-\r\nc=IN IP6 2001:db8::1\r\nt=0 0\r\n"+
		"m=video 0 RTP/AVP 99\r\n"+
		"m=audio 4000 RTP/AVP 0 96\r\na=rtpmap:96 opus/48000/2\r\n"+
		"m=audio 0 RTP/AVP 0\r\n", answer)
}
