package proxy_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/proxy"
	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/transport"
	"github.com/patchbay-sip/patchbay/sip/transport/memnet"
	"github.com/patchbay-sip/patchbay/transaction"
)

// A behaviour is what one target of a random call does.
type behaviour struct {
	ring, answer time.Duration // when it sends 180 and the final response
	code         int           // 0: it rings until it is cancelled
}

// chaos is a site with callers and callees that follow random scripts over a
// network that delays, loses, repeats and reorders.
type chaos struct {
	t    *testing.T
	seed uint64

	mu   sync.Mutex
	acts map[string]behaviour // by user of the target
	acks map[string]bool      // 200s of callees by Call-ID and tag; true with ACK
	seen map[string][]int     // final codes on the wire to the caller, by Call-ID
}

// A plan draws what happens in one call, so that no call depends on another.
type plan struct {
	*rand.Rand
	call    string
	targets int
}

func (p *plan) between(lo, hi time.Duration) time.Duration {
	return lo + time.Duration(p.Int64N(int64(hi-lo)))
}

// route makes a random Route. c.mu is held.
func (c *chaos) route(p *plan, depth int) proxy.Route {
	codes := []int{0, 200, 200, 302, 401, 404, 407, 486, 486, 500, 503, 603}
	var route proxy.Route
	for range 1 + p.IntN(3) {
		var group []proxy.Branch
		for range 1 + p.IntN(3) {
			user := fmt.Sprintf("%s-%d", p.call, p.targets)
			p.targets++
			ring := p.between(0, 2*time.Second)
			c.acts[user] = behaviour{ring, ring + p.between(0, 5*time.Second), codes[p.IntN(len(codes))]}
			b := to("sip:" + user + "@192.0.2.20:5060")
			if p.IntN(3) == 0 {
				b.Timeout = p.between(time.Second, 10*time.Second)
			}
			group = append(group, b)
		}
		route.Groups = append(route.Groups, group)
	}
	if depth > 0 && p.IntN(2) == 0 {
		route.Next = func(context.Context, proxy.Outcome) (proxy.Route, error) {
			c.mu.Lock()
			defer c.mu.Unlock()
			return c.route(p, depth-1), nil
		}
	}
	return route
}

