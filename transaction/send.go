package transaction

import (
	"cmp"
	"errors"
	"math"
	"net/netip"
	"strings"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/transport"
)

// wayBack is where the responses to a request go (RFC 3261 section 18.2.2, RFC
// 3581 section 4): flow is the one of the request, with another port perhaps,
// and hop what a new connection is opened to if that flow is gone.
//
// maddr is ignored, against section 18.2.2. Clients set it to the group that they
// sent a request to (18.1.1), and nothing here receives from groups; what is left
// are strangers who aim our responses at a third party, or at a whole network.
func wayBack(f sip.Flow, via sip.Via) (flow sip.Flow, hop sip.Hop) {
	port := cmp.Or(via.SentBy.Port, defaultPort(f.Network))
	source := f.Remote.Addr()
	if f.Reliable() {
		hop = sip.Hop{Network: f.Network, Addr: netip.AddrPortFrom(source, port)}
		if f.IsSecure() {
			hop.ServerName = strings.Clone(via.SentBy.Host) // the request need not be kept for it
		}
		return f, hop
	}
	if !via.Params.Has("rport") {
		f.Remote = netip.AddrPortFrom(source, port)
	}
	return f, sip.Hop{}
}

func defaultPort(network string) uint16 {
	switch network {
	case "tls":
		return 5061
	case "ws":
		return 80
	case "wss":
		return 443
	}
	return 5060
}

// reread parses what we wrote ourselves, so that it can be sent again.
func reread(text string) *sip.Response {
	all := sip.Limits{Message: math.MaxInt32, Fields: math.MaxInt32, Field: math.MaxInt32, Vias: math.MaxInt32}
	m, err := all.Parse([]byte(text))
	if resp, ok := m.(*sip.Response); ok && err == nil {
		return resp
	}
	return nil
}

// send sends a response over the flow, or has a new connection opened for it;
// mu is held.
func (s *server) send(resp *sip.Response) error {
	if resp == nil {
		return nil
	}
	if s.detour != nil {
		return s.detour.add(resp)
	}
	err := s.transport.Send(s.flow, resp)
	if !errors.Is(err, transport.ErrFlowGone) || !s.flow.Reliable() || s.rerouted {
		return err
	}
	s.detour, s.rerouted = new(detour), true
	_ = s.detour.add(resp) // it has room for one
	s.e.begin(&s.e.other)
	s.e.work(s.reconnect)
	return nil
}

// A detour holds responses in order while a new connection is being opened for
// them.
type detour struct{ waiting []string }

// maxDetour bounds the responses that wait for a connection.
const maxDetour = 16

func (d *detour) add(resp *sip.Response) error {
	if len(d.waiting) >= maxDetour {
		return transport.ErrQueueFull
	}
	d.waiting = append(d.waiting, resp.String())
	return nil
}

// reconnect opens a connection for responses when the one of the request is
// gone (RFC 3261 section 18.2.2). It runs on a worker.
func (s *server) reconnect() {
	defer s.e.finish(&s.e.other)
	_, f, err := s.e.connect(s.e.life, s.hop)
	s.mu.Lock()
	defer s.mu.Unlock()
	waiting := s.detour.waiting
	s.detour = nil
	if err == nil {
		s.flow = f
		for _, text := range waiting {
			if err = s.send(reread(text)); err != nil {
				break
			}
		}
	}
	if err != nil {
		s.e.cfg.log.Debug("no way back for a response", "flow", s.flow, "address", s.hop.Addr, "err", err)
	}
	if !s.invite && s.state == completed {
		s.terminate(nil) // timer J is zero
	}
}
