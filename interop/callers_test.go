//go:build interop

package interop

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/transport"
	"github.com/patchbay-sip/patchbay/transaction"
)

// Callers call somebody who answers at once, and hang up at once.
type callers struct {
	ep     *transaction.Endpoint
	addr   string
	callee sip.URI
}

func newCallers(t *testing.T) *callers {
	t.Helper()
	from, to := listenUDP(t), listenUDP(t)
	c := &callers{
		ep: transaction.New(), addr: from.Addrs()[0].String(),
		callee: sip.MustParseURI("sip:bob@" + to.Addrs()[0].String()),
	}
	serving(t, c.ep, nil, from)
	serving(t, transaction.New(), transaction.HandlerFunc(c.answer), to)
	return c
}

func listenUDP(t *testing.T) *transport.UDP {
	t.Helper()
	udp, err := transport.ListenUDP("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return udp
}

// answer is the callee.
func (c *callers) answer(_ context.Context, req *sip.Request, tx *transaction.ServerTx) error {
	if req.Method == sip.ACK {
		return nil
	}
	resp := sip.NewResponse(req, 200)
	resp.Set("Contact", "<"+c.callee.String()+">")
	return tx.Respond(resp)
}

// callPatience is how long a call counts that failed, or has not ended by then.
const callPatience = time.Second

// drive has calls made by way of a proxy, callRate a second, and returns how long
// each took.
func (c *callers) drive(proxy string, d time.Duration) []time.Duration {
	calls := int(d.Seconds() * callRate)
	took := make(chan time.Duration, calls)
	ticker := time.NewTicker(time.Second / callRate)
	defer ticker.Stop()
	began := time.Now()
	for begun := 0; begun < calls; {
		<-ticker.C
		for due := int(time.Since(began).Seconds() * callRate); begun < min(due, calls); begun++ {
			c.call(proxy, took)
		}
	}
	late := time.After(callPatience)
	all := make([]time.Duration, 0, calls)
	for len(all) < calls {
		select {
		case d := <-took:
			all = append(all, d)
		case <-late:
			return append(all, slices.Repeat([]time.Duration{callPatience}, calls-len(all))...)
		}
	}
	return all
}

// call makes a call and tells how long it took, from INVITE to the answer of BYE.
func (c *callers) call(proxy string, took chan<- time.Duration) {
	began := time.Now()
	ended := func(ev transaction.Event) {
		if ev.Err != nil || ev.Response.StatusCode >= 300 {
			took <- callPatience
			return
		}
		took <- time.Since(began)
	}
	invite := sip.NewRequest(sip.INVITE, c.callee, sip.Address{URI: sip.MustParseURI("sip:alice@" + c.addr)}, sip.Address{URI: c.callee})
	invite.Set("Contact", "<sip:alice@"+c.addr+">")
	invite.Set("Route", "<sip:"+proxy+";lr>")
	c.start(invite, func(ev transaction.Event) {
		switch {
		case !ev.Last:
		case ev.Err != nil || ev.Response.StatusCode >= 300:
			ended(ev)
		default:
			_ = c.ep.Send(context.Background(), c.inDialog(sip.ACK, ev.Response), sip.Target{})
			c.start(c.inDialog(sip.BYE, ev.Response), ended)
		}
	})
}

func (c *callers) start(req *sip.Request, on func(transaction.Event)) {
	if _, err := c.ep.Start(context.Background(), req, sip.Target{}, on); err != nil {
		on(transaction.Event{Err: err, Last: true})
	}
}

// inDialog makes a request to whoever answered an INVITE (RFC 3261 section
// 12.2.1.1).
func (c *callers) inDialog(m sip.Method, answer *sip.Response) *sip.Request {
	from, _ := answer.From()
	to, _ := answer.To()
	req := sip.NewRequest(m, c.callee, from, to)
	req.Set("To", answer.Get("To"))
	req.Set("Call-ID", answer.CallID())
	cseq, _ := answer.CSeq()
	if m != sip.ACK {
		cseq.Seq++
	}
	req.Set("CSeq", sip.CSeq{Seq: cseq.Seq, Method: m}.String())
	for route := range answer.Values("Record-Route") {
		req.Prepend("Route", route)
	}
	return req
}
