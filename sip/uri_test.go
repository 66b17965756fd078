package sip

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// uriCases drive the tests of URIs and their fuzz seeds.
var uriCases = []struct {
	text                    string
	scheme, user, pass      string
	host                    string
	port                    uint16
	params, headers, record string // record is the AOR
}{
	{"sip:alice@example.com", "sip", "alice", "", "example.com", 0, "", "", "sip:alice@example.com"},
	{"SIPS:alice:secret@Example.COM:5061;transport=tcp;LR?subject=x&to=y", "sips", "alice", "secret",
		"Example.COM", 5061, ";transport=tcp;LR", "subject=x&to=y", "sip:alice@example.com:5061"},
	{"sip:example.com", "sip", "", "", "example.com", 0, "", "", "sip:example.com"},
	{"sip:example.com.", "sip", "", "", "example.com.", 0, "", "", "sip:example.com"},
	{"sip:192.0.2.1:5080", "sip", "", "", "192.0.2.1", 5080, "", "", "sip:192.0.2.1:5080"},
	{"sip:a@[2001:DB8::1]", "sip", "a", "", "2001:DB8::1", 0, "", "", "sip:a@[2001:db8::1]"},
	{"sip:a@[2001:db8:0:0::1]:5070;x", "sip", "a", "", "2001:db8:0:0::1", 5070, ";x", "", "sip:a@[2001:db8::1]:5070"},
	{"sip:a@[::ffff:192.0.2.1]", "sip", "a", "", "::ffff:192.0.2.1", 0, "", "", "sip:a@[::ffff:192.0.2.1]"},
	{"sip:%61li%63e@h", "sip", "%61li%63e", "", "h", 0, "", "", "sip:alice@h"},
	{"sip:user;par=u%40x@h", "sip", "user;par=u%40x", "", "h", 0, "", "", "sip:user;par=u%40x@h"},
	{"sip:+1-201;isub=2?x@h;user=phone", "sip", "+1-201;isub=2?x", "", "h", 0, ";user=phone", "", "sip:+1-201;isub=2?x@h"},
	{"sip:*21#@h", "sip", "*21#", "", "h", 0, "", "", "sip:*21%23@h"},
	{"sip:josé@h", "sip", "josé", "", "h", 0, "", "", "sip:jos%C3%A9@h"},
	{"sip:a_b.c-d@under_score.example", "sip", "a_b.c-d", "", "under_score.example", 0, "", "", "sip:a_b.c-d@under_score.example"},
	{"sip:h;a=b;c", "sip", "", "", "h", 0, ";a=b;c", "", "sip:h"},
	{"sip:h?", "sip", "", "", "h", 0, "", "", "sip:h"},
	{"sip:a:@h", "sip", "a", "", "h", 0, "", "", "sip:a@h"},
	{"tel:+1-201-555-0123", "tel", "+1-201-555-0123", "", "", 0, "", "", "tel:+12015550123"},
	{"tel:7042;phone-context=Example.com", "tel", "7042", "", "", 0, ";phone-context=Example.com", "", "tel:7042;phone-context=example.com"},
	{"tel:*21#;phone-context=+1-201", "tel", "*21#", "", "", 0, ";phone-context=+1-201", "", "tel:*21#;phone-context=+1201"},
	{"http://www.example.com/a?b@c", "http", "", "", "", 0, "", "", "http://www.example.com/a?b@c"},
	{"urn:uuid:f81d4fae-7dec", "urn", "", "", "", 0, "", "", "urn:uuid:f81d4fae-7dec"},
}

func TestParseURI(t *testing.T) {
	for _, tt := range uriCases {
		t.Run(tt.text, func(t *testing.T) {
			u, err := ParseURI(tt.text)
			require.NoError(t, err)
			require.Equal(t, tt.text, u.String())
			require.Equal(t, tt.scheme, u.Scheme())
			require.Equal(t, tt.user, u.User())
			require.Equal(t, tt.pass, u.Password())
			require.Equal(t, HostPort{tt.host, tt.port}, u.HostPort())
			require.Equal(t, tt.params, u.Params().String())
			require.Equal(t, tt.headers, u.Headers())
			require.Equal(t, AOR(tt.record), u.AOR())
			require.Equal(t, u.AOR(), u.AOR().URI().AOR(), "canonical is canonical again")
			require.True(t, u.Equal(u))
			require.Equal(t, tt.scheme == "sip" || tt.scheme == "sips", u.IsSIP())
		})
	}
}

