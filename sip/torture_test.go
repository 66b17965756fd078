package sip

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// torture says what each message of RFC 4475 and RFC 5118 deserves from this
// package. Where the RFC leaves a choice, the comment says which one was made.
type torture struct {
	file string
	// code is what Parse and Validate together answer: 0 for a message that is
	// accepted, and drop for one that no response can be made for.
	code int
	// same is false where writing must not give back the octets that came.
	same  bool
	check func(t *testing.T, m Message)
}

// drop stands for a message that is neither accepted nor answered.
const drop = -1

var tortures = []torture{
	// RFC 4475 section 3.1.1: valid messages.
	{"rfc4475/wsinv.dat", 0, true, checkWsinv},
	{"rfc4475/intmeth.dat", 0, true, checkIntmeth},
	{"rfc4475/esc01.dat", 0, true, checkEsc01},
	{"rfc4475/escnull.dat", 0, true, checkEscnull},
	{"rfc4475/esc02.dat", 0, true, checkEsc02},
	{"rfc4475/lwsdisp.dat", 0, true, func(t *testing.T, m Message) {
		require.Equal(t, "caller", address(t, m, "From").Display)
	}},
	{"rfc4475/longreq.dat", 0, true, func(t *testing.T, m Message) {
		require.Equal(t, 34, countValues(m, "Via"))
		require.Len(t, m.Head().CallID(), 141)
	}},
	{"rfc4475/dblreq.dat", 0, false, func(t *testing.T, m Message) {
		require.Equal(t, REGISTER, m.(*Request).Method)
		require.Empty(t, m.Body(), "what is behind Content-Length is noise")
	}},
	{"rfc4475/semiuri.dat", 0, true, func(t *testing.T, m Message) {
		require.Equal(t, "user;par=u@example.net", Unescape(m.(*Request).URI.User()))
		require.Empty(t, m.(*Request).URI.Params().String())
		require.Equal(t, 6, countValues(m, "Accept"))
	}},
	{"rfc4475/transports.dat", 0, true, func(t *testing.T, m Message) {
		var got []string
		for v, err := range m.Head().Vias() {
			require.NoError(t, err)
			got = append(got, v.Transport)
		}
		require.Equal(t, []string{"UDP", "SCTP", "TLS", "UNKNOWN", "TCP"}, got)
	}},
	{"rfc4475/mpart01.dat", 0, true, func(t *testing.T, m Message) {
		require.Len(t, m.Body(), 553)
	}},
	{"rfc4475/unreason.dat", 0, true, func(t *testing.T, m Message) {
		require.Contains(t, m.(*Response).Reason, "девяносто")
	}},
	{"rfc4475/noreason.dat", 0, true, func(t *testing.T, m Message) {
		require.Empty(t, m.(*Response).Reason)
	}},

	// Section 3.1.2: invalid messages.
	{"rfc4475/badinv01.dat", 400, true, func(t *testing.T, m Message) {
		require.ErrorContains(t, m.(*Request).Validate(), "Via")
	}},
	{"rfc4475/clerr.dat", 400, true, nil},
	{"rfc4475/ncl.dat", 400, true, nil},
	{"rfc4475/scalar02.dat", 400, true, checkScalar02},
	{"rfc4475/scalarlg.dat", drop, true, nil},
	{"rfc4475/quotbal.dat", 400, true, nil},
	{"rfc4475/ltgtruri.dat", 400, false, nil}, // refused, though it could be guessed
	{"rfc4475/lwsruri.dat", 400, false, nil},
	{"rfc4475/lwsstart.dat", 400, false, nil}, // refused
	{"rfc4475/trws.dat", 400, false, nil},     // refused
	{"rfc4475/escruri.dat", 400, true, nil},   // refused: headers in a Request-URI
	{"rfc4475/baddate.dat", 0, true, nil},     // nobody asks for Date
	{"rfc4475/regbadct.dat", 0, true, func(t *testing.T, m Message) {
		_, err := m.Head().Address("Contact")
		require.Error(t, err, "no brackets are inferred; the registrar answers 400")
	}},
	{"rfc4475/badaspec.dat", 400, true, nil}, // refused: space inside of <>
	{"rfc4475/baddn.dat", 400, false, nil},   // refused; it also has no empty line
	{"rfc4475/badvers.dat", 505, true, nil},
	{"rfc4475/mismatch01.dat", 400, true, nil},
	{"rfc4475/mismatch02.dat", 400, true, nil},
	{"rfc4475/bigcode.dat", drop, true, nil},

	// Sections 3.2 to 3.4: what the transaction and the application see.
	{"rfc4475/badbranch.dat", 0, true, func(t *testing.T, m Message) {
		v, err := m.Head().Via()
		require.NoError(t, err)
		require.Equal(t, MagicCookie, v.Branch(), "matching falls back to RFC 2543")
	}},
	{"rfc4475/insuf.dat", 400, true, nil},
	{"rfc4475/unkscm.dat", 416, true, nil},
	{"rfc4475/novelsc.dat", 416, true, nil},
	{"rfc4475/unksm2.dat", 0, true, func(t *testing.T, m Message) {
		require.False(t, address(t, m, "To").URI.IsSIP(), "the registrar answers 400")
		require.Equal(t, "isbn", address(t, m, "To").URI.Scheme())
		require.Equal(t, "name", address(t, m, "Contact").URI.Scheme())
	}},
	{"rfc4475/bext01.dat", 0, true, checkBext01},
	{"rfc4475/invut.dat", 0, true, nil},
	{"rfc4475/regaut01.dat", 0, true, func(t *testing.T, m Message) {
		require.Equal(t, 1, countValues(m, "Authorization"), "a comma in it separates nothing")
	}},
	{"rfc4475/multi01.dat", 400, true, nil},
	{"rfc4475/mcl01.dat", 400, true, nil},
	{"rfc4475/bcast.dat", 0, true, nil},
	{"rfc4475/zeromf.dat", 0, true, func(t *testing.T, m Message) {
		hops, err := m.Head().Uint("Max-Forwards")
		require.NoError(t, err)
		require.Zero(t, hops)
	}},
	{"rfc4475/cparam01.dat", 0, true, func(t *testing.T, m Message) {
		require.True(t, address(t, m, "Contact").Params.Has("unknownparam"))
		require.False(t, address(t, m, "Contact").URI.Params().Has("unknownparam"))
	}},
	{"rfc4475/cparam02.dat", 0, true, func(t *testing.T, m Message) {
		require.False(t, address(t, m, "Contact").Params.Has("unknownparam"))
		require.True(t, address(t, m, "Contact").URI.Params().Has("unknownparam"))
	}},
	{"rfc4475/regescrt.dat", 0, true, func(t *testing.T, m Message) {
		require.Equal(t, "Route=%3Csip:sip.example.com%3E", address(t, m, "Contact").URI.Headers())
	}},
	{"rfc4475/sdp01.dat", 0, true, nil},
	{"rfc4475/inv2543.dat", 0, true, func(t *testing.T, m Message) {
		require.False(t, m.Head().Has("Max-Forwards"))
		require.NotEmpty(t, m.Body(), "without Content-Length, the body is the rest")
	}},
	// In the RFC's archive, but in none of its sections: no version, no Via.
	{"rfc4475/test.dat", drop, true, nil},

	// RFC 5118.
	{"rfc5118/ipv6-good.sip", 0, true, func(t *testing.T, m Message) {
		require.Equal(t, HostPort{Host: "2001:db8::10"}, m.(*Request).URI.HostPort())
		require.Equal(t, "2001:db8::1", address(t, m, "Contact").URI.Host())
	}},
	{"rfc5118/ipv6-bad.sip", 400, false, nil},
	{"rfc5118/port-ambiguous.sip", 0, true, func(t *testing.T, m Message) {
		require.Equal(t, HostPort{Host: "2001:db8::10:5070"}, m.(*Request).URI.HostPort())
	}},
	{"rfc5118/port-unambiguous.sip", 0, true, func(t *testing.T, m Message) {
		require.Equal(t, HostPort{Host: "2001:db8::10", Port: 5070}, m.(*Request).URI.HostPort())
	}},
	{"rfc5118/via-received-param-with-delim.sip", 0, true, func(t *testing.T, m Message) {
		requireReceived(t, m, "[2001:db8::9:255]")
	}},
	{"rfc5118/via-received-param-no-delim.sip", 0, true, func(t *testing.T, m Message) {
		requireReceived(t, m, "2001:db8::9:255")
	}},
	{"rfc5118/ipv6-in-sdp.sip", 400, true, nil}, // its Content-Length is too large
	{"rfc5118/mult-ip-in-header.sip", 0, true, func(t *testing.T, m Message) {
		var got []HostPort
		for v, err := range m.Head().Vias() {
			require.NoError(t, err)
			got = append(got, v.SentBy)
		}
		require.Equal(t, []HostPort{{"2001:db8::9:1", 6050}, {"192.0.2.1", 0}, {"2001:db8::9:255", 0}}, got)
	}},
	// The Content-Length of these two is shorter than the body, which is cut.
	{"rfc5118/mult-ip-in-sdp.sip", 0, false, func(t *testing.T, m Message) {
		require.Len(t, m.Body(), 181)
	}},
	{"rfc5118/ipv4-mapped-ipv6.sip", 0, false, func(t *testing.T, m Message) {
		require.Len(t, m.Body(), 236)
		require.Equal(t, "::ffff:192.0.2.2", address(t, m, "Contact").URI.Host())
	}},
	// Three colons are put up with, as section 4.10 asks.
	{"rfc5118/ipv6-bug-abnf-3-colons.sip", 0, true, func(t *testing.T, m Message) {
		addr, ok := m.(*Request).URI.HostPort().Addr()
		require.True(t, ok)
		require.Equal(t, "2001:db8::c000:201", addr.String())
	}},
	{"rfc5118/ipv6-correct-abnf-2-colons.sip", 0, true, nil},
}

