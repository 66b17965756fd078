package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/digest"
)

// A party to a dialog is not asked again, but for what a dialog says nothing of:
// who may register.
func TestRealmWithinADialog(t *testing.T) {
	a := access{
		domains:  sip.NewDomains("example.com"),
		inDialog: func(*sip.Request) bool { return true },
	}
	alice := sip.Address{URI: sip.MustParseURI("sip:alice@example.com")}
	_, _, asked := a.realm(sip.NewRequest(sip.BYE, sip.MustParseURI("sip:bob@192.0.2.9"), alice, alice), nil)
	require.False(t, asked)
	realm, role, asked := a.realm(sip.NewRequest(sip.REGISTER, sip.MustParseURI("sip:example.com"), alice, alice), nil)
	require.True(t, asked)
	require.Equal(t, "example.com", realm)
	require.Equal(t, digest.UAS, role)
}