// Route implements proxy.Router.
func (c *chaos) Route(_ context.Context, call *proxy.Call) (proxy.Route, error) {
	name := call.Request.URI.User()
	n, err := strconv.ParseUint(strings.TrimPrefix(name, "call"), 10, 64)
	if err != nil {
		return proxy.Route{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.route(&plan{Rand: rand.New(rand.NewPCG(c.seed, 2*n)), call: name}, 1), nil
}

// ServeSIP plays the callees.
func (c *chaos) ServeSIP(ctx context.Context, req *sip.Request, tx *transaction.ServerTx) error {
	c.mu.Lock()
	act := c.acts[req.URI.User()]
	c.mu.Unlock()
	if req.Method == sip.ACK {
		to, err := req.To()
		require.NoError(c.t, err)
		c.mu.Lock()
		defer c.mu.Unlock()
		c.acks[req.CallID()+" "+to.Tag()] = true
		return nil
	}
	if !waits(ctx, act.ring) {
		return transaction.ErrCanceled
	}
	if err := tx.Respond(sip.NewResponse(req, 180)); err != nil {
		return err
	}
	if act.code == 0 {
		<-ctx.Done()
		return context.Cause(ctx)
	}
	if !waits(ctx, act.answer-act.ring) {
		return transaction.ErrCanceled
	}
	resp := sip.NewResponse(req, act.code)
	if act.code == 200 {
		resp.Set("Contact", "<"+req.URI.String()+">")
		return c.accept(tx, resp)
	}
	return tx.Respond(resp)
}

// accept repeats a 2xx until ACK comes (RFC 3261 section 13.3.1.4).
func (c *chaos) accept(tx *transaction.ServerTx, resp *sip.Response) error {
	to, err := resp.To()
	require.NoError(c.t, err)
	key := resp.CallID() + " " + to.Tag()
	interval := 500 * time.Millisecond
	for start := time.Now(); time.Since(start) < 32*time.Second; {
		if err := tx.Respond(resp); err != nil {
			return nil // CANCEL got the better of it
		}
		c.mu.Lock()
		acked := c.acks[key]
		c.acks[key] = acked
		c.mu.Unlock()
		if acked {
			return nil
		}
		time.Sleep(interval)
		interval = min(2*interval, 4*time.Second)
	}
	return nil
}

func waits(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// watch notes each final response to an INVITE that reaches the caller's host.
func (c *chaos) watch(_, to netip.AddrPort, packet []byte) bool {
	if to.Addr() != netip.MustParseAddr("192.0.2.10") {
		return true
	}
	m, err := sip.Parse(packet)
	require.NoError(c.t, err)
	resp, ok := m.(*sip.Response)
	if !ok || resp.StatusCode < 200 {
		return true
	}
	cseq, err := resp.CSeq()
	require.NoError(c.t, err)
	if cseq.Method == sip.INVITE {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.seen[resp.CallID()] = append(c.seen[resp.CallID()], resp.StatusCode)
	}
	return true
}

// endpoint starts a user agent on a host.
func (c *chaos) endpoint(n *memnet.Network, addr string, h transaction.Handler) *transaction.Endpoint {
	c.t.Helper()
	pc, err := n.ListenPacket(addr)
	require.NoError(c.t, err)
	ep := transaction.New()
	go ep.Serve(context.Background(), h, transport.NewUDP(pc))
	c.t.Cleanup(func() { ep.Close() })
	return ep
}

// call has the caller ring and perhaps hang up too early.
func (c *chaos) call(ep *transaction.Endpoint, n int) {
	c.t.Helper()
	uri := sip.MustParseURI(fmt.Sprintf("sip:call%d@example.com", n))
	invite := sip.NewRequest(sip.INVITE, uri, sip.Address{URI: sip.MustParseURI("sip:alice@example.net")}, sip.Address{URI: uri})
	invite.Set("Contact", "<sip:alice@192.0.2.10:5060>")
	target := sip.Target{Route: []sip.Address{{URI: sip.MustParseURI("sip:192.0.2.1:5060;lr")}}}
	tx, err := ep.Start(context.Background(), invite, target, func(ev transaction.Event) {
		if ev.Response == nil || ev.Response.StatusCode < 200 || ev.Response.StatusCode > 299 {
			return
		}
		ack, err := sip.NewACK(invite, ev.Response)
		require.NoError(c.t, err)
		require.NoError(c.t, ep.Send(context.Background(), ack, sip.Target{}))
	})
	require.NoError(c.t, err)
	p := plan{Rand: rand.New(rand.NewPCG(c.seed, 2*uint64(n)+1))}
	if p.IntN(3) == 0 {
		time.AfterFunc(p.between(0, 15*time.Second), tx.Cancel)
	}
}

// Whatever happens on the way, a caller gets one final response or nothing but
// 2xx; no branch is left ringing, no answered callee is left without ACK, and no
// state is left.
func TestRandomCalls(t *testing.T) {
	const calls = 100
	for seed := range uint64(10) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := &chaos{
					t: t, seed: seed, acts: make(map[string]behaviour),
					acks: make(map[string]bool), seen: make(map[string][]int),
				}
				n := memnet.New(memnet.WithSeed(seed), memnet.WithDelay(10*time.Millisecond),
					memnet.WithJitter(40*time.Millisecond), memnet.WithLoss(0.08),
					memnet.WithDuplication(0.05), memnet.WithFilter(c.watch))
				s := newSite(t, siteConfig{network: n, router: func(*site) proxy.Router { return c }})
				callee := c.endpoint(n, "192.0.2.20:5060", c)
				caller := c.endpoint(n, "192.0.2.10:5060", nil)
				for i := range calls {
					c.call(caller, i)
					time.Sleep(50 * time.Millisecond)
				}
				time.Sleep(9 * time.Minute) // less than Timers.Ringing, after which all would end by itself
				synctest.Wait()

				c.mu.Lock()
				defer c.mu.Unlock()
				require.Equal(t, calls, len(c.seen), "calls that ended")
				for id, codes := range c.seen {
					for _, code := range codes {
						require.True(t, code == codes[0] || code < 300 && codes[0] < 300, "%s: %v", id, codes)
					}
				}
				for key, acked := range c.acks {
					require.True(t, acked, key)
				}
				for _, ep := range []*transaction.Endpoint{s.ep, callee, caller} {
					stats := ep.Stats()
					require.Zero(t, stats.Server+stats.Client+stats.Handlers)
				}
			})
		})
	}
}
