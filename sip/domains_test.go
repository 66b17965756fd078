package sip

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDomains(t *testing.T) {
	base := NewDomains("Example.COM", "192.0.2.1", "192.0.2.1:5080", "2001:db8::1", "[2001:db8::2]:5061", "not a host", "proxy.example.com.")
	d := base.With("other.example:5070")
	for uri, want := range map[string]string{
		"sip:a@example.com":                       "example.com",
		"sip:a@EXAMPLE.com:5060":                  "example.com",
		"sip:a@example.com.":                      "example.com",
		"sips:a@example.com:5061":                 "example.com",
		"sips:a@example.com:5060":                 "",
		"sip:a@example.com:5061":                  "",
		"sip:a@example.com:5061;transport=tls":    "example.com",
		"sip:a@sub.example.com":                   "",
		"sip:a@192.0.2.1":                         "example.com",
		"sip:a@192.0.2.1:5080":                    "example.com",
		"sip:a@192.0.2.1:5081":                    "",
		"sip:a@[2001:DB8:0::1]:5060":              "example.com",
		"sip:a@[2001:db8::2]":                     "",
		"sips:a@[2001:db8::2]":                    "example.com",
		"sip:proxy.example.com":                   "example.com",
		"sip:a@other.example:5070":                "other.example:5070",
		"sip:a@other.example":                     "",
		"tel:+1":                                  "",
		"http://example.com":                      "",
		"sip:%61@example.com:5060;x=y?to=z":       "example.com",
		"sip:evil@elsewhere.test;maddr=192.0.2.1": "",
	} {
		got, ok := d.Lookup(MustParseURI(uri))
		require.Equal(t, want, got, uri)
		require.Equal(t, want != "", ok, uri)
	}
	_, ok := base.Lookup(MustParseURI("sip:a@other.example:5070"))
	require.False(t, ok, "With leaves the first set as it was")

	aor, ok := d.AOR(MustParseURI("sips:%61lice:pw@192.0.2.1:5080;x?y"))
	require.True(t, ok)
	require.Equal(t, AOR("sip:alice@example.com"), aor)
	aor, ok = d.AOR(MustParseURI("sip:192.0.2.1"))
	require.True(t, ok)
	require.Equal(t, AOR("sip:example.com"), aor)
	_, ok = d.AOR(MustParseURI("sip:alice@elsewhere.test"))
	require.False(t, ok)
	_, ok = (&Domains{}).Lookup(MustParseURI("sip:a"))
	require.False(t, ok)
	six, ok := NewDomains("2001:db8::1").AOR(MustParseURI("sip:a@[2001:db8::1]"))
	require.True(t, ok)
	require.Equal(t, AOR("sip:a@[2001:db8::1]"), six)
	_, ok = NewDomains("not a domain", "h").Lookup(MustParseURI("sip:h"))
	require.False(t, ok)
}

func TestFlow(t *testing.T) {
	f := Flow{Network: "udp", Local: netip.MustParseAddrPort("192.0.2.1:5060"), Remote: netip.MustParseAddrPort("[2001:db8::9]:5062")}
	require.Equal(t, "udp 192.0.2.1:5060 <- [2001:db8::9]:5062", f.String())
	require.False(t, f.Reliable())
	require.True(t, Flow{Network: "wss"}.Reliable())
	require.False(t, f.IsZero())
	require.True(t, Flow{}.IsZero())
}

func TestStatusError(t *testing.T) {
	cause := errors.New("no such table")
	err := &StatusError{Code: 500, Err: cause}
	require.ErrorIs(t, err, cause)
	require.Equal(t, "sip: 500 Server Internal Error: no such table", err.Error())
	require.Equal(t, "sip: 403 Not here", (&StatusError{Code: 403, Reason: "Not here"}).Error())

	// A header goes by value into an error, and may be added to there.
	var h Header
	h.Add("Retry-After", "5")
	err = &StatusError{Code: 503, Header: h}
	err.Header.Add("X", "y")
	require.Equal(t, "5", err.Header.Get("Retry-After"))
	require.Equal(t, "y", err.Header.Get("X"))
}

func TestReasonPhrase(t *testing.T) {
	require.Equal(t, "Ringing", ReasonPhrase(180))
	require.Equal(t, "Does Not Exist Anywhere", ReasonPhrase(604))
	require.Empty(t, ReasonPhrase(299))
	for code, phrase := range reasonPhrases {
		require.NotEmpty(t, phrase)
		require.True(t, code >= 100 && code < 700)
	}
}
