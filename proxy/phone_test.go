package proxy_test

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/transport/memnet"
)

// A phone is a scripted user agent on the wire: it parses and writes messages
// with package sip and knows nothing of transactions. It swallows the ACK to
// its own 300 to 699, which the test would have to read otherwise.
type phone struct {
	t    testing.TB
	user string
	addr netip.AddrPort
	in   chan arrival
	tag  string

	packets net.PacketConn // UDP
	network *memnet.Network
	accept  net.Listener // TCP
	mu      sync.Mutex
	conns   map[netip.AddrPort]net.Conn
	reading sync.WaitGroup
	seen    map[string]bool // requests, by branch and method

	forgetful bool            // keeps no track of what it has seen
	uri       sip.URI         // its Contact, if that is not its address
	socket    *websocket.Conn // of a browser
}

// arrival is a message and the way back.
type arrival struct {
	m     sip.Message
	reply func(sip.Message)
}

// newPhone makes a phone that speaks UDP.
func newPhone(t testing.TB, n *memnet.Network, user, addr string) *phone {
	t.Helper()
	conn, err := n.ListenPacket(addr)
	require.NoError(t, err)
	p := &phone{
		t: t, user: user, addr: netip.MustParseAddrPort(conn.LocalAddr().String()), tag: sip.NewTag(),
		in: make(chan arrival, 64), packets: conn, seen: make(map[string]bool),
	}
	p.reading.Go(p.readPackets)
	t.Cleanup(func() {
		conn.Close()
		p.reading.Wait()
	})
	return p
}

// newStreamPhone makes a phone that speaks TCP.
func newStreamPhone(t testing.TB, n *memnet.Network, user, addr string) *phone {
	t.Helper()
	l, err := n.Listen(addr)
	require.NoError(t, err)
	p := &phone{
		t: t, user: user, addr: netip.MustParseAddrPort(l.Addr().String()), tag: sip.NewTag(),
		in: make(chan arrival, 64), network: n, accept: l,
		conns: make(map[netip.AddrPort]net.Conn), seen: make(map[string]bool),
	}
	p.reading.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			p.open(conn)
		}
	})
	t.Cleanup(func() {
		l.Close()
		p.mu.Lock()
		for _, c := range p.conns {
			c.Close()
		}
		p.mu.Unlock()
		p.reading.Wait()
	})
	return p
}

func (p *phone) readPackets() {
	buf := make([]byte, 65535)
	for {
		n, from, err := p.packets.ReadFrom(buf)
		if err != nil {
			return
		}
		m, err := sip.Parse(buf[:n])
		if err != nil {
			p.t.Errorf("%s: %v in\n%s", p.user, err, buf[:n])
			return
		}
		p.arrive(arrival{m, func(m sip.Message) { p.packets.WriteTo([]byte(m.String()), from) }})
	}
}

func (p *phone) open(conn net.Conn) {
	p.mu.Lock()
	p.conns[netip.MustParseAddrPort(conn.RemoteAddr().String())] = conn
	p.mu.Unlock()
	p.reading.Go(func() {
		var framer sip.Framer
		var pending []byte
		buf := make([]byte, 4096)
		for {
			kind, n, err := framer.Next(pending)
			require.NoError(p.t, err)
			if kind == sip.FrameNone {
				n, err := conn.Read(buf)
				if err != nil {
					return
				}
				pending = append(pending, buf[:n]...)
				continue
			}
			if kind == sip.FrameMessage {
				m, err := sip.Parse(pending[:n])
				require.NoError(p.t, err)
				p.arrive(arrival{m, func(m sip.Message) { conn.Write([]byte(m.String())) }})
			}
			pending = pending[n:]
		}
	})
}

func (p *phone) arrive(a arrival) {
	if req, ok := a.m.(*sip.Request); ok && !p.forgetful {
		via, err := req.Via()
		require.NoError(p.t, err)
		if req.Method == sip.ACK && p.seen[via.Branch()+" INVITE"] {
			return // to a 300 to 699
		}
		key := via.Branch() + " " + string(req.Method)
		if p.seen[key] {
			return // a retransmission
		}
		p.seen[key] = true
	}
	p.in <- a
}

// transport is the token for Via.
func (p *phone) transport() string {
	switch {
	case p.socket != nil:
		return "WSS"
	case p.accept != nil:
		return "TCP"
	}
	return "UDP"
}

