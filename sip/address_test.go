package sip

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// addressCases drive the tests of addresses and their fuzz seeds.
var addressCases = []struct {
	text, display, uri, params string
	rewritten                  string // how it is written after a change, "" for as it came
}{
	{"<sip:a@b>", "", "sip:a@b", "", ""},
	{"sip:a@b", "", "sip:a@b", "", "<sip:a@b>"},
	{"sip:a@b;tag=1;lr", "", "sip:a@b", ";tag=1;lr", "<sip:a@b>;tag=1;lr"},
	{"sip:a@b ; tag = 77", "", "sip:a@b", "; tag = 77", "<sip:a@b>; tag = 77"},
	{"<sip:a@b;lr>;tag=1", "", "sip:a@b;lr", ";tag=1", ""},
	{"Alice <sip:a@b>", "Alice", "sip:a@b", "", `"Alice" <sip:a@b>`},
	{"Alice B. Carol<sip:a@b>", "Alice B. Carol", "sip:a@b", "", `"Alice B. Carol" <sip:a@b>`},
	{"Jürgen (Büro) <sip:a@b>", "Jürgen (Büro)", "sip:a@b", "", `"Jürgen (Büro)" <sip:a@b>`},
	{`"A \"B\" \\ ;,=<x>" <sip:a@b>`, `A "B" \ ;,=<x>`, "sip:a@b", "", ""},
	{`"" <sip:a@b>`, "", "sip:a@b", "", "<sip:a@b>"},
	{`"quoted"<sip:a@b>`, "quoted", "sip:a@b", "", `"quoted" <sip:a@b>`},
	{`<sip:a@b>;x="1;2,3=\"4\"";y`, "", "sip:a@b", `;x="1;2,3=\"4\"";y`, ""},
	{`<sip:a@b>;+sip.instance="<urn:uuid:f81d4fae>"`, "", "sip:a@b", `;+sip.instance="<urn:uuid:f81d4fae>"`, ""},
	{"<tel:+12015550123>;tag=1", "", "tel:+12015550123", ";tag=1", ""},
	{"tel:+12015550123;tag=1", "", "tel:+12015550123", ";tag=1", "<tel:+12015550123>;tag=1"},
	{"<sip:a@b?Route=%3Csip:x%3E>", "", "sip:a@b?Route=%3Csip:x%3E", "", ""},
	{"<sip:a,b@c>", "", "sip:a,b@c", "", ""},
	{"<sip:[2001:db8::1]>;x", "", "sip:[2001:db8::1]", ";x", ""},
	{"<http://x/y>", "", "http://x/y", "", ""},
}

func TestParseAddress(t *testing.T) {
	for _, tt := range addressCases {
		t.Run(tt.text, func(t *testing.T) {
			a, err := ParseAddress(tt.text)
			require.NoError(t, err)
			require.Equal(t, tt.display, a.Display)
			require.Equal(t, MustParseURI(tt.uri), a.URI)
			require.Equal(t, tt.params, a.Params.String())
			require.Equal(t, tt.text, a.String())

			want := tt.rewritten
			if want == "" {
				want = tt.text
			}
			changed := Address{Display: a.Display, URI: a.URI, Params: a.Params}
			require.Equal(t, want, changed.String())
			again, err := ParseAddress(changed.String())
			require.NoError(t, err)
			require.Equal(t, a.Display, again.Display)
			require.Equal(t, a.URI, again.URI)
			require.Equal(t, a.Params, again.Params)
		})
	}
}

func TestParseAddressRefuses(t *testing.T) {
	for _, text := range []string{
		"", "*", "alice", "<>", "<sip:a@b", "sip:a@b>", "<sip:a@b>x", "<sip:a@b>;", "<sip:a@b>;;x",
		"<sip:a@b>;x=;=y", "< sip:a@b>", "<sip:a@b >", `"a <sip:a@b>`, `"a" sip:a@b`, `"a"`, `a"b" <sip:a@b>`,
		"Bell, A <sip:a@b>", "a;b <sip:a@b>", "sip:a@b?x=y", "sip:a@b x", "<<sip:a@b>>", "<sip:a@b>,<sip:c@d>",
		`<sip:a@b>;x="`, `<sip:a@b>;x="1"2`, "<sip:a@b>;x=<y>", "<sip:a@b>;x y", "<sip:a@b>;x=a b", "sip:a@b;x=a,b",
	} {
		a, err := ParseAddress(text)
		require.Error(t, err, text)
		require.Zero(t, a)
	}
}