func TestParseURIRefuses(t *testing.T) {
	for _, text := range []string{
		"", "sip", "sip:", ":a@b", "1sip:a", "s p:a", "sip:a@", "sip:@h", "sip::x@h", "sip:a@b@c",
		"sip:a b@c", "sip:a@b c", " sip:a@b", "sip:a@b ", "<sip:a@b>", "sip:a@b>", `sip:"a"@b`,
		"sip:a@b:", "sip:a@b:65536", "sip:a@b:-1", "sip:a@b:5060x", "sip:a@b:5 060",
		"sip:a@[::1", "sip:a@::1", "sip:2001:db8::10", "sip:a@[]", "sip:a@[fe80::1%eth0]",
		"sip:a@[fe80::1%25eth0]", "sip:a@[1.2.3.4]", "sip:a@[::1]x", "sip:.", "sip:a@.b", "sip:a@b;;c", "sip:a@b;",
		"sip:a@b;=c", "sip:a@b/c", "sip:a\r\n@b", "sip:a@b\x00", "sip:a@b;c\x7f", "tel:", "tel:abc@x",
		"tel:+1 201", "http:", "http:a b", "sip:a@b;c=\"d\"", "sip:a%00\x00@b",
		"sip:" + strings.Repeat("a", 65536) + "@h",
	} {
		u, err := ParseURI(text)
		require.Error(t, err, text)
		require.Zero(t, u)
		var parse *ParseError
		require.ErrorAs(t, err, &parse)
		require.Equal(t, 400, parse.Code)
	}
	require.Panics(t, func() { MustParseURI("x") })
}

// TestURIEqual holds the sets of RFC 3261 section 19.1.4 and more.
func TestURIEqual(t *testing.T) {
	for _, tt := range []struct {
		equal bool
		a, b  string
	}{
		{true, "sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp"},
		{true, "sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"},
		{true, "sip:carol@chicago.com", "sip:carol@chicago.com;security=on"},
		{false, "sip:carol@chicago.com;security=off", "sip:carol@chicago.com;security=on"},
		{true, "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
			"sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com"},
		{true, "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
			"sip:alice@atlanta.com?priority=urgent&subject=project%20x"},
		{false, "SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"},
		{false, "sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"},
		{false, "sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"},
		{false, "sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"},
		{false, "sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"},
		{false, "sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"},

		{false, "sip:a@b", "sips:a@b"},
		{false, "sip:a@b", "sip:b"},
		{false, "sip:a@b", "sip:a:@b"},
		{false, "sip:a:x@b", "sip:a:y@b"},
		{true, "sip:a%2fb@h", "sip:a%2Fb@h"},
		{false, "sip:a%2Fb@h", "sip:a/b@h"}, // a slash is reserved, its escape means another
		{true, "sip:a@[2001:db8::1]", "sip:a@[2001:DB8:0::1]"},
		{true, "sip:a@b.", "sip:a@b"},
		{false, "sip:a@b;user=phone", "sip:a@b"},
		{false, "sip:a@b", "sip:a@b;ttl=1"},
		{false, "sip:a@b;maddr=x", "sip:a@b"},
		{false, "sip:a@b", "sip:a@b;%6Daddr=x"},
		{true, "sip:a@b;lr", "sip:a@b;%6Cr"},
		{false, "sip:a@b?x=1&x=1", "sip:a@b?x=1&x=2"},
		{false, "sip:a@b?x=1", "sip:a@b?x=1&x=1"},
		{true, "tel:+1-201-555-0123", "tel:+1(201)5550123"},
		{true, "tel:1;ext=2;phone-context=+1", "tel:1;phone-context=+1;EXT=2"},
		{false, "tel:1;ext=2", "tel:1"},
		{false, "tel:1;ext=2", "tel:1;ext=3"},
		{false, "tel:+1201", "sip:+1201@h"},
		{true, "HTTP://x/y", "http://x/y"},
		{false, "http://x/y", "http://x/Y"},
	} {
		a, b := MustParseURI(tt.a), MustParseURI(tt.b)
		require.Equal(t, tt.equal, a.Equal(b), "%s %s", a, b)
		require.Equal(t, tt.equal, b.Equal(a), "%s %s", b, a)
	}
	crowd := strings.Repeat(";a=b", 129)
	require.True(t, MustParseURI("sip:h"+crowd).Equal(MustParseURI("sip:h"+crowd)))
	require.False(t, MustParseURI("sip:h"+crowd).Equal(MustParseURI("sip:H"+crowd)), "too much to compare")
	require.True(t, URI{}.Equal(URI{}))
	require.False(t, URI{}.Equal(MustParseURI("sip:h")))
}

