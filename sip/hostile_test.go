package sip

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// touch reads all that can be read of a message, and edits it.
func touch(m Message) {
	h := m.Head()
	_, _ = h.Via()
	for range h.Vias() {
		continue
	}
	_, _ = h.CSeq()
	for _, name := range []string{"From", "To", "Contact", "Route", "Record-Route"} {
		_, _ = h.Address(name)
		n := 0
		for a := range h.Addresses(name) {
			if n++; n < 1000 {
				touchAddress(a)
			}
		}
	}
	asked := map[string]bool{}
	for name := range h.All() {
		if !asked[name] && len(asked) < 50 {
			asked[name] = true
			_, _ = h.Uint(name)
			h.HasToken(name, "x")
		}
	}
	h.Wildcard()
	_, _ = h.PopVia()
	h.PushVia(Via{Transport: "UDP", SentBy: HostPort{Host: "h"}})
	h.PopFirst("Contact")
	switch r := m.(type) {
	case *Request:
		touchURI(r.URI)
		_ = r.Validate()
		_ = NewResponse(r, 200).String()
		_ = NewCancel(r).String()
		_ = r.Clone().String()
	case *Response:
		_ = r.Validate()
		_ = r.Clone().String()
	}
}

func touchAddress(a Address) {
	_ = a.String()
	_ = a.WithTag("x").String()
	a.Q()
	a.Expires()
	touchURI(a.URI)
}

func touchURI(u URI) {
	u.AOR()
	u.Equal(u)
	u.Equal(u.WithParam("x", "y"))
	_ = u.WithUser("u").WithHost("h", 1).WithoutParam("x").WithoutHeaders().String()
}

// within fails unless f is done soon. One that looks at a megabyte more often
// than a few times takes minutes; the bound leaves room for the race detector
// and a busy machine.
func within(t *testing.T, name string, f func()) {
	begin := time.Now()
	f()
	require.Less(t, time.Since(begin), 3*time.Second, name)
}

const megabyte = 1 << 20

// meaningful are the octets that mean something in one field or another.
const meaningful = " \t\r\n,;:\"\\<>%@[]&?=a"

var wide = Limits{Message: 4 * megabyte, Fields: megabyte, Field: 2 * megabyte, Vias: megabyte, URI: 2 * megabyte}

// TestRepeatedOctet parses a megabyte of each octet as a message, and of those
// that mean something as the value of fields, with limits that let it pass.
func TestRepeatedOctet(t *testing.T) {
	for c := range 256 {
		mass := strings.Repeat(string([]byte{byte(c)}), megabyte)
		name := string([]byte{'0' + byte(c/100), '0' + byte(c/10%10), '0' + byte(c%10)})
		within(t, name, func() {
			_, _ = Parse([]byte(mass))
			_, _ = wide.Parse([]byte(mass))
			var f Framer
			_, _, _ = f.Next([]byte(mass))
		})
		if !strings.ContainsRune(meaningful, rune(c)) {
			continue
		}
		for _, field := range []string{"Via: ", "Contact: ", "Content-Length: ", "X: \"", "m: <", "v: SIP/2.0/UDP h;", "t: \"\" <sip:"} {
			within(t, name+field, func() {
				m, _ := wide.Parse([]byte(wire(optionsLine, field+mass)))
				if m != nil {
					touch(m)
				}
			})
		}
	}
}

// TestRepeatedText repeats what is short and costs something to look at.
func TestRepeatedText(t *testing.T) {
	fill := func(s string) string { return strings.Repeat(s, megabyte/4/len(s)) }
	for _, s := range []string{
		",", ", ", `"",`, `"\",`, `\"`, "<>,", "<,", "><", ";a", ";a=b", `;a="b"`, `;a="`, ";;", "&a=b", "%41", "%",
		"SIP/2.0/UDP h,", "<sip:a@b>,", "<sip:a@b;lr>;x=y,", "sip:a@b,", "\r\n ", " \r\n ", "\n ", "\r\n\t,", "a\r\n b",
		"[", "]", "::", "[::1]", "@", "a@", "?", "?a=b", "a:", ": ", "\r\nVia: a,b", "\r\nX: y", "\r\nm: \"", "\n\n", "\r\n\r\n",
	} {
		mass := fill(s)
		for _, start := range []string{"v: ", "m: ", "Route: <sip:a@b>", "t: sip:a@b", "t: <sip:a@b;x", "t: <sip:a@b?x", "k: ", "X: "} {
			within(t, start+s, func() {
				m, _ := wide.Parse([]byte(optionsLine + "\r\n" + start + mass + "\r\n\r\n"))
				if m != nil {
					touch(m)
				}
				var f Framer
				_, _, _ = f.Next([]byte(optionsLine + "\r\n" + start + mass + "\r\n\r\n"))
			})
		}
		within(t, s, func() {
			_, _ = ParseURI(mass)
			_, _ = ParseURI("sip:" + mass)
			_, _ = ParseVia(mass)
			_, _ = ParseAddress(mass)
			_, _ = ParseParams(mass)
			_, _ = ParseCSeq(mass)
			_, _ = ParseHostPort(mass)
			_, _ = ParseQ(mass)
			Unescape(Escape(mass))
		})
	}
}

// TestManyPops takes a long list apart one by one: each pop writes the rest
// anew, so that the length of a field bounds the work.
func TestManyPops(t *testing.T) {
	m, err := Limits{Vias: 10000}.Parse([]byte(wire(optionsLine, "m: "+strings.Repeat("<sip:a>,", 1000))))
	require.NoError(t, err)
	within(t, "pop", func() {
		for range 1000 {
			_, ok := m.Head().PopFirst("Contact")
			require.True(t, ok)
		}
	})
	require.False(t, m.Head().Has("Contact"))
}

// A 420 is about as long as the request that it answers, however many tags that
// has: the sender's address may be false.
func TestManyOptionTags(t *testing.T) {
	m, err := Parse([]byte("OPTIONS sip:a SIP/2.0\r\nRequire: " + strings.Repeat("a,", 4000) + "\r\n\r\n"))
	require.NoError(t, err)
	var status *StatusError
	require.ErrorAs(t, m.(*Request).Unsupported("Require"), &status)
	require.Equal(t, 1, status.Header.Len())
	require.Less(t, len(status.Header.Get("Unsupported")), 200)
}
