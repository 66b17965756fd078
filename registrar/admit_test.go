package registrar

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/digest"
)

// RFC 3261 section 10.3 steps 1 to 5.
func TestAdmission(t *testing.T) {
	alice := digest.Identity{User: "alice", Realm: "example.com"}
	for _, tc := range []struct {
		name, uri, to, from string
		who                 digest.Identity
		code                int // 0 if it is let in
	}{
		{name: "plain"},
		{name: "by an alias", uri: "sip:192.0.2.7"},
		{name: "by an alias with its port", uri: "sip:192.0.2.7:5060"},
		{name: "by another alias in To", to: "<sip:alice@pbx.example.com:5080>"},
		{name: "to in another spelling", to: `"Alice" <sip:%61lice@EXAMPLE.com;user=phone>;x=y`},
		{name: "sips", uri: "sips:example.com", to: "<sips:alice@example.com>", from: "<sips:alice@example.com>;tag=1"},
		{name: "sips and sip are one subscriber", to: "<sips:alice@example.com>"},
		{name: "second domain", uri: "sip:example.org", to: "<sip:alice@example.org>", from: "sip:alice@example.org;tag=1"},
		{name: "Request-URI with a user", uri: "sip:alice@example.com"},
		{name: "authenticated", who: alice},
		{name: "authenticated with the domain", who: digest.Identity{User: "alice@Example.com", Realm: "r"}},

		{name: "foreign Request-URI", uri: "sip:biloxi.com", code: 404},
		{name: "an alias with another port", uri: "sip:192.0.2.7:5070", code: 404},
		{name: "tel Request-URI", uri: "tel:+12015550123", code: 416},
		{name: "foreign To", to: "<sip:alice@biloxi.com>", code: 404},
		{name: "To of another domain than the Request-URI", to: "<sip:alice@example.org>", code: 404},
		{name: "To without a user", to: "<sip:example.com>", code: 404},
		{name: "To with an empty user", to: "<sip:@example.com>", code: 400},
		{name: "tel To", to: "<tel:+12015550123>", code: 400},
		{name: "isbn To (RFC 4475 3.3.4)", to: "isbn:2983792873", from: "<http://www.example.com>;tag=3234233", code: 400},
		{name: "broken To", to: "<sip:alice@example.com", code: 400},
		{name: "broken From", from: "<sip:alice@example.com", code: 400},
		{name: "another user's identity", who: digest.Identity{User: "bob", Realm: "example.com"}, code: 403},
		{name: "identity in another case", who: digest.Identity{User: "Alice", Realm: "example.com"}, code: 403},
		{name: "identity of another domain", who: digest.Identity{User: "alice@example.org", Realm: "r"}, code: 403},
		{name: "identity with an empty domain", who: digest.Identity{User: "alice@", Realm: "r"}, code: 403},
		{name: "third party", from: "<sip:bob@example.com>;tag=1", code: 403},
		{name: "third party with an identity", from: "<sip:bob@example.com>;tag=1", who: alice, code: 403},
		{name: "From of another domain", from: "<sip:alice@biloxi.com>;tag=1", code: 403},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := newPhone(t, newRegistrar(), "alice")
			p.who = tc.who
			if tc.uri != "" {
				p.uri = tc.uri
			}
			if tc.to != "" {
				p.to = tc.to
			}
			if tc.from != "" {
				p.from = tc.from
			}
			if tc.code != 0 {
				p.refused(tc.code, "Contact: <sip:a@h>")
				return
			}
			require.Len(t, p.ok("Contact: <sip:a@h>"), 1)
		})
	}
}

// Whatever name a phone uses for the domain, the binding is found.
func TestAliasesAreOneAOR(t *testing.T) {
	r := newRegistrar()
	p := newPhone(t, r, "alice")
	p.uri, p.to, p.from = "sip:192.0.2.7", "<sip:alice@192.0.2.7>", "<sip:alice@192.0.2.7>;tag=1"
	p.ok("Contact: <sip:a@h>")
	require.Len(t, newPhone(t, r, "alice").ok(), 1)
	targets, err := r.Targets(t.Context(), "sip:alice@example.com")
	require.NoError(t, err)
	require.Len(t, targets, 1)
}

