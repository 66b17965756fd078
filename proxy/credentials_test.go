package proxy

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRealmOf(t *testing.T) {
	tests := []struct{ credentials, realm string }{
		{`Digest realm="example.com"`, "example.com"},
		{`Digest username="a, realm=b", REALM = "example.com" , nonce="n"`, "example.com"},
		{`Digest username="\"", qop=auth, nc=00000001,realm="a \"b\" c"`, `a "b" c`},
		{`Digest realm=token, nonce="n"`, "token"},
		{`Digest nonce="n"`, ""},
		{`Digest realm="open`, "open"},
		{`Digest realm`, ""},
		{`Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==`, ""},
		{``, ""},
	}
	for _, tt := range tests {
		require.Equal(t, tt.realm, realmOf(tt.credentials), tt.credentials)
	}
}
