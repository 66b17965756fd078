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

// A phone sends REGISTER to a registrar, without a network in between.
type phone struct {
	t      testing.TB
	r      *Registrar
	uri    string // Request-URI
	to     string // a whole field value, as are the next two
	from   string
	callID string
	cseq   uint32
	who    digest.Identity
	flow   sip.Flow
}

var ourDomains = sip.NewDomains("example.com", "192.0.2.7", "pbx.example.com:5080").With("example.org")

func newPhone(t testing.TB, r *Registrar, user string) *phone {
	return &phone{
		t: t, r: r, uri: "sip:example.com", to: "<sip:" + user + "@example.com>",
		from: "<sip:" + user + "@example.com>;tag=1", callID: user + "-1",
	}
}

func newRegistrar(opts ...Option) *Registrar { return New(ourDomains, NewMemory(), opts...) }

// send sends a REGISTER with the next CSeq and more header fields. It returns
// the 200, or the error.
func (p *phone) send(fields ...string) (*sip.Response, *sip.StatusError) {
	p.t.Helper()
	p.cseq++
	resp, err := p.r.register(p.t.Context(), p.request(fields...), p.flow, p.who)
	if err == nil {
		return resp, nil
	}
	var e *sip.StatusError
	require.ErrorAs(p.t, err, &e)
	require.Nil(p.t, resp)
	require.Less(p.t, e.Code, 600, "a registrar must not send 6xx (RFC 3261 section 10.3)")
	return nil, e
}

func (p *phone) request(fields ...string) *sip.Request {
	p.t.Helper()
	text := "REGISTER " + p.uri + " SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK1\r\n" +
		"Max-Forwards: 70\r\nFrom: " + p.from + "\r\nTo: " + p.to + "\r\nCall-ID: " + p.callID + "\r\n" +
		fmt.Sprintf("CSeq: %d REGISTER\r\n", p.cseq)
	for _, f := range fields {
		text += f + "\r\n"
	}
	m, err := sip.Parse([]byte(text + "Content-Length: 0\r\n\r\n"))
	require.NoError(p.t, err)
	return m.(*sip.Request)
}

// ok sends a REGISTER and returns the bindings that the 200 lists.
func (p *phone) ok(fields ...string) []string {
	p.t.Helper()
	resp, e := p.send(fields...)
	if e != nil {
		p.t.Fatalf("refused: %d %s (%v)", e.Code, e.Reason, e.Err)
	}
	require.Equal(p.t, 200, resp.StatusCode)
	var contacts []string
	for v := range resp.Values("Contact") {
		contacts = append(contacts, v)
	}
	return contacts
}

// refused sends a REGISTER that must fail, and that must change nothing.
func (p *phone) refused(code int, fields ...string) *sip.StatusError {
	p.t.Helper()
	before := dump(p.t, p.r)
	_, e := p.send(fields...)
	require.NotNil(p.t, e, "accepted")
	require.Equal(p.t, code, e.Code, e.Reason)
	require.Equal(p.t, before, dump(p.t, p.r), "nothing is changed by half")
	return e
}

// dump lists what the store holds.
func dump(t testing.TB, r *Registrar) (all []Binding) {
	t.Helper()
	for b, err := range r.store.All(t.Context()) {
		require.NoError(t, err)
		all = append(all, b)
	}
	return all
}

func TestRegisterAndRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRegistrar()
		p := newPhone(t, r, "alice")
		p.flow = sip.Flow{Network: "udp"}
		resp, _ := p.send("Contact: <sip:alice@192.0.2.9:5070>", "User-Agent: phone/1")
		require.Equal(t, "<sip:alice@192.0.2.9:5070>;expires=3600", resp.Get("Contact"))
		require.Equal(t, "Sat, 01 Jan 2000 00:00:00 GMT", resp.Get("Date"))
		require.Equal(t, []Binding{{
			AOR: "sip:alice@example.com", Contact: sip.MustParseURI("sip:alice@192.0.2.9:5070"), Q: sip.QMax,
			Expires: time.Now().Add(time.Hour), CallID: "alice-1", CSeq: 1, Flow: p.flow, UserAgent: "phone/1", Updated: time.Now(),
		}}, dump(t, r))

		time.Sleep(1000*time.Second + 300*time.Millisecond)
		require.Equal(t, []string{"<sip:alice@192.0.2.9:5070>;expires=2600"}, p.ok(), "a query changes nothing")
		require.Equal(t, []string{"<sip:alice@192.0.2.9:5070>;expires=3600"}, p.ok("Contact: <sip:alice@192.0.2.9:5070>"))
		time.Sleep(3600*time.Second - time.Millisecond)
		require.Equal(t, []string{"<sip:alice@192.0.2.9:5070>;expires=1"}, p.ok())
		time.Sleep(time.Millisecond)
		require.Empty(t, p.ok())
	})
}

