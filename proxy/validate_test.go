package proxy_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip"
)

// RFC 3261 section 16.3 and what else a proxy answers by itself.
func TestRefusedByItself(t *testing.T) {
	tests := []struct {
		name   string
		method sip.Method
		uri    string
		edit   func(*sip.Request)
		code   int
		field  string // a field of the response
		value  string
	}{
		{name: "no hop left", method: sip.INVITE, uri: "sip:bob@example.com",
			edit: func(r *sip.Request) { r.Set("Max-Forwards", "0") }, code: 483},
		{name: "no hop left, OPTIONS for a user", method: sip.OPTIONS, uri: "sip:bob@example.com",
			edit: func(r *sip.Request) { r.Set("Max-Forwards", "0") }, code: 483},
		{name: "OPTIONS to the proxy", method: sip.OPTIONS, uri: "sip:example.com",
			code: 200, field: "Supported"},
		{name: "OPTIONS to the proxy's address, no hop left", method: sip.OPTIONS, uri: "sip:192.0.2.1:5060",
			edit: func(r *sip.Request) { r.Set("Max-Forwards", "0") }, code: 200, field: "Accept", value: "*/*"},
		{name: "extensions", method: sip.INVITE, uri: "sip:bob@example.com",
			edit: func(r *sip.Request) { r.Add("Proxy-Require", "foo, bar") }, code: 420, field: "Unsupported"},
		{name: "empty Proxy-Require", method: sip.INVITE, uri: "sip:bob@example.com",
			edit: func(r *sip.Request) { r.Add("Proxy-Require", "") }, code: 480},
		{name: "extensions of a user agent, OPTIONS to the proxy", method: sip.OPTIONS, uri: "sip:example.com",
			edit: func(r *sip.Request) { r.Add("Require", "foo") }, code: 420, field: "Unsupported", value: "foo"},
		{name: "extensions of a user agent, OPTIONS for a user", method: sip.OPTIONS, uri: "sip:bob@example.com",
			edit: func(r *sip.Request) { r.Add("Require", "foo") }, code: 480},
		{name: "no user", method: sip.INVITE, uri: "sip:example.com", code: 404},
		{name: "REGISTER", method: sip.REGISTER, uri: "sip:example.com", code: 405, field: "Allow",
			value: "INVITE, ACK, BYE, CANCEL, OPTIONS, PRACK, UPDATE, MESSAGE, REFER, PUBLISH, INFO, SUBSCRIBE, NOTIFY"},
		{name: "tel", method: sip.INVITE, uri: "tel:+15550100", code: 403},
		{name: "other scheme", method: sip.INVITE, uri: "http://example.com/", code: 416},
		{name: "malformed Route", method: sip.INVITE, uri: "sip:bob@example.com",
			edit: func(r *sip.Request) { r.Add("Route", "<sip:192.0.2.1;lr") }, code: 400},
		{name: "empty Route", method: sip.INVITE, uri: "sip:bob@example.com",
			edit: func(r *sip.Request) { r.Add("Route", "") }, code: 480},
	}
	inBubble(t, siteConfig{}, func(t *testing.T, s *site) {
		alice := s.phone("alice", "10")
		for _, tt := range tests {
			req := alice.request(tt.method, tt.uri)
			if tt.edit != nil {
				tt.edit(req)
			}
			alice.send(proxyAddr, req)
			resp := alice.expect(tt.code)
			to, err := resp.To()
			require.NoError(t, err, tt.name)
			require.NotEmpty(t, to.Tag(), tt.name)
			require.Equal(t, tt.code == 405, resp.Has("Allow"), tt.name)
			if tt.field != "" {
				require.True(t, resp.Has(tt.field), tt.name)
			}
			if tt.value != "" {
				require.Equal(t, tt.value, resp.Get(tt.field), tt.name)
			}
		}
	})
}

// RFC 3261 section 16.3 item 5: Unsupported lists each tag.
func TestUnsupportedTags(t *testing.T) {
	inBubble(t, siteConfig{}, func(t *testing.T, s *site) {
		alice := s.phone("alice", "10")
		req := alice.request(sip.OPTIONS, "sip:bob@example.com")
		req.Add("Proxy-Require", "foo, bar")
		alice.send(proxyAddr, req)
		resp := alice.expect(420)
		require.True(t, resp.HasToken("Unsupported", "foo"))
		require.True(t, resp.HasToken("Unsupported", "bar"))
	})
}

// RFC 3261 section 16.6 item 3.
func TestMaxForwards(t *testing.T) {
	tests := []struct{ in, out string }{
		{"", "70"}, {"1", "0"}, {"70", "69"}, {"0068", "67"}, {"255", "254"}, {"4294967295", "255"},
	}
	inBubble(t, siteConfig{}, func(t *testing.T, s *site) {
		alice, bob := s.phone("alice", "10"), s.phone("bob", "20")
		s.users.register("bob", bob)
		for _, tt := range tests {
			req := alice.request(sip.MESSAGE, "sip:bob@example.com")
			req.Del("Max-Forwards")
			if tt.in != "" {
				req.Set("Max-Forwards", tt.in)
			}
			alice.send(proxyAddr, req)
			in := bob.asked(sip.MESSAGE)
			require.Equal(t, tt.out, in.Get("Max-Forwards"))
			in.answer(200)
			alice.expect(200)
		}
	})
}
