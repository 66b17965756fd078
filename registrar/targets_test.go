package registrar

import (
	"context"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip"
)

const aliceAOR = sip.AOR("sip:alice@example.com")

func targets(t *testing.T, r *Registrar) (list []string) {
	t.Helper()
	found, err := r.Targets(t.Context(), aliceAOR)
	require.NoError(t, err)
	for _, target := range found {
		require.Empty(t, target.Route)
		list = append(list, target.URI.String())
	}
	return list
}

func TestTargets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRegistrar()
		require.Empty(t, targets(t, r))
		p := newPhone(t, r, "alice")
		p.ok("Contact: <sip:a@early>")
		time.Sleep(time.Second)
		p.ok("Contact: <sip:a@least>;q=0.1, <sip:a@brief>;q=0.5;expires=60, <sips:a@most;x=y>",
			"Contact: <tel:+12015550123>, <mailto:a@example.com>")
		require.Equal(t, []string{"sips:a@most;x=y", "sip:a@early", "sip:a@brief", "sip:a@least"}, targets(t, r))
		time.Sleep(time.Minute)
		require.Equal(t, []string{"sips:a@most;x=y", "sip:a@early", "sip:a@least"}, targets(t, r))
		found, err := r.Targets(t.Context(), aliceAOR)
		require.NoError(t, err)
		require.Equal(t, sip.Q(100), found[2].Q)
	})
}

// RFC 3261 sections 19.1.5 and 16.6: what a Request-URI must not have.
func TestTargetsAreRequestURIs(t *testing.T) {
	p := newPhone(t, newRegistrar(), "alice")
	p.ok("Contact: <sip:a@h;method=INVITE;transport=tcp?Replaces=1&Route=%3Csip:x%3E>")
	require.Equal(t, []string{"sip:a@h;transport=tcp"}, targets(t, p.r))
	require.Contains(t, p.ok()[0], "<sip:a@h;method=INVITE;transport=tcp?Replaces=1&Route=%3Csip:x%3E>")
}

func TestTargetsOverTheirConnection(t *testing.T) {
	flow := func(network, remote string) sip.Flow {
		return sip.Flow{Network: network, Local: netip.MustParseAddrPort("192.0.2.7:5060"), Remote: netip.MustParseAddrPort(remote), ID: 7}
	}
	for _, tc := range []struct {
		name    string
		flow    sip.Flow
		contact string
		own     bool
	}{
		{"tcp", flow("tcp", "192.0.2.9:40000"), "sip:a@192.0.2.9:40000;transport=tcp", true},
		{"tls", flow("tls", "192.0.2.9:40000"), "sips:a@192.0.2.9:40000", true},
		{"IPv6", flow("tcp", "[2001:db8::9]:40000"), "sip:a@[2001:db8::9]:40000;transport=tcp", true},
		{"listening port", flow("tcp", "192.0.2.9:40000"), "sip:a@192.0.2.9;transport=tcp", false},
		{"another host", flow("tcp", "192.0.2.9:40000"), "sip:a@192.0.2.10:40000;transport=tcp", false},
		{"another network", flow("tcp", "192.0.2.9:40000"), "sip:a@192.0.2.9:40000;transport=tls", false},
		{"a name", flow("tcp", "192.0.2.9:40000"), "sip:a@phone.example.com:40000;transport=tcp", false},
		{"a browser", flow("wss", "192.0.2.9:40000"), "sip:a@df7jal23ls0d.invalid;transport=ws", true},
		{"behind a NAT", flow("udp", "192.0.2.9:40000"), "sip:a@10.0.0.9:5060", true},
		{"a TLS phone's listening port", flow("tls", "192.0.2.9:40000"), "sip:a@192.0.2.9:5061;transport=tls", true},
		{"udp needs none", flow("udp", "192.0.2.9:5060"), "sip:a@192.0.2.9:5060", false},
		{"none", sip.Flow{}, "sip:a@192.0.2.9", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := newPhone(t, newRegistrar(), "alice")
			p.flow = tc.flow
			p.ok("Contact: <" + tc.contact + ">")
			found, err := p.r.Targets(t.Context(), aliceAOR)
			require.NoError(t, err)
			require.Len(t, found, 1)
			if tc.own {
				require.Equal(t, tc.flow, found[0].Flow)
			} else {
				require.True(t, found[0].Flow.IsZero())
			}
		})
	}
}

func TestTargetsEnd(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := newRegistrar().Targets(ctx, aliceAOR)
	require.ErrorIs(t, err, context.Canceled)
}