func TestRequire(t *testing.T) {
	p := newPhone(t, newRegistrar(), "alice")
	e := p.refused(420, "Contact: <sip:a@h>", "Require: gruu, path", "Require: outbound")
	var unsupported []string
	for v := range e.Header.Values("Unsupported") {
		unsupported = append(unsupported, v)
	}
	require.Equal(t, []string{"gruu", "path", "outbound"}, unsupported)
	p.ok("Contact: <sip:a@h>", "Require:", "Proxy-Require: x", "Supported: path, gruu")
}

func TestOtherMethods(t *testing.T) {
	p := newPhone(t, newRegistrar(), "alice")
	req := p.request()
	req.Method = sip.OPTIONS
	_, err := p.r.register(t.Context(), req, sip.Flow{}, digest.Identity{})
	var e *sip.StatusError
	require.ErrorAs(t, err, &e)
	require.Equal(t, 405, e.Code)
	require.Equal(t, "REGISTER", e.Header.Get("Allow"))
}

func TestBadInput(t *testing.T) {
	for _, tc := range []struct {
		name   string
		fields []string
	}{
		{"no URI", []string{"Contact: <>"}},
		{"open bracket", []string{"Contact: <sip:a@h"}},
		{"bad port", []string{"Contact: <sip:a@h:99999>"}},
		{"open quote", []string{`Contact: "Al <sip:a@h>`}},
		{"long contact", []string{"Contact: <sip:" + strings.Repeat("a", 2100) + "@h>"}},
		{"long parameter", []string{"Contact: <sip:a@h>;x=" + strings.Repeat("a", 2100)}},
		{"no UTF-8", []string{"Contact: <sip:a@h>;x=\"\xff\""}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := newPhone(t, newRegistrar(), "alice").refused(400, tc.fields...)
			require.Contains(t, e.Reason, "Bad Contact")
		})
	}
	for name, callID := range map[string]string{"long": strings.Repeat("a", 257), "no UTF-8": "a\xff"} {
		t.Run("Call-ID: "+name, func(t *testing.T) {
			p := newPhone(t, newRegistrar(), "alice")
			p.callID = callID
			require.Equal(t, "Bad Call-ID", p.refused(400, "Contact: <sip:a@h>").Reason)
		})
	}
	t.Run("User-Agent", func(t *testing.T) {
		p := newPhone(t, newRegistrar(), "alice")
		p.ok("Contact: <sip:a@h>", "User-Agent: \xff\x01é"+strings.Repeat("x", 200))
		require.Equal(t, "é"+strings.Repeat("x", 124), dump(t, p.r)[0].UserAgent)
	})
}

// RFC 3261 section 10.3: Record-Route means nothing in a REGISTER.
func TestRecordRouteIsIgnored(t *testing.T) {
	resp, e := newPhone(t, newRegistrar(), "alice").send("Contact: <sip:a@h>", "Record-Route: <sip:proxy.example.com;lr>")
	require.Nil(t, e)
	require.False(t, resp.Has("Record-Route"))
}

// Without passwords a phone chooses its name: nobody fills the memory with
// names, those who are there stay, and room comes back.
func TestTooManyAddresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := NewMemory()
		r := New(ourDomains, store, WithMaxAddresses(300))
		for i := range 300 {
			newPhone(t, r, fmt.Sprintf("u%d", i)).ok("Contact: <sip:u@h>;expires=60")
		}
		eve, first := newPhone(t, r, "eve"), newPhone(t, r, "u0")
		first.callID = "again"
		e := eve.refused(503, "Contact: <sip:eve@h>")
		require.NotEmpty(t, e.Header.Get("Retry-After"))
		eve.ok()
		eve.ok("Contact: *", "Expires: 0")
		eve.ok("Contact: <sip:eve@h>;expires=0")
		first.ok("Contact: <sip:u@other>")
		require.Equal(t, 300, store.Len())

		time.Sleep(time.Minute)
		for range 200 { // each attempt drops some of the dead
			if _, refused := eve.send("Contact: <sip:eve@h>"); refused == nil {
				return
			}
		}
		t.Fatal("no room, though all but one have gone")
	})
}

func TestLongAddress(t *testing.T) {
	for n, ok := range map[int]bool{400: true, 500: false} {
		p := newPhone(t, newRegistrar(), strings.Repeat("a", n))
		p.callID = "c"
		if ok {
			p.ok("Contact: <sip:a@h>")
		} else {
			p.refused(400, "Contact: <sip:a@h>")
		}
	}
}
