package proxy_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip"
)

// RFC 3261 section 16.6 item 4: where Request-URI is sips, so is Record-Route;
// section 16.7 item 8: not for a side that came without TLS.
func TestRecordRouteOfASIPSRequest(t *testing.T) {
	const web, plain = "<sips:192.0.2.1:443;transport=ws;lr;", "<sip:192.0.2.1:5060;lr;"
	onTheWeb(t, func(t *testing.T, s *site) {
		bob := s.browser("bob", "20")
		bob.uri = sip.MustParseURI("sips:bob@df7jal23ls0d.invalid;transport=ws")
		s.register(bob)
		open := s.phone("open", "10")
		s.register(open)
		for _, c := range []struct {
			caller *phone
			want   []string // as the callee has them
		}{
			{s.browser("alice", "30"), []string{web}},
			{open, []string{web, plain}},
		} {
			caller, callee := establish(s, c.caller, bob)
			require.Len(t, callee.routes, len(c.want))
			for i, r := range callee.routes {
				require.Contains(t, r.String(), c.want[i])
				require.Contains(t, caller.routes[len(c.want)-1-i].String(), c.want[i])
			}
			exchange(t, caller, callee)
		}

		// Request-URI alone decides, and not how the request came.
		caller, _ := establish(s, bob, s.browser("carol", "40"))
		require.Contains(t, caller.routes[0].String(), "<sip:192.0.2.1:443;transport=ws;lr;")
	})
}

// RFC 3261 section 8.1.2: a sips Contact is not reached over a flow without TLS. That
// is no failure of the flow (RFC 5630 section 5.3).
func TestSIPSContactOfAPlainFlow(t *testing.T) {
	onTheWeb(t, func(t *testing.T, s *site) {
		open := s.phone("open", "10")
		s.register(open)
		hidden := s.hidden("tcp", "hidden", "20", "sips:hidden@10.1.2.3:5060")
		_, callee := establish(s, hidden, open)
		callee.send(callee.request(sip.BYE))
		open.expect(480)

		open.send(proxyAddr, open.request(sip.MESSAGE, "sip:hidden@example.com"))
		open.expect(480)
	})
}