func TestExpiry(t *testing.T) {
	for _, tc := range []struct {
		name   string
		fields []string
		want   string // expires in the answer; "" for none
	}{
		{"default", []string{"Contact: <sip:a@h>"}, "3600"},
		{"header", []string{"Contact: <sip:a@h>", "Expires: 120"}, "120"},
		{"parameter beats header", []string{"Contact: <sip:a@h>;expires=240", "Expires: 120"}, "240"},
		{"parameter in another case", []string{"Contact: <sip:a@h>;EXPIRES = 240"}, "240"},
		{"without brackets", []string{"Contact: sip:a@h;expires=240"}, "240"},
		{"malformed parameter is an hour (10.2.1.1)", []string{"Contact: <sip:a@h>;expires=soon", "Expires: 120"}, "3600"},
		{"malformed header", []string{"Contact: <sip:a@h>", "Expires: Thu, 01 Dec 1994 16:00:00 GMT"}, "3600"},
		{"-1", []string{"Contact: <sip:a@h>;expires=-1"}, "3600"},
		{"2^32", []string{"Contact: <sip:a@h>;expires=4294967296"}, "3600"},
		{"2^64", []string{"Contact: <sip:a@h>", "Expires: 18446744073709551616"}, "3600"},
		{"largest", []string{"Contact: <sip:a@h>;expires=4294967295"}, "7200"},
		{"shortest", []string{"Contact: <sip:a@h>;expires=60"}, "60"},
		{"zero", []string{"Contact: <sip:a@h>;expires=0"}, ""},
		{"zero in the header", []string{"Contact: <sip:a@h>", "Expires: 0"}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			contacts := newPhone(t, newRegistrar(), "alice").ok(tc.fields...)
			if tc.want == "" {
				require.Empty(t, contacts)
				return
			}
			require.Len(t, contacts, 1)
			require.Regexp(t, ";expires="+tc.want+"$", contacts[0])
		})
	}
}

// RFC 3261 section 10.3 step 7.
func TestTooBrief(t *testing.T) {
	p := newPhone(t, newRegistrar(), "alice")
	for _, fields := range [][]string{
		{"Contact: <sip:a@h>;expires=59"},
		{"Contact: <sip:a@h>;expires=1"},
		{"Contact: <sip:a@h>", "Expires: 59"},
		{"Contact: <sip:b@h>, <sip:a@h>;expires=59"},
	} {
		e := p.refused(423, fields...)
		require.Equal(t, "60", e.Header.Get("Min-Expires"))
	}

	// An hour is never too brief, whatever the minimum.
	p = newPhone(t, newRegistrar(WithExpires(Expires{Min: 2 * time.Hour, Max: 24 * time.Hour})), "alice")
	require.Equal(t, "7200", p.refused(423, "Contact: <sip:a@h>;expires=3599").Header.Get("Min-Expires"))
	require.Len(t, p.ok("Contact: <sip:a@h>;expires=3600"), 1)
}

func TestExpiresOption(t *testing.T) {
	for _, tc := range []struct {
		name, granted string
		set           Expires
	}{
		{"default", "3600", Expires{}},
		{"shorter maximum", "600", Expires{Max: 10 * time.Minute}},
		{"longer minimum", "5400", Expires{Min: 90 * time.Minute}},
		{"the maximum wins", "30", Expires{Min: time.Minute, Default: time.Hour, Max: 30 * time.Second}},
		{"all set", "300", Expires{Min: time.Second, Default: 5 * time.Minute, Max: time.Hour}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := newPhone(t, newRegistrar(WithExpires(tc.set)), "alice")
			require.Equal(t, []string{"<sip:a@h>;expires=" + tc.granted}, p.ok("Contact: <sip:a@h>"))
		})
	}
}

