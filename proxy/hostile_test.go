package proxy_test

import (
	"strings"
	"testing"

	"github.com/patchbay-sip/patchbay/sip"
)

// A list of our own Route values is taken off one by one: a long one would keep
// the proxy busy for whoever sends it.
func TestManyOwnRoutes(t *testing.T) {
	inBubble(t, siteConfig{}, func(_ *testing.T, s *site) {
		eve := s.phone("eve", "10")
		for n, code := range map[int]int{32: 480, 33: 400, 500: 400} {
			req := eve.request(sip.MESSAGE, "sip:bob@example.com")
			req.Set("Route", strings.Repeat("<sip:example.com>, ", n))
			eve.send(proxyAddr, req)
			eve.expect(code)
		}
	})
}
