package sip

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// parseHeader parses field lines.
func parseHeader(t testing.TB, lines ...string) *Header {
	m, err := Parse([]byte(optionsLine + "\r\n" + strings.Join(append(lines, "", ""), "\r\n")))
	require.NoError(t, err)
	return m.Head()
}

// lines returns what is written of a header, line by line.
func lines(h *Header) []string {
	return strings.Split(strings.TrimSuffix(string(h.append(nil)), "\r\n\r\n"), "\r\n")
}

func TestValues(t *testing.T) {
	for _, tt := range []struct {
		name, field string
		lines, want []string
	}{
		{"list", "Via", []string{"Via: a;branch=1, b;branch=2"}, []string{"a;branch=1", "b;branch=2"}},
		{"list and repeated", "Via", []string{"v: a, b", "X: y", "VIA : c"}, []string{"a", "b", "c"}},
		{"empty elements", "Contact", []string{"Contact: <a> , , <b>", "m:", "m: ,"}, []string{"<a>", "<b>"}},
		{"comma in quotes", "Contact", []string{`m: "Bell, A. \", <" <sip:a@b>, <sip:c@d>`}, []string{`"Bell, A. \", <" <sip:a@b>`, "<sip:c@d>"}},
		{"comma in brackets", "Route", []string{"Route: <sip:a,b@c;lr>,<sip:d>"}, []string{"<sip:a,b@c;lr>", "<sip:d>"}},
		{"comma in a quoted parameter", "m", []string{`Contact: <sip:a@b>;x="1,2;3=4", <sip:c>`}, []string{`<sip:a@b>;x="1,2;3=4"`, "<sip:c>"}},
		{"folded list", "Supported", []string{"k: a\r\n ,b,\r\n\tc"}, []string{"a", "b", "c"}},
		{"no list", "Authorization", []string{`Authorization: Digest a="b", c=d`}, []string{`Digest a="b", c=d`}},
		{"comma in a date", "Date", []string{"Date: Sat, 13 Nov 2010 23:29:00 GMT"}, []string{"Sat, 13 Nov 2010 23:29:00 GMT"}},
		{"unknown name", "X-List", []string{"X-List: a, b", "x-list: c"}, []string{"a, b", "c"}},
		{"empty value of a single field", "Subject", []string{"s:"}, nil},
		{"unclosed quote", "Contact", []string{`m: "a, b`, "m: c"}, []string{`"a, b`, "c"}},
		{"unclosed bracket", "Contact", []string{"m: <a, b", "m: c"}, []string{"<a, b", "c"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			require.Equal(t, tt.want, slices.Collect(parseHeader(t, tt.lines...).Values(tt.field)))
		})
	}
}

func TestValuesStop(t *testing.T) {
	h := parseHeader(t, "Via: a, b", "Via: c")
	for v := range h.Values("Via") {
		require.Equal(t, "a", v)
		break
	}
	for v, err := range h.Vias() {
		require.Error(t, err, "an error ends the sequence")
		require.Zero(t, v)
	}
	for name := range h.All() {
		require.Equal(t, "Via", name)
		break
	}
}

// TestEdits says which lines an edit leaves; all others stay as they are.
func TestEdits(t *testing.T) {
	start := []string{"Via : a ,\t b;x", "X-One:1", "v: c", "Subject:\r\n folded \r\n value", "x-one: 2"}
	for _, tt := range []struct {
		name string
		edit func(h *Header)
		want []string
	}{
		{"nothing", func(*Header) {}, start},
		{"set replaces the first and removes the others", func(h *Header) { h.Set("X-ONE", "3") },
			[]string{start[0], "X-ONE: 3", start[2], start[3]}},
		{"set appends", func(h *Header) { h.Set("Y", "z") }, append(slices.Clone(start), "Y: z")},
		{"add", func(h *Header) { h.Add("X-One", "3") }, append(slices.Clone(start), "X-One: 3")},
		{"prepend to its own kind", func(h *Header) { h.Prepend("X-One", "0") },
			[]string{start[0], "X-One: 0", start[1], start[2], start[3], start[4]}},
		{"prepend to all", func(h *Header) { h.Prepend("Y", "z") }, append([]string{"Y: z"}, start...)},
		{"delete", func(h *Header) { h.Del("Via") }, []string{start[1], start[3], start[4]}},
		{"delete what is not there", func(h *Header) { h.Del("Y") }, start},
		{"pop an element", func(h *Header) { h.PopFirst("Via") },
			[]string{"Via : b;x", start[1], start[2], start[3], start[4]}},
		{"pop two elements", func(h *Header) { h.PopFirst("Via"); h.PopFirst("v") },
			[]string{start[1], start[2], start[3], start[4]}},
		{"pop a folded value", func(h *Header) { h.PopFirst("Subject") },
			[]string{start[0], start[1], start[2], start[4]}},
		{"pop what is not there", func(h *Header) { h.PopFirst("Y") }, start},
		{"no name", func(h *Header) { h.Set("", "x"); h.Add("", "x"); h.Prepend("", "x") }, start},
		{"edits upon edits", func(h *Header) {
			h.Add("Y", "1")
			h.Set("Y", "2")
			h.PopFirst("Y")
			h.Add("Route", "<sip:a;lr>, <sip:b;lr>")
			h.PopFirst("Route")
		}, append(slices.Clone(start), "Route: <sip:b;lr>")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := parseHeader(t, start...)
			tt.edit(h)
			require.Equal(t, strings.Join(tt.want, "\r\n"), strings.Join(lines(h), "\r\n"))
		})
	}
}

