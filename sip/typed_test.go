package sip

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// typedCases drive parse and write of the fields that are no address: the
// value, what it means, and how that is written.
var typedCases = []struct {
	field, value string
	want         any
	written      string // "" for as it came
}{
	{"Event", "presence;id=7", Item{"presence", Params{text: ";id=7"}}, ""},
	{"o", "message-summary", Item{Value: "message-summary"}, ""},
	{"Content-Disposition", "session ; handling=optional", Item{"session", Params{text: "; handling=optional"}}, "session; handling=optional"},
	{"Subscription-State", "active;expires=60", SubscriptionState{"active", "", time.Minute, -1}, ""},
	{"Subscription-State", "terminated ; Reason=probation ; retry-after=5", SubscriptionState{"terminated", "probation", -1, 5 * time.Second},
		"terminated;reason=probation;retry-after=5"},
	{"Replaces", "98732@sip.example.com ;from-tag=r33th4x0r ;to-tag=ff87ff", Replaces{"98732@sip.example.com", "ff87ff", "r33th4x0r", false},
		"98732@sip.example.com;to-tag=ff87ff;from-tag=r33th4x0r"},
	{"Replaces", "12adf2f34456gs5;to-tag=12345;from-tag=54321;early-only", Replaces{"12adf2f34456gs5", "12345", "54321", true}, ""},
	{"RAck", "776656  1 INVITE", RAck{776656, CSeq{1, INVITE}}, "776656 1 INVITE"},
	{"Session-Expires", "1800;refresher=UAC", SessionExpires{30 * time.Minute, "uac"}, "1800;refresher=uac"},
	{"x", "90", SessionExpires{90 * time.Second, ""}, ""},
	{"Min-SE", "60;x=y", time.Minute, "60"},
	{"Retry-After", "18000;duration=3600", RetryAfter{5 * time.Hour, "", time.Hour}, ""},
	{"Retry-After", "120 (I'm in a (long) meeting)", RetryAfter{2 * time.Minute, "I'm in a (long) meeting", 0}, `120 (I'm in a \(long\) meeting)`},
	{"Warning", `307 isi.edu "Session \"parameter\" 'foo' not understood"`, Warning{307, "isi.edu", `Session "parameter" 'foo' not understood`}, ""},
	{"Reason", `Q.850 ;cause=16 ;text="Terminated"`, Reason{"Q.850", 16, "Terminated"}, `Q.850;cause=16;text="Terminated"`},
	{"Reason", "SIP", Reason{Protocol: "SIP"}, ""},
	{"Content-Type", "application/sdp", MediaType{Type: "application", Subtype: "sdp"}, ""},
	{"c", "multipart / mixed ;boundary=\"a;b\"", MediaType{"multipart", "mixed", Params{text: `;boundary="a;b"`}}, `multipart/mixed;boundary="a;b"`},
	{"Date", "Sat, 13 Nov 2010 23:29:00 GMT", time.Date(2010, 11, 13, 23, 29, 0, 0, time.UTC), ""},
}

// readTyped reads a field by the type of what is wanted.
func readTyped(h *Header, field string, want any) (got any, err error) {
	switch want.(type) {
	case Item:
		return h.Item(field)
	case SubscriptionState:
		return h.SubscriptionState()
	case Replaces:
		return h.Replaces()
	case RAck:
		return h.RAck()
	case SessionExpires:
		return h.SessionExpires()
	case time.Duration:
		return h.MinSE()
	case RetryAfter:
		return h.RetryAfter()
	case MediaType:
		return h.ContentType()
	case time.Time:
		return h.Date()
	case Warning:
		for w, err := range h.Warnings() {
			return w, err
		}
	case Reason:
		for r, err := range h.Reasons() {
			return r, err
		}
	}
	return nil, ErrNoField
}

// writeTyped writes what readTyped has read.
func writeTyped(v any) string {
	switch v := v.(type) {
	case interface{ String() string }:
		if t, ok := v.(time.Time); ok {
			var h Header
			h.SetDate(t)
			return h.Get("Date")
		}
		if d, ok := v.(time.Duration); ok {
			return seconds(d)
		}
		return v.String()
	}
	return ""
}

func TestTyped(t *testing.T) {
	for _, tt := range typedCases {
		t.Run(tt.field+": "+tt.value, func(t *testing.T) {
			h := parseHeader(t, tt.field+": "+tt.value)
			got, err := readTyped(h, tt.field, tt.want)
			require.NoError(t, err)
			require.Equal(t, tt.want, got)
			want := tt.written
			if want == "" {
				want = tt.value
			}
			require.Equal(t, want, writeTyped(got))
			var written Header
			written.Set(tt.field, writeTyped(got))
			again, err := readTyped(&written, tt.field, tt.want)
			require.NoError(t, err)
			require.Equal(t, writeTyped(got), writeTyped(again))
		})
	}
}

func TestTypedMissing(t *testing.T) {
	var h Header
	for _, tt := range typedCases {
		got, err := readTyped(&h, tt.field, tt.want)
		if tt.field == "Min-SE" {
			require.NoError(t, err)
			require.Equal(t, 90*time.Second, got, "RFC 4028 section 5 gives a default")
			continue
		}
		require.ErrorIs(t, err, ErrNoField, tt.field)
	}
}