func TestContactsAreKept(t *testing.T) {
	const instance = `+sip.instance="<urn:uuid:00000000-0000-1000-8000-000A95A0E128>"`
	for _, tc := range []struct{ name, field, want string }{
		{"instance", `Contact: "Al, ice" <sip:a@h;transport=tcp>;` + instance + `;expires=60;q=0.7;reg-id=1`,
			`<sip:a@h;transport=tcp>;` + instance + `;reg-id=1;q=0.7;expires=60`},
		{"odd space", `Contact: <sip:a@h> ; methods="INVITE, BYE" ; Q = 0.125 ;x`, `<sip:a@h>; methods="INVITE, BYE" ;x;q=0.125;expires=3600`},
		{"q of 1", `Contact: <sip:a@h>;q=1.0`, `<sip:a@h>;expires=3600`},
		{"q of 0", `Contact: <sip:a@h>;q=0`, `<sip:a@h>;q=0;expires=3600`},
		{"q of 7", `Contact: <sip:a@h>;q=7`, `<sip:a@h>;expires=3600`},
		{"headers", `Contact: <sip:a@h?Subject=x>`, `<sip:a@h?Subject=x>;expires=3600`},
		{"escapes", `Contact: <sip:%61%25@H>`, `<sip:%61%25@H>;expires=3600`},
		{"IPv6", `Contact: <sip:a@[2001:db8::1]:5070>`, `<sip:a@[2001:db8::1]:5070>;expires=3600`},
		{"mailto", `Contact: <mailto:alice@example.com>`, `<mailto:alice@example.com>;expires=3600`},
		{"compact", `m: sip:a@h`, `<sip:a@h>;expires=3600`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := newPhone(t, newRegistrar(), "alice")
			require.Equal(t, []string{tc.want}, p.ok(tc.field))
			require.Equal(t, []string{tc.want}, p.ok(), "and the same from the store")
		})
	}
}

func TestSeveralContacts(t *testing.T) {
	p := newPhone(t, newRegistrar(), "alice")
	require.Len(t, p.ok("Contact: <sip:a@h1>, , <sip:a@h2>;expires=60", "Contact: <sip:a@h3>;q=0.5"), 3)
	require.Equal(t, []string{"<sip:a@h1>;expires=3600", "<sip:a@h3>;q=0.5;expires=3600"},
		p.ok("Contact: <sip:a@h2>;expires=0, <sip:a@none>;expires=0"))
	require.Equal(t, []string{"<sip:a@h3>;q=0.5;expires=3600", "<sip:a@h4>;expires=3600"},
		p.ok("Contact: <sip:a@h1>;expires=0, <sip:a@h4>"))
}

// RFC 3261 section 19.1.4.
func TestContactEquality(t *testing.T) {
	for _, tc := range []struct {
		first, second string
		same          bool
	}{
		{"sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp", true},
		{"sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5", true},
		{"sip:alice@atlanta.com?subject=project%20x&priority=urgent", "sip:alice@atlanta.com?priority=urgent&subject=project%20x", true},
		{"sip:alice@h", "sip:ALICE@h", false},
		{"sip:bob@biloxi.com", "sip:bob@biloxi.com:5060", false},
		{"sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp", false},
		{"sip:bob@biloxi.com", "sips:bob@biloxi.com", false},
		{"sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting", false},
	} {
		t.Run(tc.first+" "+tc.second, func(t *testing.T) {
			p := newPhone(t, newRegistrar(), "alice")
			p.ok("Contact: <" + tc.first + ">")
			want := 2
			if tc.same {
				want = 1
			}
			contacts := p.ok("Contact: <" + tc.second + ">")
			require.Len(t, contacts, want)
			require.Contains(t, contacts[len(contacts)-1], "<"+tc.second+">", "the latest spelling holds")

			// And within one request.
			require.Len(t, newPhone(t, newRegistrar(), "bob").ok("Contact: <"+tc.first+">, <"+tc.second+">"), want)
			p.ok("Contact: <" + tc.second + ">;expires=0, <" + tc.first + ">;expires=0")
			require.Empty(t, p.ok())
		})
	}
}

// Equality is not transitive (RFC 3261 section 19.1.4): of three contacts in one
// request the last may be the same as both of the others, which differ.
func TestContactsInTurn(t *testing.T) {
	p := newPhone(t, newRegistrar(), "alice")
	const all = "Contact: <sip:a@h;x=1>, <sip:a@h;x=2>, <sip:a@h>"
	want := []string{"<sip:a@h>;expires=3600", "<sip:a@h;x=2>;expires=3600"}
	require.Equal(t, want, p.ok(all))
	require.Equal(t, want, p.ok(all), "and the same when it is repeated")
	p.cseq--
	p.refused(500, "Contact: <sip:a@h;x=2>;q=0.5")
	require.Equal(t, want[1:], p.ok("Contact: <sip:a@i>, <sip:a@h>;expires=0, <sip:a@i>;expires=0"))
}