func TestEdit(t *testing.T) {
	m, err := Parse([]byte(wire(optionsLine, "m:  <sip:a>,<sip:b>", "Subject: a", "Contact: <sip:c>")))
	require.NoError(t, err)
	var seen []string
	m.Head().Edit("Contact", func(v string) string {
		seen = append(seen, v)
		return strings.ReplaceAll(v, "sip:c", "sip:d\r\nx: y")
	})
	require.Equal(t, []string{"<sip:a>,<sip:b>", "<sip:c>"}, seen)
	require.Equal(t, wire(optionsLine, "m:  <sip:a>,<sip:b>", "Subject: a", "Contact: <sip:d  x: y>"), m.String())
}

func TestFootprint(t *testing.T) {
	text := wire(optionsLine) + "noise"
	m, err := Parse([]byte(text))
	require.NoError(t, err)
	require.Equal(t, len(text), m.Head().Footprint())
	m.Head().Add("Subject", "s")
	require.Greater(t, m.Head().Footprint(), len(text))
}

func TestPopFirst(t *testing.T) {
	h := parseHeader(t, "Via: , a, b", "Via:", "Via: c,", "Subject: x\r\n y")
	for _, want := range []string{"a", "b", "c"} {
		got, ok := h.PopFirst("Via")
		require.True(t, ok)
		require.Equal(t, want, got)
	}
	_, ok := h.PopFirst("Via")
	require.False(t, ok)
	got, _ := h.PopFirst("Subject")
	require.Equal(t, "x y", got)
}

// TestInjection gives every edit a value that tries to add a field of its own.
func TestInjection(t *testing.T) {
	const evil = "x\r\nEvil: 1\nEvil: 2\rEvil: 3\x00"
	req := NewRequest(OPTIONS, MustParseURI("sip:a@b"), Address{URI: MustParseURI("sip:c@d")}, Address{})
	req.Method = "OPTIONS sip:x SIP/2.0\r\nEvil: 4\r\n"
	req.Set("A", evil)
	req.Add("B", evil)
	req.Prepend("C", evil)
	req.Set(evil, "x")
	req.Add("D:\r\nEvil", "x")
	req.PushVia(Via{Transport: evil, SentBy: HostPort{Host: evil}, Params: Params{}.With("branch", evil).With(evil, "x")})
	req.Set("From", Address{Display: evil, Params: Params{}.With("tag", evil)}.String())
	req.SetBody(evil, "body")
	via, err := ParseVia("SIP/2.0/UDP h")
	require.NoError(t, err)
	via.Params = via.Params.With("received", evil)
	via.SentBy.Host = evil
	require.NoError(t, req.SetVia(via))
	resp := NewResponse(req, 200)
	resp.Reason = evil
	for _, m := range []Message{req, resp} {
		head, _, _ := strings.Cut(m.String(), "\r\n\r\n")
		require.NotContains(t, strings.ReplaceAll(head, "\r\n", ""), "\r")
		require.NotContains(t, strings.ReplaceAll(head, "\r\n", ""), "\n")
		require.NotContains(t, head, "\x00")
		require.NotContains(t, head, "\nEvil")
		require.Equal(t, m.Head().Len(), strings.Count(head, "\r\n"))
	}
}