func TestURIEdits(t *testing.T) {
	full := MustParseURI("sips:alice:pw@example.com:5070;transport=tcp;lr?x=y")
	for _, tt := range []struct {
		got  URI
		want string
	}{
		{full.WithUser("bob"), "sips:bob:pw@example.com:5070;transport=tcp;lr?x=y"},
		{full.WithUser("a b@c%41%4"), "sips:a%20b%40c%41%254:pw@example.com:5070;transport=tcp;lr?x=y"},
		{full.WithUser(""), "sips:example.com:5070;transport=tcp;lr?x=y"},
		{full.WithUser("").WithUser("x"), "sips:x@example.com:5070;transport=tcp;lr?x=y"},
		{full.WithHost("192.0.2.1", 0), "sips:alice:pw@192.0.2.1;transport=tcp;lr?x=y"},
		{full.WithHost("2001:db8::1", 5062), "sips:alice:pw@[2001:db8::1]:5062;transport=tcp;lr?x=y"},
		{full.WithHost("[2001:db8::1]", 0), "sips:alice:pw@[2001:db8::1];transport=tcp;lr?x=y"},
		{full.WithHost("a b", 0), ""},
		{full.WithHost("", 0), ""},
		{full.WithHost("x\r\ny", 0), ""},
		{full.WithParam("transport", "udp"), "sips:alice:pw@example.com:5070;transport=udp;lr?x=y"},
		{full.WithParam("LR", ""), "sips:alice:pw@example.com:5070;transport=tcp;LR?x=y"},
		{full.WithParam("new", `a;b="c" d%20`), "sips:alice:pw@example.com:5070;transport=tcp;lr;new=a%3Bb%3D%22c%22%20d%20?x=y"},
		{full.WithParam("x\r\ny", "\r\n"), "sips:alice:pw@example.com:5070;transport=tcp;lr;x--y=%0D%0A?x=y"},
		{full.WithoutParam("transport"), "sips:alice:pw@example.com:5070;lr?x=y"},
		{full.WithoutParam("none"), full.String()},
		{full.WithoutHeaders(), "sips:alice:pw@example.com:5070;transport=tcp;lr"},
		{MustParseURI("sip:h?x").WithoutHeaders(), "sip:h"},
		{MustParseURI("tel:+1").WithParam("ext", "2"), "tel:+1;ext=2"},
		{MustParseURI("tel:+1").WithUser("2"), "tel:+1"},
		{MustParseURI("tel:+1").WithHost("h", 1), "tel:+1"},
		{MustParseURI("urn:x").WithParam("a", "b"), "urn:x"},
		{NewURI("alice", "example.com", 0), "sip:alice@example.com"},
		{NewURI("", "example.com", 5060), "sip:example.com:5060"},
		{NewURI("a b", "2001:db8::1", 5060), "sip:a%20b@[2001:db8::1]:5060"},
		{NewURI("a", "b@c", 0), ""},
		{NewURI("a", "b;c", 0), ""},
		{NewURI("a", "b:5060", 0), ""},
		{full.WithHost("b;c", 0), ""},
	} {
		require.Equal(t, tt.want, tt.got.String())
		if tt.want != "" {
			require.Equal(t, MustParseURI(tt.want), tt.got)
		}
	}
}

func TestEscape(t *testing.T) {
	require.Equal(t, "abc-_.!~*'()&=+$,;?/", Escape("abc-_.!~*'()&=+$,;?/"))
	require.Equal(t, "%40%25%20%00%FF", Escape("@% \x00\xff"))
	require.Equal(t, "@% \x00\xff", Unescape("%40%25%20%00%fF"))
	require.Equal(t, "%", Unescape("%"))
	require.Equal(t, "%4", Unescape("%4"))
	require.Equal(t, "%zz%41", Unescape("%zz%2541"))
}

func TestURIParam(t *testing.T) {
	u := MustParseURI("sip:h;a;b=c;d=%20e;f=;a=2")
	for name, want := range map[string]string{"a": "", "B": "c", "d": " e", "f": "", "%61": ""} {
		got, ok := u.Param(name)
		require.True(t, ok, name)
		require.Equal(t, want, got)
	}
	_, ok := u.Param("g")
	require.False(t, ok)
}

func TestSecured(t *testing.T) {
	for u, want := range map[string]string{
		"sip:alice@example.com:5070;lr":       "sips:alice@example.com:5070;lr",
		"SIP:[2001:db8::1];transport=tcp?a=b": "sips:[2001:db8::1];transport=tcp?a=b",
		"sips:alice@example.com":              "sips:alice@example.com",
		"tel:+15551234":                       "tel:+15551234",
	} {
		require.Equal(t, want, MustParseURI(u).Secured().String())
	}
	require.Zero(t, URI{}.Secured())
}

// RFC 3261 section 26.2.2, RFC 7118 section 5.2.2.
func TestFlowTransportParam(t *testing.T) {
	for network, want := range map[string][2]string{
		"udp": {"", ""}, "tcp": {"tcp", "tcp"}, "tls": {"tls", ""}, "ws": {"ws", "ws"}, "wss": {"ws", "ws"},
	} {
		f := Flow{Network: network}
		require.Equal(t, want, [2]string{f.TransportParam(false), f.TransportParam(true)})
		require.Equal(t, network == "tls" || network == "wss", f.IsSecure())
	}
}