func TestWildcard(t *testing.T) {
	p := newPhone(t, newRegistrar(), "alice")
	require.Empty(t, p.ok("Contact: *", "Expires: 0"), "nothing to remove is no error")
	p.ok("Contact: <sip:a@h1>, <sip:a@h2>")
	other := newPhone(t, p.r, "bob")
	other.ok("Contact: <sip:b@h>")

	p.refused(400, "Contact: *")
	p.refused(400, "Contact: *", "Expires: 3600")
	p.refused(400, "Contact: *", "Expires: zero")
	p.refused(400, "Contact: *, <sip:a@h1>", "Expires: 0")
	p.refused(400, "Contact: <sip:a@h1>", "Contact: *", "Expires: 0")
	p.refused(400, "Contact: *", "Contact: *", "Expires: 0")
	p.refused(400, "Contact: *;expires=0")

	require.Empty(t, p.ok("Contact: *", "Expires: 0"))
	require.Len(t, other.ok(), 1, "another address-of-record's bindings stay")
}

// RFC 3261 section 10.3 steps 6 and 7: Call-ID and CSeq.
func TestOrder(t *testing.T) {
	r := newRegistrar()
	p := newPhone(t, r, "alice")
	p.cseq = 9
	p.ok("Contact: <sip:a@h1>, <sip:a@h2>")

	late := *p // requests that were overtaken, or sent twice
	for _, cseq := range []uint32{0, 8, 9} {
		for _, fields := range [][]string{
			{"Contact: <sip:a@h1>;q=0.1"},
			{"Contact: <sip:a@h1>;expires=0"},
			{"Contact: <sip:a@h3>, <sip:a@h2>"},
			{"Contact: *", "Expires: 0"},
		} {
			late.cseq = cseq
			late.refused(500, fields...)
		}
		late.cseq = cseq
		require.Len(t, late.ok(), 2, "who only asks is never late")
	}

	// Another Call-ID: a phone that was restarted, or another one.
	again := newPhone(t, r, "alice")
	again.callID = "alice-2"
	require.Len(t, again.ok("Contact: <sip:a@h1>"), 2)
	p.cseq = 1
	require.Len(t, p.ok("Contact: <sip:a@h1>"), 2, "h1 is now the other Call-ID's")
	p.refused(500, "Contact: <sip:a@h2>;expires=0")
	again.callID = "alice-3"
	require.Empty(t, again.ok("Contact: *", "Expires: 0"))
}

func TestAllOrNothing(t *testing.T) {
	p := newPhone(t, newRegistrar(), "alice")
	p.ok("Contact: <sip:a@h1>")
	p.refused(423, "Contact: <sip:a@h1>;expires=0, <sip:a@h2>;expires=1")
	p.refused(400, "Contact: <sip:a@h1>;expires=0, <sip:a@:>")
	other := newPhone(t, p.r, "alice")
	other.callID, other.cseq = "other", 100
	other.ok("Contact: <sip:a@h2>")
	other.cseq = 50
	other.refused(500, "Contact: <sip:a@h1>;expires=0, <sip:a@h2>")
	require.Len(t, p.ok(), 2)
}

func TestMaxContacts(t *testing.T) {
	r := newRegistrar(WithMaxContacts(3))
	p := newPhone(t, r, "alice")
	p.ok("Contact: <sip:a@h1>, <sip:a@h2>, <sip:a@h3>")
	require.Equal(t, "Too Many Contacts", p.refused(403, "Contact: <sip:a@h4>").Reason)
	require.Len(t, p.ok("Contact: <sip:a@h2>"), 3, "a refresh is no new contact")
	require.Len(t, p.ok("Contact: <sip:a@h1>;expires=0, <sip:a@h4>"), 3)
	require.Len(t, p.ok("Contact: <sip:a@h2>;expires=0,<sip:a@h3>;expires=0,<sip:a@h4>;expires=0,<sip:a@i1>,<sip:a@i2>,<sip:a@i3>"), 3)
	p.refused(403, "Contact: "+strings.Repeat("<sip:a@i1>,", 7))
	newPhone(t, r, "bob").ok("Contact: <sip:b@h>")

	// Who has more than is allowed by now may keep them.
	strict := New(ourDomains, r.store, WithMaxContacts(2))
	p.r = strict
	require.Len(t, p.ok("Contact: <sip:a@i1>"), 3)
	p.refused(403, "Contact: <sip:a@i4>")
}

func TestFiveThousandContacts(t *testing.T) {
	p := newPhone(t, newRegistrar(), "alice")
	var fields []string
	for i := range 200 {
		list := make([]string, 25)
		for j := range list {
			list[j] = fmt.Sprintf("sip:%d@h", 25*i+j)
		}
		fields = append(fields, "m:"+strings.Join(list, ","))
	}
	p.refused(403, fields...)
}