func readTestdata(tb testing.TB, file string) []byte {
	packet, err := os.ReadFile(filepath.Join("testdata", file))
	require.NoError(tb, err)
	return packet
}

// verdict is what Parse and Validate together say of a packet.
func verdict(packet []byte) (Message, int) {
	m, err := Parse(packet)
	if m == nil {
		return nil, drop
	}
	var parse *ParseError
	if errors.As(err, &parse) {
		return m, parse.Code
	}
	if r, ok := m.(*Response); ok {
		if r.Validate() != nil {
			return m, drop
		}
		return m, 0
	}
	var status *StatusError
	if errors.As(m.(*Request).Validate(), &status) {
		return m, status.Code
	}
	return m, 0
}

func TestTorture(t *testing.T) {
	for _, tt := range tortures {
		t.Run(tt.file, func(t *testing.T) {
			packet := readTestdata(t, tt.file)
			m, code := verdict(packet)
			require.Equal(t, tt.code, code)
			if m == nil {
				return
			}
			if tt.same {
				require.Equal(t, string(packet), m.String())
			} else {
				require.NotEqual(t, string(packet), m.String())
			}
			if tt.check != nil {
				tt.check(t, m)
			}
		})
	}
}

// TestTortureComplete fails on a file that the table forgets.
func TestTortureComplete(t *testing.T) {
	for _, dir := range []string{"rfc4475", "rfc5118"} {
		entries, err := os.ReadDir(filepath.Join("testdata", dir))
		require.NoError(t, err)
		for _, e := range entries {
			file := dir + "/" + e.Name()
			require.True(t, slices.ContainsFunc(tortures, func(tt torture) bool { return tt.file == file }), file)
		}
	}
	require.Len(t, tortures, 49+1+12)
}