// contact is where the phone is reached, or says that it is.
func (p *phone) contact() sip.URI {
	if !p.uri.IsZero() {
		return p.uri
	}
	u := sip.NewURI(p.user, p.addr.Addr().String(), p.addr.Port())
	if p.accept != nil {
		u = u.WithParam("transport", "tcp")
	}
	return u
}

// request makes a request outside of dialogs, from user@example.com.
func (p *phone) request(m sip.Method, uri string) *sip.Request {
	to := sip.MustParseURI(uri)
	r := sip.NewRequest(m, to, sip.Address{URI: sip.NewURI(p.user, "example.com", 0)}, sip.Address{URI: to})
	r.Add("Contact", "<"+p.contact().String()+">")
	return r
}

// send sends a message to an address, a request with a Via on top.
func (p *phone) send(to netip.AddrPort, m sip.Message) {
	p.t.Helper()
	if req, ok := m.(*sip.Request); ok && req.Method != sip.CANCEL {
		via := sip.Via{Transport: p.transport(), SentBy: sip.HostPort{Host: p.addr.Addr().String(), Port: p.addr.Port()}}
		via.Params = via.Params.With("branch", sip.NewBranch()).With("rport", "")
		req.PushVia(via)
	}
	p.write(to, m)
}

// write sends a message as it is.
func (p *phone) write(to netip.AddrPort, m sip.Message) {
	p.t.Helper()
	if p.socket != nil {
		require.NoError(p.t, p.socket.Write(context.Background(), websocket.MessageText, []byte(m.String())))
		return
	}
	if p.packets != nil {
		_, err := p.packets.WriteTo([]byte(m.String()), net.UDPAddrFromAddrPort(to))
		require.NoError(p.t, err)
		return
	}
	p.mu.Lock()
	conn := p.conns[to]
	p.mu.Unlock()
	if conn == nil {
		var err error
		conn, err = p.network.Dialer(p.addr.Addr())(context.Background(), "tcp", to.String())
		require.NoError(p.t, err)
		p.open(conn)
	}
	_, err := conn.Write([]byte(m.String()))
	require.NoError(p.t, err)
}

// packetAddr is an address as net.PacketConn wants it.
func (p *phone) packetAddr(to netip.AddrPort) net.Addr { return net.UDPAddrFromAddrPort(to) }

const patience = 10 * time.Second

// receive returns the next message other than 100 Trying.
func (p *phone) receive() arrival {
	p.t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case a := <-p.in:
			if resp, ok := a.m.(*sip.Response); ok && resp.StatusCode == 100 {
				continue
			}
			return a
		case <-deadline:
			require.FailNow(p.t, "nothing came", "at %s", p.user)
		}
	}
}

// expect returns the next response, which must have that code. A 300 to 699 to
// an INVITE is acknowledged.
func (p *phone) expect(code int) *sip.Response {
	p.t.Helper()
	a := p.receive()
	resp, ok := a.m.(*sip.Response)
	require.True(p.t, ok, "%s got\n%s", p.user, a.m)
	require.Equal(p.t, code, resp.StatusCode, "%s got\n%s", p.user, resp)
	cseq, err := resp.CSeq()
	require.NoError(p.t, err)
	if cseq.Method == sip.INVITE && code >= 300 {
		a.reply(ackFor(p.t, resp))
	}
	return resp
}

// ackFor makes the ACK to a 300 to 699 of the response alone.
func ackFor(t testing.TB, resp *sip.Response) *sip.Request {
	t.Helper()
	from, err := resp.From()
	require.NoError(t, err)
	to, err := resp.To()
	require.NoError(t, err)
	ack := sip.NewRequest(sip.ACK, to.URI, from, to)
	cseq, err := resp.CSeq()
	require.NoError(t, err)
	ack.Set("To", to.String())
	ack.Set("Call-ID", resp.CallID())
	ack.Set("CSeq", sip.CSeq{Seq: cseq.Seq, Method: sip.ACK}.String())
	via, err := resp.Via()
	require.NoError(t, err)
	ack.PushVia(via)
	return ack
}

// An asked is a request that a phone got.
type asked struct {
	*sip.Request
	phone *phone
	reply func(sip.Message)
}

