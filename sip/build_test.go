package sip

import (
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

const inviteWire = "INVITE sip:bob@example.com SIP/2.0\r\n" +
	"Via: SIP/2.0/UDP a;branch=z9hG4bK1, SIP/2.0/UDP b\r\n" +
	"v:SIP/2.0/UDP c\r\n" +
	"Record-Route: <sip:p2;lr>\r\n" +
	"Record-Route: \"P\" <sip:p1;lr>;x=y\r\n" +
	"Route: <sip:next;lr>\r\n" +
	"From:  \"Alice\" <sip:alice@example.com>;tag=1\r\n" +
	"t: Bob\r\n <sip:bob@example.com>\r\n" +
	"i: call\r\n" +
	"CSeq:  7   INVITE\r\n" +
	"Max-Forwards: 70\r\n" +
	"Timestamp: 54\r\n" +
	"Authorization: Digest username=\"alice\"\r\n" +
	"Proxy-Authorization: Digest username=\"alice\", realm=\"r\"\r\n" +
	"Content-Length: 0\r\n\r\n"

func parseRequest(t testing.TB, packet string) *Request {
	m, err := Parse([]byte(packet))
	require.NoError(t, err)
	return m.(*Request)
}

func TestNewRequest(t *testing.T) {
	alice := Address{Display: "Alice", URI: MustParseURI("sip:alice@example.com")}
	bob := Address{URI: MustParseURI("sip:bob@example.com")}
	r := NewRequest(INVITE, bob.URI, alice, bob)
	cseq, err := r.CSeq()
	require.NoError(t, err)
	require.Equal(t, CSeq{1, INVITE}, cseq)
	from, err := r.From()
	require.NoError(t, err)
	require.Len(t, from.Tag(), 16)
	require.Len(t, r.CallID(), 32)
	require.Equal(t, "70", r.Get("Max-Forwards"))
	require.False(t, r.Has("Via"))
	r.PushVia(Via{Transport: "UDP", SentBy: HostPort{Host: "h"}, Params: Params{}.With("branch", NewBranch())})
	require.NoError(t, r.Validate())
	again := parseRequest(t, r.String())
	require.Equal(t, r.String(), again.String())

	other := NewRequest(BYE, bob.URI, alice.WithTag("mine"), bob)
	from, _ = other.From()
	require.Equal(t, "mine", from.Tag())
	require.NotEqual(t, r.CallID(), other.CallID())
}

func TestNewResponse(t *testing.T) {
	req := parseRequest(t, inviteWire)
	common := []string{
		"Via: SIP/2.0/UDP a;branch=z9hG4bK1, SIP/2.0/UDP b",
		"v:SIP/2.0/UDP c",
	}
	routes := []string{"Record-Route: <sip:p2;lr>", `Record-Route: "P" <sip:p1;lr>;x=y`}
	from := `From:  "Alice" <sip:alice@example.com>;tag=1`
	to := "t: Bob\r\n <sip:bob@example.com>"
	tail := []string{"i: call", "CSeq:  7   INVITE"}

	trying := NewResponse(req, 100)
	require.Equal(t, strings.Join(slices.Concat([]string{"SIP/2.0 100 Trying"}, common, []string{from, to}, tail,
		[]string{"Timestamp: 54", "Content-Length: 0", "", ""}), "\r\n"), trying.String())

	ringing := NewResponse(req, 180)
	a, err := ringing.To()
	require.NoError(t, err)
	require.Len(t, a.Tag(), 16)
	require.Equal(t, strings.Join(slices.Concat([]string{"SIP/2.0 180 Ringing"}, common, routes, []string{from, to + ";tag=" + a.Tag()}, tail,
		[]string{"Content-Length: 0", "", ""}), "\r\n"), ringing.String())

	busy := NewResponse(req, 486)
	require.Equal(t, strings.Join(slices.Concat([]string{"SIP/2.0 486 Busy Here"}, common, []string{from, to + ";tag=" + a.Tag()}, tail,
		[]string{"Content-Length: 0", "", ""}), "\r\n"), busy.String(), "one tag a request")

	inDialog := parseRequest(t, strings.Replace(inviteWire, "com>\r\ni:", "com> ;tag=x\r\ni:", 1))
	require.Contains(t, NewResponse(inDialog, 200).String(), "com> ;tag=x\r\ni: call", "a tag that is there stays")

	options := parseRequest(t, strings.ReplaceAll(inviteWire, "INVITE", "OPTIONS"))
	require.False(t, NewResponse(options, 200).Has("Record-Route"))
	require.Equal(t, "", NewResponse(req, 499).Reason)

	plain := parseRequest(t, strings.Replace(inviteWire, "t: Bob\r\n <sip:bob@example.com>", "To: sip:bob@example.com ", 1))
	a, err = NewResponse(plain, 404).To()
	require.NoError(t, err)
	require.Len(t, a.Tag(), 16)
	require.Equal(t, "sip:bob@example.com", a.URI.String())

	broken := parseRequest(t, strings.Replace(inviteWire, "t: Bob\r\n <sip:bob@example.com>", `To: "Bob`, 1))
	require.Equal(t, `"Bob`, NewResponse(broken, 400).Get("To"))
	broken.Del("To")
	require.False(t, NewResponse(broken, 400).Has("To"))
}

// TestToTag asks for responses from several goroutines and from a clone.
func TestToTag(t *testing.T) {
	req := parseRequest(t, inviteWire)
	early := req.Clone()
	tags := make([]string, 8)
	var wg sync.WaitGroup
	for i := range tags {
		wg.Go(func() {
			to, _ := NewResponse(req, 200).To()
			tags[i] = to.Tag()
		})
	}
	wg.Wait()
	require.Len(t, slices.Compact(tags), 1)
	to, _ := NewResponse(req.Clone(), 200).To()
	require.Equal(t, tags[0], to.Tag(), "a copy made afterwards answers with the same tag")
	to, _ = NewResponse(early, 200).To()
	require.NotEqual(t, tags[0], to.Tag(), "a fork made before is another request")
}

func TestNewCancel(t *testing.T) {
	require.Equal(t, "CANCEL sip:bob@example.com SIP/2.0\r\n"+
		"Via: SIP/2.0/UDP a;branch=z9hG4bK1\r\n"+
		"Max-Forwards: 70\r\n"+
		"From:  \"Alice\" <sip:alice@example.com>;tag=1\r\n"+
		"t: Bob\r\n <sip:bob@example.com>\r\n"+
		"i: call\r\n"+
		"CSeq: 7 CANCEL\r\n"+
		"Route: <sip:next;lr>\r\n"+
		"Content-Length: 0\r\n\r\n", NewCancel(parseRequest(t, inviteWire)).String())
	require.Equal(t, CANCEL, NewCancel(&Request{Method: INVITE}).Method)
}

func TestNewACKFailure(t *testing.T) {
	req := parseRequest(t, inviteWire)
	resp := NewResponse(req, 486)
	ack, err := NewACK(req, resp)
	require.NoError(t, err)
	require.Equal(t, "ACK sip:bob@example.com SIP/2.0\r\n"+
		"Via: SIP/2.0/UDP a;branch=z9hG4bK1\r\n"+
		"Max-Forwards: 70\r\n"+
		"From:  \"Alice\" <sip:alice@example.com>;tag=1\r\n"+
		"i: call\r\n"+
		"CSeq: 7 ACK\r\n"+
		"t: Bob\r\n <sip:bob@example.com>;tag="+tagOf(t, resp)+"\r\n"+
		"Route: <sip:next;lr>\r\n"+
		"Content-Length: 0\r\n\r\n", ack.String())
}

func tagOf(t *testing.T, m Message) string {
	to, err := m.Head().To()
	require.NoError(t, err)
	return to.Tag()
}

func TestNewACKSuccess(t *testing.T) {
	req := parseRequest(t, inviteWire)
	for _, tt := range []struct {
		name, recordRoute, uri string
		route                  []string
	}{
		{"no route", "", "sip:bob@192.0.2.4", nil},
		{"loose", `<sip:p3;lr>, <sip:p2;lr>;x, "P" <sip:p1;lr>`, "sip:bob@192.0.2.4",
			[]string{`"P" <sip:p1;lr>`, "<sip:p2;lr>;x", "<sip:p3;lr>"}},
		{"strict", "<sip:p4>, <sip:p3;lr>, <sip:p2>, <sip:p1;method=INVITE;x?y=z>", "sip:p1;x",
			[]string{"<sip:p2>", "<sip:p3;lr>", "<sip:p4>", "<sip:bob@192.0.2.4>"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			resp := NewResponse(req, 200)
			resp.Set("Contact", "<sip:bob@192.0.2.4?a=b>;expires=1")
			resp.Del("Record-Route")
			if tt.recordRoute != "" {
				resp.Set("Record-Route", tt.recordRoute)
			}
			ack, err := NewACK(req, resp)
			require.NoError(t, err)
			require.Equal(t, tt.uri, ack.URI.String())
			require.Equal(t, tt.route, slices.Collect(ack.Values("Route")))
			require.False(t, ack.Has("Via"))
			require.Equal(t, tagOf(t, resp), tagOf(t, ack))
			require.Equal(t, "7 ACK", ack.Get("CSeq"))
			require.Equal(t, "70", ack.Get("Max-Forwards"))
			require.Equal(t, `Digest username="alice"`, ack.Get("Authorization"))
			require.Equal(t, `Digest username="alice", realm="r"`, ack.Get("Proxy-Authorization"))
		})
	}
}

func TestNewACKErrors(t *testing.T) {
	req := parseRequest(t, inviteWire)
	ok := NewResponse(req, 200)
	for name, make := range map[string]func() (*Request, error){
		"provisional": func() (*Request, error) { return NewACK(req, NewResponse(req, 180)) },
		"no Contact":  func() (*Request, error) { return NewACK(req, ok) },
		"no CSeq":     func() (*Request, error) { return NewACK(&Request{}, ok) },
		"no Via": func() (*Request, error) {
			bare := req.Clone()
			bare.Del("Via")
			return NewACK(bare, NewResponse(req, 400))
		},
		"bad Record-Route": func() (*Request, error) {
			bad := ok.Clone()
			bad.Set("Contact", "<sip:x>")
			bad.Set("Record-Route", "<sip:")
			return NewACK(req, bad)
		},
	} {
		ack, err := make()
		require.Error(t, err, name)
		require.Nil(t, ack)
	}
}

func TestRandomIdentifiers(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		for _, id := range []string{NewTag(), NewBranch(), NewCallID()} {
			require.False(t, seen[id])
			require.True(t, isToken(id))
			seen[id] = true
		}
	}
	require.True(t, strings.HasPrefix(NewBranch(), MagicCookie))
}