func address(t *testing.T, m Message, name string) Address {
	a, err := m.Head().Address(name)
	require.NoError(t, err)
	return a
}

func countValues(m Message, name string) (n int) {
	for range m.Head().Values(name) {
		n++
	}
	return n
}

func requireReceived(t *testing.T, m Message, want string) {
	v, err := m.Head().Via()
	require.NoError(t, err)
	received, _ := v.Params.Get("received")
	require.Equal(t, want, received)
}

func checkWsinv(t *testing.T, m Message) {
	h := m.Head()
	hops, err := h.Uint("Max-Forwards")
	require.NoError(t, err)
	require.EqualValues(t, 68, hops)
	cseq, err := h.CSeq()
	require.NoError(t, err)
	require.Equal(t, CSeq{9, INVITE}, cseq)
	require.Equal(t, "1918181833n", address(t, m, "To").Tag())
	require.Equal(t, `J Rosenberg \"`, address(t, m, "From").Display)
	require.Equal(t, "98asjd8", address(t, m, "From").Tag())
	var vias []Via
	for v, err := range h.Vias() {
		require.NoError(t, err)
		vias = append(vias, v)
	}
	require.Len(t, vias, 3)
	require.Equal(t, "390skdjuw", vias[0].Branch())
	require.Equal(t, HostPort{Host: "spindle.example.com"}, vias[1].SentBy)
	require.Equal(t, "z9hG4bK9ikj8", vias[1].Branch())
	require.Equal(t, "z9hG4bK30239", vias[2].Branch())
	require.True(t, h.Has("Subject"))
	require.Empty(t, h.Get("Subject"))
	require.Equal(t, "newfangled value continued newfangled value", h.Get("NewFangledHeader"))
	require.Equal(t, ";;,,;;,;", h.Get("UnknownHeaderWithUnusualValue"))
	contact := address(t, m, "Contact")
	require.Equal(t, `Quoted string ""`, contact.Display)
	require.Equal(t, Q(330), contact.Q())
	route := address(t, m, "Route")
	require.True(t, route.URI.Params().Has("lr"))
	require.Len(t, m.Body(), 150)
}