// asked returns the next request, which must be of that method.
func (p *phone) asked(m sip.Method) asked {
	p.t.Helper()
	a := p.receive()
	req, ok := a.m.(*sip.Request)
	require.True(p.t, ok, "%s got\n%s", p.user, a.m)
	require.Equal(p.t, m, req.Method, "%s got\n%s", p.user, req)
	return asked{req, p, a.reply}
}

// answer sends a response, with the phone's tag and Contact.
func (a asked) answer(code int, edits ...func(*sip.Response)) *sip.Response {
	resp := sip.NewResponse(a.Request, code)
	if to, err := resp.To(); err == nil && code > 100 {
		if asked, err := a.To(); err == nil && asked.Tag() == "" {
			resp.Set("To", to.WithTag(a.phone.tag).String())
		}
	}
	if code < 300 {
		resp.Set("Contact", "<"+a.phone.contact().String()+">")
	}
	for _, edit := range edits {
		edit(resp)
	}
	a.reply(resp)
	return resp
}

// silent lets d pass, in which nothing must come.
func (p *phone) silent(d time.Duration) {
	p.t.Helper()
	time.Sleep(d) // virtual: all of these tests run in a bubble
	for {
		select {
		case a := <-p.in:
			if resp, ok := a.m.(*sip.Response); ok && resp.StatusCode == 100 {
				continue
			}
			require.FailNow(p.t, "unexpected message", "at %s:\n%s", p.user, a.m)
		default:
			return
		}
	}
}

// A leg is one side of a dialog.
type leg struct {
	phone         *phone
	callID        string
	local, remote sip.Address
	target        sip.URI
	routes        []sip.Address
	seq           uint32
}

// callerLeg is the dialog of whoever sent invite and got resp (RFC 3261 section
// 12.1.2).
func callerLeg(p *phone, invite *sip.Request, resp *sip.Response) *leg {
	p.t.Helper()
	l := newLeg(p, resp.CallID(), &resp.Header, resp.From, resp.To)
	for i, j := 0, len(l.routes)-1; i < j; i, j = i+1, j-1 {
		l.routes[i], l.routes[j] = l.routes[j], l.routes[i]
	}
	cseq, err := invite.CSeq()
	require.NoError(p.t, err)
	l.seq = cseq.Seq
	return l
}

// calleeLeg is the dialog of whoever got invite and sent resp (12.1.1).
func calleeLeg(a asked, resp *sip.Response) *leg {
	a.phone.t.Helper()
	return newLeg(a.phone, a.CallID(), &a.Request.Header, resp.To, resp.From)
}

func newLeg(p *phone, callID string, h *sip.Header, local, remote func() (sip.Address, error)) *leg {
	p.t.Helper()
	l := &leg{phone: p, callID: callID}
	var err error
	l.local, err = local()
	require.NoError(p.t, err)
	l.remote, err = remote()
	require.NoError(p.t, err)
	contact, err := h.Address("Contact")
	require.NoError(p.t, err)
	l.target = contact.URI
	for a, err := range h.Addresses("Record-Route") {
		require.NoError(p.t, err)
		l.routes = append(l.routes, a)
	}
	return l
}

// request makes a request within the dialog.
func (l *leg) request(m sip.Method) *sip.Request {
	r := sip.NewRequest(m, l.target, l.local, l.remote)
	if m != sip.ACK {
		l.seq++
	}
	r.Set("Call-ID", l.callID)
	r.Set("CSeq", sip.CSeq{Seq: l.seq, Method: m}.String())
	if m == sip.INVITE {
		r.Set("Contact", "<"+l.phone.contact().String()+">")
	}
	for _, a := range l.routes {
		r.Add("Route", a.String())
	}
	return r
}

// send sends a request where its topmost Route says.
func (l *leg) send(r *sip.Request) {
	l.phone.t.Helper()
	u := r.URI
	if r.Has("Route") {
		top, err := r.Address("Route")
		require.NoError(l.phone.t, err)
		u = top.URI
	}
	network, _ := u.Param("transport")
	want := map[string]string{"UDP": "", "TCP": "tcp", "WSS": "ws"}[l.phone.transport()]
	require.Equal(l.phone.t, want, network)
	l.phone.send(netip.AddrPortFrom(netip.MustParseAddr(u.Host()), u.Port()), r)
}