func TestAddressChanges(t *testing.T) {
	a, err := ParseAddress(`Alice  <sip:a@b> ; Tag = 1 ; x = "y;z"`)
	require.NoError(t, err)
	require.Equal(t, `Alice  <sip:a@b> ; Tag = 1 ; x = "y;z"`, a.String())
	require.Equal(t, "1", a.Tag())
	b := a.WithTag("2")
	require.Equal(t, `"Alice" <sip:a@b>;tag=2; x = "y;z"`, b.String())
	require.Equal(t, "1", a.Tag(), "the first is as it was")
	require.Equal(t, `"Alice" <sip:a@b>; x = "y;z"`, a.WithTag("").String())
	a.URI = MustParseURI("sip:c@d")
	require.Equal(t, `"Alice" <sip:c@d>; Tag = 1 ; x = "y;z"`, a.String())
	require.Equal(t, "<sip:c@d>;tag=1", Address{URI: a.URI}.WithTag("1").String())
}

func TestAddressQAndExpires(t *testing.T) {
	for _, tt := range []struct {
		params  string
		q       Q
		expires time.Duration
		ok      bool
	}{
		{"", QMax, 0, false},
		{";q=0.5;expires=60", 500, time.Minute, true},
		{";Q=1.0;Expires=0", QMax, 0, true},
		{";q=0;expires=4294967295", 0, 4294967295 * time.Second, true},
		{";q=2;expires=4294967296", QMax, time.Hour, true},
		{";q=x;expires=soon", QMax, time.Hour, true},
		{`;q="0.1";expires="7"`, 100, 7 * time.Second, true},
		{";expires", QMax, time.Hour, true},
	} {
		a, err := ParseAddress("<sip:a@b>" + tt.params)
		require.NoError(t, err)
		require.Equal(t, tt.q, a.Q(), tt.params)
		d, ok := a.Expires()
		require.Equal(t, tt.ok, ok, tt.params)
		require.Equal(t, tt.expires, d, tt.params)
	}
}

func TestQ(t *testing.T) {
	for text, want := range map[string]Q{
		"0": 0, "0.": 0, "0.000": 0, "0.1": 100, "0.12": 120, "0.123": 123, ".5": 500,
		"1": 1000, "1.": 1000, "1.0": 1000, "1.000": 1000,
	} {
		got, err := ParseQ(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
		again, err := ParseQ(got.String())
		require.NoError(t, err)
		require.Equal(t, got, again)
	}
	for _, text := range []string{"", ".", "2", "1.1", "1.001", "0.1234", "-0", "+1", "01", "0,5", " 0", "0.x"} {
		_, err := ParseQ(text)
		require.Error(t, err, text)
	}
	require.Equal(t, "0.5", Q(500).String())
	require.Equal(t, "0.125", Q(125).String())
	require.Equal(t, "0", Q(0).String())
	require.Equal(t, "1", Q(2000).String())
}

func TestParams(t *testing.T) {
	p, err := ParseParams(` ; A = 1;b="x;\"y\"" ; c;D=[::1]:5060 `)
	require.NoError(t, err)
	for name, want := range map[string]string{"a": "1", "B": `x;"y"`, "c": "", "d": "[::1]:5060"} {
		got, ok := p.Get(name)
		require.True(t, ok, name)
		require.Equal(t, want, got)
	}
	require.False(t, p.Has("e"))
	var names, values []string
	for name, value := range p.All() {
		names, values = append(names, name), append(values, value)
	}
	require.Equal(t, []string{"A", "b", "c", "D"}, names)
	require.Equal(t, []string{"1", `"x;\"y\""`, "", "[::1]:5060"}, values)
	for range p.All() {
		break
	}

	require.Equal(t, `;a=2;b="x;\"y\"" ; c;D=[::1]:5060`, p.With("a", "2").String())
	require.Equal(t, ";x=y", Params{}.With("x", "y").String())
	require.Equal(t, `;x="a b\"\\"`, Params{}.With("x", `a b"\`).String())
	require.Equal(t, ";received=2001:db8::1", Params{}.With("received", "2001:db8::1").String())
	require.Equal(t, ";maddr=[2001:db8::1]", Params{}.With("maddr", "[2001:db8::1]").String())
	require.Equal(t, ";rport", Params{}.With("rport", "").String())
	require.Equal(t, ";RPORT=1;x", Params{}.With("rport", "").With("x", "").With("RPORT", "1").String())
	require.True(t, Params{}.IsZero())

	q, err := ParseParams("a;b;A=2")
	require.NoError(t, err)
	require.Equal(t, ";a;b;A=2", q.String())
	require.Equal(t, ";b", q.Without("a").String())

	for _, text := range []string{";;", ";", "=", ";a;", `;a="`, `;a="b"c`, ";a=b c", ";a b", ";a=b,c", ";a\x00", ";a=\x00", "\x00"} {
		_, err := ParseParams(text)
		require.Error(t, err, text)
	}
}