func TestTypedErrors(t *testing.T) {
	h := parseHeader(t, "Via: x", "From: <sip:a", "CSeq: 1", "Max-Forwards: many", "m: *", "Expires: 4294967296")
	_, err := h.Via()
	require.Error(t, err)
	_, err = h.PopVia()
	require.Error(t, err)
	require.True(t, h.Has("Via"), "a Via that cannot be read stays")
	_, err = h.From()
	var parse *ParseError
	require.ErrorAs(t, err, &parse)
	require.Equal(t, "From", parse.Field)
	_, err = h.CSeq()
	require.Error(t, err)
	for _, name := range []string{"Max-Forwards", "Expires"} {
		_, err = h.Uint(name)
		require.ErrorAs(t, err, &parse)
		require.Equal(t, name, parse.Field)
	}
	_, err = h.Address("Contact")
	require.Error(t, err)
	require.True(t, h.Wildcard())

	var none Header
	_, err = none.Via()
	require.ErrorIs(t, err, ErrNoField)
	_, err = none.PopVia()
	require.ErrorIs(t, err, ErrNoField)
	require.ErrorIs(t, none.SetVia(Via{}), ErrNoField)
	_, err = none.To()
	require.ErrorIs(t, err, ErrNoField)
	_, err = none.CSeq()
	require.ErrorIs(t, err, ErrNoField)
	_, err = none.Uint("Expires")
	require.ErrorIs(t, err, ErrNoField)
	require.False(t, none.Wildcard())
}

func TestCSeq(t *testing.T) {
	for text, want := range map[string]CSeq{
		"9   INVITE":     {9, INVITE},
		"0009\r\n BYE":   {9, BYE},
		"2147483647 X":   {1<<31 - 1, "X"},
		" 1\tinvite ":    {1, "invite"},
		"2147483648 X":   {},
		"1":              {},
		"INVITE":         {},
		"1INVITE":        {},
		"-1 INVITE":      {},
		"1 INVITE INFO":  {},
		"1 IN\x00VITE":   {},
		"1 ":             {},
		"0x1 INVITE":     {},
		"1 INVITE;x=y":   {},
		"99999999999 BY": {},
	} {
		got, err := ParseCSeq(text)
		require.Equal(t, want, got, text)
		require.Equal(t, want == CSeq{}, err != nil, text)
	}
	require.Equal(t, "9 INVITE", CSeq{9, INVITE}.String())
}

func TestHasToken(t *testing.T) {
	h := parseHeader(t, "Supported: timer, 100REL", "k: path")
	require.True(t, h.HasToken("Supported", "100rel"))
	require.True(t, h.HasToken("k", "path"))
	require.False(t, h.HasToken("Supported", "10"))
	require.False(t, h.HasToken("Require", "path"))
}

func TestCopyAndClone(t *testing.T) {
	a := parseHeader(t, "Via:  a", "X: 1", "v: b")
	b := parseHeader(t, "Y: 2")
	b.Copy(a, "Via")
	b.Add("Z", "3")
	b.Copy(a, "Nothing")
	require.Equal(t, []string{"Y: 2", "Via:  a", "v: b", "Z: 3"}, lines(b))

	c := b.Clone()
	c.Set("Y", "4")
	c.PopFirst("Via")
	b.Set("Z", "5")
	require.Equal(t, []string{"Y: 2", "Via:  a", "v: b", "Z: 5"}, lines(b))
	require.Equal(t, []string{"Y: 4", "v: b", "Z: 3"}, lines(&c))

	var d Header
	d.Copy(b, "Z")
	require.Equal(t, []string{"Z: 5"}, lines(&d))
}

// TestLargeEdits passes the room that a header has for what is added to it.
func TestLargeEdits(t *testing.T) {
	h := parseHeader(t, "Via: a")
	early := h.Get("Via")
	for range 50 {
		h.Add("X", strings.Repeat("y", 100))
		h.Set("Z", strings.Repeat("z", 1000))
	}
	require.Equal(t, "a", early)
	require.Equal(t, 52, h.Len())
	require.Equal(t, strings.Repeat("z", 1000), h.Get("Z"))
	require.Equal(t, strings.Repeat("y", 100), h.Get("X"))
	h.Set(strings.Repeat("n", 5000), "v")
	require.Equal(t, "v", h.Get(strings.Repeat("n", maxNameLength)))
}