func checkIntmeth(t *testing.T, m Message) {
	r := m.(*Request)
	require.Equal(t, Method("!interesting-Method0123456789_*+`.%indeed'~"), r.Method)
	require.Equal(t, "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*", r.URI.User())
	require.Equal(t, "&it+has=1,weird!*pas$wo~d_too.(doesn't-it)", r.URI.Password())
	require.Equal(t, "BEL:\a NUL:\x00 DEL:\x7f", address(t, m, "To").Display)
	require.Equal(t, "_token~1'+`*%!-.", address(t, m, "From").Tag())
	require.Equal(t, `intmeth.word%ZK-!.*_+'@word`+"`"+`~)(><:\/"][?}{`, r.CallID())
}

func checkEsc01(t *testing.T, m Message) {
	r := m.(*Request)
	require.Equal(t, "sips:user@example.com", Unescape(r.URI.User()))
	require.True(t, address(t, m, "To").URI.Equal(MustParseURI("sip:user@example.com")))
	contact := address(t, m, "Contact").URI
	require.Equal(t, "caller", Unescape(contact.User()))
	require.True(t, contact.Params().Has("lr"))
	value, _ := contact.Param("name")
	require.Equal(t, "value%41", value, "unescaped once, never twice")
}

func checkEscnull(t *testing.T, m Message) {
	var contacts []URI
	for a, err := range m.Head().Addresses("Contact") {
		require.NoError(t, err)
		contacts = append(contacts, a.URI)
	}
	require.Len(t, contacts, 2)
	require.False(t, contacts[0].Equal(contacts[1]))
	require.Equal(t, "null-\x00-null", Unescape(address(t, m, "To").URI.User()))
	require.Equal(t, AOR("sip:null-%00-null@example.com"), address(t, m, "To").URI.AOR())
}

func checkEsc02(t *testing.T, m Message) {
	require.Equal(t, Method("RE%47IST%45R"), m.(*Request).Method)
	require.Equal(t, 2, countValues(m, "Contact"))
	require.Equal(t, "%Z%45", address(t, m, "To").Display)
}

func checkScalar02(t *testing.T, m Message) {
	_, err := m.Head().CSeq()
	require.Error(t, err)
	_, err = m.Head().Uint("Expires")
	require.Error(t, err)
	d, ok := address(t, m, "Contact").Expires()
	require.True(t, ok)
	require.Equal(t, 3600.0, d.Seconds(), "an expiry out of range counts as the default")
}

func checkBext01(t *testing.T, m Message) {
	r := m.(*Request)
	err := r.Unsupported("Proxy-Require", "path")
	var status *StatusError
	require.ErrorAs(t, err, &status)
	require.Equal(t, 420, status.Code)
	require.Equal(t, []string{"noProxiesSupportThis", "norDoAnyProxiesSupportThis"},
		slices.Collect(status.Header.Values("Unsupported")))
	require.NoError(t, r.Unsupported("Require", "nothingSupportsThis", "NothingSupportsThisEither"))
}
