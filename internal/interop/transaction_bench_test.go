package interop

import (
	"context"
	"io"
	"log/slog"
	"net"
	"sync"
	"testing"

	"github.com/emiago/sipgo"
	sipgosip "github.com/emiago/sipgo/sip"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/transport"
	"github.com/patchbay-sip/patchbay/sip/transport/memnet"
	"github.com/patchbay-sip/patchbay/transaction"
)

const (
	callerAddr = "192.0.2.1:5060"
	calleeAddr = "192.0.2.2:5060"
)

// BenchmarkTransactions is an INVITE of 1 KB that is answered 180 and 486 and
// acknowledged: a client transaction and a server transaction, parsing and the
// network in memory included. Transactions that wait for timers D and I stay in
// memory, as in a server.
func BenchmarkTransactions(b *testing.B) {
	b.Run("patchbay", pairPatchbay)
	b.Run("sipgo", pairSipgo)
}

func pairPatchbay(b *testing.B) {
	data := packet(b)
	network := memnet.New()
	serve := func(addr string, h transaction.Handler) *transaction.Endpoint {
		conn, err := network.ListenPacket(addr)
		if err != nil {
			b.Fatal(err)
		}
		ep := transaction.New(transaction.WithMaxTransactions(1<<30), transaction.WithMaxBytes(1<<40))
		ended := make(chan struct{})
		go func() {
			_ = ep.Serve(context.Background(), h, transport.NewUDP(conn))
			close(ended)
		}()
		b.Cleanup(func() {
			_ = ep.Close()
			<-ended
		})
		return ep
	}
	caller := serve(callerAddr, nil)
	serve(calleeAddr, transaction.HandlerFunc(func(_ context.Context, req *sip.Request, tx *transaction.ServerTx) error {
		if err := tx.Respond(sip.NewResponse(req, 180)); err != nil {
			return err
		}
		return &sip.StatusError{Code: 486}
	}))
	m, err := sip.Parse(data)
	if err != nil {
		b.Fatal(err)
	}
	invite := m.(*sip.Request)
	invite.Del("Via")
	invite.Del("Record-Route")
	invite.URI = sip.MustParseURI("sip:bob@" + calleeAddr)
	done := make(chan bool, 1)
	for b.Loop() {
		_, err := caller.Start(context.Background(), invite, sip.Target{}, func(ev transaction.Event) {
			if ev.Last {
				done <- ev.Err == nil && ev.Response.StatusCode == 486
			}
		})
		if err != nil || !<-done {
			b.Fatal("no 486", err)
		}
	}
}

func pairSipgo(b *testing.B) {
	data := packet(b)
	quiet := slog.New(slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelError}))
	sipgosip.SetDefaultLogger(quiet)
	network := memnet.New()
	serve := func(addr string) (*sipgo.UserAgent, *sipgo.Server, *readConn) {
		conn, err := network.ListenPacket(addr)
		if err != nil {
			b.Fatal(err)
		}
		ua, err := sipgo.NewUA()
		if err != nil {
			b.Fatal(err)
		}
		srv, err := sipgo.NewServer(ua, sipgo.WithServerLogger(quiet))
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() {
			_ = ua.Close()
			_ = conn.Close()
		})
		return ua, srv, &readConn{PacketConn: conn, reading: make(chan struct{})}
	}
	_, callee, calleeConn := serve(calleeAddr)
	callee.OnInvite(func(req *sipgosip.Request, tx sipgosip.ServerTransaction) {
		_ = tx.Respond(sipgosip.NewResponseFromRequest(req, 180, "Ringing", nil))
		_ = tx.Respond(sipgosip.NewResponseFromRequest(req, 486, "Busy Here", nil))
		<-tx.Done()
	})
	go func() { _ = callee.ServeUDP(calleeConn) }()
	ua, caller, callerConn := serve(callerAddr)
	go func() { _ = caller.ServeUDP(callerConn) }()
	<-calleeConn.reading
	<-callerConn.reading
	client, err := sipgo.NewClient(ua, sipgo.WithClientConnectionAddr(callerAddr), sipgo.WithClientLogger(quiet))
	if err != nil {
		b.Fatal(err)
	}
	m, err := sipgosip.NewParser().ParseSIP(data)
	if err != nil {
		b.Fatal(err)
	}
	invite := m.(*sipgosip.Request)
	for invite.RemoveHeader("Via") {
	}
	invite.RemoveHeader("Record-Route")
	if err := sipgosip.ParseUri("sip:bob@"+calleeAddr, &invite.Recipient); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		req := invite.Clone()
		req.SetDestination(calleeAddr)
		tx, err := client.TransactionRequest(context.Background(), req, sipgo.ClientRequestBuild)
		if err != nil {
			b.Fatal(err)
		}
		for code := 0; code != 486; {
			select {
			case resp := <-tx.Responses():
				code = resp.StatusCode
			case <-tx.Done():
				b.Fatal("no 486", tx.Err())
			}
		}
	}
}

// A readConn closes reading when it is read for the first time.
type readConn struct {
	net.PacketConn
	once    sync.Once
	reading chan struct{}
}

func (c *readConn) ReadFrom(b []byte) (int, net.Addr, error) {
	c.once.Do(func() { close(c.reading) })
	return c.PacketConn.ReadFrom(b)
}
