package transaction_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/transaction"
)

// RFC 3261 section 8.1.1.8: Contact is sips where Request-URI or Route is. A sips
// URI has no transport=tls (section 26.2.2), and wss is none (RFC 7118 section
// 5.2.2).
func TestFillContactByNetwork(t *testing.T) {
	for _, c := range []struct{ network, uri, route, want string }{
		{"tls", "sips:bob@example.com", "", "<sips:alice@" + aliasAddr + ">"},
		{"tls", "sip:bob@example.com", "<sips:proxy.example.com;lr>", "<sips:alice@" + aliasAddr + ">"},
		{"tls", "sip:bob@example.com", "<sip:proxy.example.com;lr>,<sips:other.example.com;lr>", "<sip:alice@" + aliasAddr + ";transport=tls>"},
		{"wss", "sips:bob@example.com", "", "<sips:alice@" + aliasAddr + ";transport=ws>"},
		{"wss", "sip:bob@example.com", "", "<sip:alice@" + aliasAddr + ";transport=ws>"},
		{"ws", "sip:bob@example.com", "", "<sip:alice@" + aliasAddr + ";transport=ws>"},
		{"tcp", "sip:bob@example.com", "", "<sip:alice@" + aliasAddr + ";transport=tcp>"},
	} {
		inBubble(t, "tcp", nil, func(w *world) {
			ep, flow := w.named(c.network)
			req := request(sip.INVITE, peerAddr)
			if c.route != "" {
				req.Set("Route", c.route)
			}
			_, err := ep.Start(context.Background(), req, sip.Target{URI: uri(c.uri), Flow: flow},
				func(transaction.Event) {}, transaction.FillContact("alice"))
			require.NoError(t, err)
			require.Equal(t, c.want, w.peer.request(sip.INVITE).Get("Contact"))
		})
	}
}

// RFC 3261 section 12.1.1: the answer's Contact is sips where Request-URI,
// Record-Route or, without that, Contact is.
func TestContactOfASecureAnswer(t *testing.T) {
	contacts := make(chan string, 1)
	h := transaction.HandlerFunc(func(_ context.Context, _ *sip.Request, tx *transaction.ServerTx) error {
		contacts <- tx.Contact("bob")
		return &sip.StatusError{Code: 404}
	})
	inBubble(t, "tcp", h, func(w *world) {
		for _, c := range []struct{ uri, recordRoute, contact, scheme string }{
			{"sips:bob@example.com", "", "<sip:a@192.0.2.9>", "sips"},
			{"sip:bob@example.com", "", "<sips:a@192.0.2.9>", "sips"},
			{"sip:bob@example.com", "<sips:p.example.com;lr>", "<sip:a@192.0.2.9>", "sips"},
			{"sip:bob@example.com", "<sip:p.example.com;lr>", "<sips:a@192.0.2.9>", "sip"},
			{"sip:bob@example.com", "", "<sip:a@192.0.2.9>", "sip"},
		} {
			req := w.peer.newRequest(sip.SUBSCRIBE)
			req.URI = uri(c.uri)
			req.Set("Contact", c.contact)
			if c.recordRoute != "" {
				req.Set("Record-Route", c.recordRoute)
			}
			w.peer.send(req)
			require.Equal(t, "<"+c.scheme+":bob@"+serverAddr+";transport=tcp>", <-contacts)
			w.peer.response(404)
		}
	})
}
