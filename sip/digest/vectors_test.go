package digest

import (
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"
)

// sdp is the body of section 3.5 of the draft with SIP's examples.
const sdp = "v=0\r\no=bob 2890844526 2890844526 IN IP4 media.biloxi.com\r\ns=-\r\nc=IN IP4 media.biloxi.com\r\nt=0 0\r\n" +
	"m=audio 49170 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\nm=video 51372 RTP/AVP 31\r\na=rtpmap:31 H261/90000\r\n" +
	"m=video 53000 RTP/AVP 32\r\na=rtpmap:32 MPV/90000\r\n"

// The examples of the RFCs. Their passwords and uris are HTTP's; the sums are
// the same.
func TestVectors(t *testing.T) {
	for _, tc := range []struct {
		name                  string
		user, realm, password string
		proof                 proof
		response              string
	}{
		{
			"RFC 2617 3.5", "Mufasa", "testrealm@host.com", "Circle Of Life",
			proof{
				alg: MD5, nonce: "dcd98b7102dd2f0e8b11d0f600bfb0c093", nc: "00000001", cnonce: "0a4f113b",
				qop: "auth", method: "GET", uri: "/dir/index.html",
			},
			"6629fae49393a05397450978507c4ef1",
		},
		{
			"RFC 2069 2.4, as its erratum 749 has it", "Mufasa", "testrealm@host.com", "CircleOfLife",
			proof{
				alg: MD5, nonce: "dcd98b7102dd2f0e8b11d0f600bfb0c093", method: "GET", uri: "/dir/index.html",
			},
			"1949323746fe6a43ef61f9606e7febea",
		},
		{
			"RFC 7616 3.9.1, MD5", "Mufasa", "http-auth@example.org", "Circle of Life",
			proof{
				alg: MD5, nonce: "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", nc: "00000001",
				cnonce: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", qop: "auth", method: "GET", uri: "/dir/index.html",
			},
			"8ca523f5e9506fed4657c9700eebdbec",
		},
		{
			"RFC 7616 3.9.1, SHA-256", "Mufasa", "http-auth@example.org", "Circle of Life",
			proof{
				alg: SHA256, nonce: "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", nc: "00000001",
				cnonce: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", qop: "auth", method: "GET", uri: "/dir/index.html",
			},
			"753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
		},
		{
			"RFC 7616 3.9.2, SHA-512-256, as its erratum 4897 has it", "Jäsøn Doe", "api@example.org", "Secret, or not?",
			proof{
				alg: SHA512256, nonce: "5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK", nc: "00000001",
				cnonce: "NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v", qop: "auth", method: "GET", uri: "/doe.json",
			},
			"3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5",
		},
		{
			// No RFC has an example of auth-int.
			"draft-smith-sipping-auth-examples-01 3.5, auth-int", "bob", "biloxi.com", "zanzibar",
			proof{
				alg: MD5, nonce: "dcd98b7102dd2f0e8b11d0f600bfb0c093", nc: "00000001", cnonce: "0a4f113b",
				qop: "auth-int", method: "INVITE", uri: "sip:bob@biloxi.com", body: sdp,
			},
			"bdbeebb2da6adb6bca02599c2239e192",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ha1 := HA1(tc.proof.alg, tc.user, tc.realm, tc.password)
			require.Len(t, ha1, tc.proof.alg.Size())
			require.Equal(t, tc.response, hex.EncodeToString(tc.proof.appendTo(nil, ha1)))
		})
	}
}