func TestTypedRefuses(t *testing.T) {
	for _, tt := range []struct {
		field string
		kind  any
		bad   []string
	}{
		{"Event", Item{}, []string{"", "a b", ";id=1", "a;", "a;=b"}},
		{"Subscription-State", SubscriptionState{}, []string{"", "active;expires=x", "active;retry-after=-1", "active;expires=4294967296"}},
		{"Replaces", Replaces{}, []string{"", "a", "a;to-tag=1", "a;from-tag=1"}},
		{"RAck", RAck{}, []string{"", "1", "1 2", "1 INVITE", "0 1 INVITE", "4294967296 1 INVITE", "1 2147483648 INVITE", "x 1 INVITE"}},
		{"Session-Expires", SessionExpires{}, []string{"", "x", "1;refresher=me"}},
		{"Min-SE", time.Second, []string{"", "x", "-1"}},
		{"Retry-After", RetryAfter{}, []string{"", "soon", "1 (a", "1 2", "1;duration=x"}},
		{"Warning", Warning{}, []string{"30 a \"b\"", "099 a \"b\"", "300", "300 a", "300 a b", `300 a "b`, `300 a "b"c`, `1812 a "b"`, `300 "a"`}},
		{"Reason", Reason{}, []string{"SIP;cause=x", "SIP;", "a b"}},
		{"Content-Type", MediaType{}, []string{"", "text", "text/", "/plain", "text/plain x", "text/plain;", "a b/c"}},
		{"Date", time.Time{}, []string{"", "Fri, 01 Jan 2010 16:00:00 EST", "2010-01-01", "Fri, 1 Jan 2010 16:00:00 GMT"}},
	} {
		for _, bad := range tt.bad {
			h := parseHeader(t, tt.field+": "+bad)
			_, err := readTyped(h, tt.field, tt.kind)
			var parse *ParseError
			require.ErrorAs(t, err, &parse, "%s: %s", tt.field, bad)
			require.Equal(t, tt.field, parse.Field)
			require.Equal(t, 400, parse.Code)
		}
	}
	for _, bad := range []string{"", "a b", ";x"} {
		_, err := ParseItem(bad)
		require.Error(t, err)
		_, err = ParseMediaType(bad)
		require.Error(t, err)
	}
}

func TestTypedLists(t *testing.T) {
	h := parseHeader(t,
		`Reason: SIP;cause=200;text="Call completed, elsewhere", Q.850;cause=16`, "Reason: X;cause=bad", "Reason: Y",
		`Warning: 301 a "b, c", 302 d:5060 "e"`, "Warning: bad", `Warning: 303 f "g"`,
		"Privacy: id;header , session", "Privacy: critical",
		"Accept: application/sdp;level=1, text/*", "Accept-Encoding: gzip;q=1, identity")
	var reasons []Reason
	for r, err := range h.Reasons() {
		if err != nil {
			break
		}
		reasons = append(reasons, r)
	}
	require.Equal(t, []Reason{{"SIP", 200, "Call completed, elsewhere"}, {"Q.850", 16, ""}}, reasons)
	var warnings []Warning
	for w, err := range h.Warnings() {
		if err == nil {
			warnings = append(warnings, w)
		}
	}
	require.Equal(t, []Warning{{301, "a", "b, c"}, {302, "d:5060", "e"}}, warnings, "an error ends the sequence")
	require.Equal(t, []string{"id", "header", "session", "critical"}, slices.Collect(h.Privacy()))
	for value := range h.Privacy() {
		require.Equal(t, "id", value)
		break
	}
	var items []string
	for it, err := range h.Items("Accept-Encoding") {
		require.NoError(t, err)
		items = append(items, it.Value)
	}
	require.Equal(t, []string{"gzip", "identity"}, items)
	for accept := range h.Values("Accept") {
		m, err := ParseMediaType(accept)
		require.NoError(t, err)
		require.Equal(t, m.Type == "application", m.Is("APPLICATION/SDP"))
	}
}

// TestAddressFields reads the other fields whose values are addresses.
func TestAddressFields(t *testing.T) {
	for _, line := range []string{
		"Refer-To: <sip:dave@denver.example.org?Replaces=12345%40192.168.118.3%3Bto-tag%3D12345>",
		"r: sip:a@b",
		"Referred-By: sip:r@ref.example;cid=\"2UWQFN309shb3@ref.example\"",
		`P-Asserted-Identity: "Cullen" <sip:fluffy@cisco.example>, tel:+14085264000`,
		"P-Preferred-Identity: sip:a@b",
		`Diversion: <sip:bob@example.com>;reason=unconditional;counter=1`,
		"History-Info: <sip:UserA@ims.example.com?Reason=SIP%3Bcause%3D302>;index=1;foo=bar",
		"Path: <sip:P1.EXAMPLEVISITED.COM;lr>,<sip:P2.EXAMPLEVISITED.COM;lr>",
		"Service-Route: <sip:P2.HOME.EXAMPLE.COM;lr>",
		"Error-Info: <sip:not-in-service-recording@atlanta.com>",
		"Alert-Info: <http://www.example.com/sounds/moo.wav>;x",
		"Call-Info: <http://wwww.example.com/alice/photo.jpg> ;purpose=icon, <http://www.example.com/alice/> ;purpose=info",
		"Reply-To: Bob <sip:bob@biloxi.com>",
	} {
		h := parseHeader(t, line)
		for name := range h.All() {
			n := 0
			for a, err := range h.Addresses(name) {
				require.NoError(t, err, line)
				require.False(t, a.URI.IsZero())
				n++
			}
			require.Positive(t, n)
			_, err := h.Address(name)
			require.NoError(t, err)
		}
	}
}
