package sip_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip"
)

func TestTextRoundTrip(t *testing.T) {
	type stored struct {
		URI     sip.URI
		Params  sip.Params
		Address sip.Address
	}
	params, err := sip.ParseParams(`;+sip.instance="<urn:uuid:00000000-0000-1000-8000-000A95A0E128>";q=0.5`)
	require.NoError(t, err)
	address, err := sip.ParseAddress(`"A. \"G\" Bell" <sip:agb@bell-telephone.com> ;tag=a48s`)
	require.NoError(t, err)
	for name, want := range map[string]stored{
		"zero": {},
		"full": {sip.MustParseURI("sip:%61lice@[2001:DB8::1]:5061;transport=tcp?a=b"), params, address},
	} {
		t.Run(name, func(t *testing.T) {
			text, err := json.Marshal(want)
			require.NoError(t, err)
			var got stored
			require.NoError(t, json.Unmarshal(text, &got))
			require.Equal(t, want, got)
		})
	}
}

func TestUnmarshalTextRefuses(t *testing.T) {
	var u sip.URI
	require.Error(t, u.UnmarshalText([]byte("no uri")))
	var p sip.Params
	require.Error(t, p.UnmarshalText([]byte(`;x="y`)))
	var a sip.Address
	require.Error(t, a.UnmarshalText([]byte("<sip:x")))
}
