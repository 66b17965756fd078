package proxy_test

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/patchbay-sip/patchbay/proxy"
	"github.com/patchbay-sip/patchbay/registrar"
	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/transport"
	"github.com/patchbay-sip/patchbay/transaction"
)

// A proxy and a registrar on one port: REGISTER goes to the one, all else to the
// other, and they meet in the Locator.
func ExampleNew() {
	domains := sip.NewDomains("example.com", "192.0.2.1:5060")
	ep := transaction.New()
	reg := registrar.New(domains, registrar.NewMemory())

	mux := transaction.NewMux()
	mux.Handle(sip.REGISTER, reg)
	mux.Default(proxy.New(ep, domains, proxy.Location(domains, reg)))

	udp, err := transport.ListenUDP("0.0.0.0:5060")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(ep.Serve(context.Background(), mux, udp))
}

// counting is a Router that wraps another one: it counts calls, and adds a
// field to what is sent to each target.
type counting struct {
	next  proxy.Router
	calls atomic.Int64
}

func (r *counting) Route(ctx context.Context, c *proxy.Call) (proxy.Route, error) {
	if c.Request.Method == sip.INVITE {
		r.calls.Add(1)
	}
	route, err := r.next.Route(ctx, c)
	if err != nil {
		return route, err
	}
	for _, group := range route.Groups {
		for i := range group {
			group[i].Edit = func(req *sip.Request) error {
				req.Set("X-Caller", c.Flow.Remote.Addr().String())
				return nil
			}
		}
	}
	return route, nil
}

func ExampleRouter() {
	domains := sip.NewDomains("example.com")
	reg := registrar.New(domains, registrar.NewMemory())
	router := &counting{next: proxy.Location(domains, reg)}

	ep := transaction.New()
	p := proxy.New(ep, domains, router)
	_ = p // to be served by ep, as in the example of New
	fmt.Println(router.calls.Load(), "calls")
	// Output: 0 calls
}

// Whatever is forwarded tells where it came in.
func ExampleWithEdit() {
	domains := sip.NewDomains("example.com")
	ep := transaction.New()
	_ = proxy.New(ep, domains, proxy.Location(domains, phoneBook{}),
		proxy.WithEdit(func(c *proxy.Call, req *sip.Request) error {
			req.Set("X-Came-In", c.Flow.Local.String())
			return nil
		}))
}

// How many calls were answered, and how many were not?
func ExampleWithDone() {
	var answered, failed atomic.Int64
	domains := sip.NewDomains("example.com")
	ep := transaction.New()
	_ = proxy.New(ep, domains, proxy.Location(domains, phoneBook{}),
		proxy.WithDone(func(c *proxy.Call, final *sip.Response) {
			if to, err := c.Request.To(); c.Request.Method != sip.INVITE || err != nil || to.Tag() != "" {
				return // no call, or one that is being changed
			}
			if final.StatusCode < 300 {
				answered.Add(1)
			} else {
				failed.Add(1)
			}
		}))
	fmt.Println(answered.Load(), failed.Load())
	// Output: 0 0
}

// phoneBook is a Locator: it knows where each user is.
type phoneBook map[sip.AOR]sip.URI

func (b phoneBook) Targets(_ context.Context, aor sip.AOR) ([]sip.Target, error) {
	uri, ok := b[aor]
	if !ok {
		return nil, &sip.StatusError{Code: 404}
	}
	return []sip.Target{{URI: uri, Q: sip.QMax}}, nil
}

func ExampleLocator() {
	var locator proxy.Locator = phoneBook{"sip:alice@example.com": sip.MustParseURI("sip:alice@192.0.2.10:5062")}
	targets, err := locator.Targets(context.Background(), "sip:alice@example.com")
	fmt.Println(targets[0].URI, err)
	_, err = locator.Targets(context.Background(), "sip:nobody@example.com")
	fmt.Println(err)
	// Output:
	// sip:alice@192.0.2.10:5062 <nil>
	// sip: 404 Not Found
}

func ExampleLocation() {
	domains := sip.NewDomains("example.com")
	router := proxy.Location(domains, phoneBook{
		"sip:alice@example.com": sip.MustParseURI("sip:alice@192.0.2.10:5062"),
	})

	req := sip.NewRequest(sip.INVITE, sip.MustParseURI("sip:alice@example.com"), sip.Address{}, sip.Address{})
	route, err := router.Route(context.Background(), &proxy.Call{Request: req, Domain: "example.com"})
	fmt.Println(route.Groups[0][0].URI, err)
	// Output: sip:alice@192.0.2.10:5062 <nil>
}

// Who calls the office rings each desk.
func ExampleTo() {
	router := proxy.RouterFunc(func(_ context.Context, c *proxy.Call) (proxy.Route, error) {
		if c.AOR != "sip:office@example.com" {
			return proxy.Route{}, proxy.ErrNoRoute
		}
		return proxy.To(
			sip.Target{URI: sip.MustParseURI("sip:anna@192.0.2.10")},
			sip.Target{URI: sip.MustParseURI("sip:ben@192.0.2.11")},
		), nil
	})

	req := sip.NewRequest(sip.INVITE, sip.MustParseURI("sip:office@example.com"), sip.Address{}, sip.Address{})
	call := &proxy.Call{Request: req, Domain: "example.com", AOR: "sip:office@example.com"}
	route, err := router.Route(context.Background(), call)
	fmt.Println(len(route.Groups), len(route.Groups[0]), err)
	// Output: 1 2 <nil>
}

// A dial plan is routers in a row. Here *98 is the voicemail, and whoever does
// not answer or is not there has one.
func ExampleFirst() {
	domains := sip.NewDomains("example.com")
	reg := registrar.New(domains, registrar.NewMemory())
	toVoicemail := proxy.To(sip.Target{
		Route: []sip.Address{{URI: sip.MustParseURI("sip:192.0.2.40;lr")}},
	})

	router := proxy.First(
		proxy.RouterFunc(func(_ context.Context, c *proxy.Call) (proxy.Route, error) {
			if c.Request.URI.User() != "*98" {
				return proxy.Route{}, proxy.ErrNoRoute
			}
			return toVoicemail, nil
		}),
		proxy.RouterFunc(func(ctx context.Context, c *proxy.Call) (proxy.Route, error) {
			route, err := proxy.Location(domains, reg).Route(ctx, c)
			route.Next = func(_ context.Context, o proxy.Outcome) (proxy.Route, error) {
				if o.Response.StatusCode == 486 || o.Response.StatusCode == 408 {
					return toVoicemail, nil
				}
				return proxy.Route{}, proxy.ErrNoRoute
			}
			return route, err
		}),
		proxy.RouterFunc(func(context.Context, *proxy.Call) (proxy.Route, error) {
			return toVoicemail, nil
		}),
	)
	ep := transaction.New()
	_ = proxy.New(ep, domains, router)
}

// office is a Gate that lets one network call the world and everyone else only
// the domains.
type office struct{ others proxy.Gate }

func (g office) Admit(ctx context.Context, c *proxy.Call) error {
	if c.Flow.Remote.Addr().IsPrivate() && !c.Preset {
		return nil
	}
	return g.others.Admit(ctx, c)
}

func ExampleGate() {
	domains := sip.NewDomains("example.com")
	reg := registrar.New(domains, registrar.NewMemory())
	ep := transaction.New()
	_ = proxy.New(ep, domains, proxy.Location(domains, reg), proxy.WithGate(office{proxy.NoRelay(domains)}))
}
