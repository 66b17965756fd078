package main

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip"
)

func TestServedDomains(t *testing.T) {
	h := hosts{
		name:  "office",
		addrs: []netip.Addr{netip.MustParseAddr("192.0.2.7"), netip.MustParseAddr("2001:db8::7")},
		ports: []uint16{5080},
	}
	for name, c := range map[string]struct {
		domains []string
		uri     string
		want    string // "" is not ours
	}{
		"address":              {uri: "sip:alice@192.0.2.7", want: "office"},
		"address and port":     {uri: "sip:alice@192.0.2.7:5080", want: "office"},
		"another port":         {uri: "sip:alice@192.0.2.7:5099"},
		"IPv6":                 {uri: "sip:alice@[2001:db8::7]:5080", want: "office"},
		"name, any case":       {uri: "sip:alice@OFFICE", want: "office"},
		"localhost":            {uri: "sip:alice@localhost:5080", want: "office"},
		"stranger":             {uri: "sip:alice@example.net"},
		"configured":           {domains: []string{"example.com"}, uri: "sip:alice@example.com", want: "example.com"},
		"configured and port":  {domains: []string{"example.com"}, uri: "sip:alice@example.com:5080", want: "example.com"},
		"address of the first": {domains: []string{"example.com", "example.org"}, uri: "sip:alice@192.0.2.7:5080", want: "example.com"},
		"the second":           {domains: []string{"example.com", "example.org"}, uri: "sip:alice@example.org", want: "example.org"},
		"own name as second":   {domains: []string{"example.com", "office"}, uri: "sip:alice@office", want: "office"},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := servedDomains(c.domains, h).Lookup(sip.MustParseURI(c.uri))
			require.Equal(t, c.want != "", ok)
			require.Equal(t, c.want, got)
		})
	}
}
