// Redirect is a SIP redirect server (RFC 3261 section 8.3): it tells callers where a user is, from a table in a file, and
// stays out of the call. A line of the file is a user and a URI:
//
//	alice  sip:alice@192.0.2.11
//	desk   sip:+4930123456@gateway.example.com;transport=tcp
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"strings"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/transport"
	"github.com/patchbay-sip/patchbay/transaction"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:5060", "`address` to listen on, UDP and TCP")
	file := flag.String("table", "redirect.txt", "`file` with a line \"user uri\" for each user")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()

	if err := run(ctx, *listen, *file); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, listen, file string) error {
	users, err := readTable(file)
	if err != nil {
		return err
	}
	udp, err := transport.ListenUDP(listen)
	if err != nil {
		return err
	}
	tcp, err := transport.ListenTCP(listen)
	if err != nil {
		return errors.Join(err, udp.Close())
	}
	log.Printf("redirecting %d users on UDP %v and TCP %v", len(users), udp.Addrs(), tcp.Addrs())
	err = transaction.New().Serve(ctx, users.handler(), udp, tcp)
	if ctx.Err() != nil {
		return nil // the end of ctx is how this program is stopped
	}
	return err
}

// A table says where each user is. Its users have no escapes, so that each has one spelling.
type table map[string]sip.URI

func readTable(file string) (table, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	users := table{}
	for i, line := range strings.Split(string(text), "\n") {
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		if len(fields) != 2 {
			return nil, fmt.Errorf("%s:%d: not a user and a URI", file, i+1)
		}
		uri, err := sip.ParseURI(fields[1])
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", file, i+1, err)
		}
		users[fields[0]] = uri
	}
	return users, nil
}

// handler leaves every other method to the Mux, which answers 405.
func (t table) handler() transaction.Handler {
	mux := transaction.NewMux()
	mux.HandleFunc(sip.INVITE, t.redirect)
	mux.HandleFunc(sip.OPTIONS, t.options)
	return mux
}

func (t table) redirect(_ context.Context, req *sip.Request, tx *transaction.ServerTx) error {
	uri, ok := t[sip.Unescape(req.URI.User())]
	// A redirect to where the request was sent already would be a loop (RFC 3261 section 8.3).
	if !ok || uri.Equal(req.URI) {
		return &sip.StatusError{Code: 404}
	}
	resp := sip.NewResponse(req, 302)
	resp.Add("Contact", sip.Address{URI: uri}.String())
	return tx.Respond(resp)
}

// options answers for a user as an INVITE would be answered (RFC 3261 section 11.2), and without a user for the server.
func (t table) options(ctx context.Context, req *sip.Request, tx *transaction.ServerTx) error {
	if req.URI.User() != "" {
		return t.redirect(ctx, req, tx)
	}
	resp := sip.NewResponse(req, 200)
	resp.Add("Allow", "INVITE, ACK, CANCEL, OPTIONS")
	resp.Add("Accept", "application/sdp")
	resp.Add("Accept-Encoding", "identity")
	resp.Add("Accept-Language", "en")
	resp.Add("Supported", "") // no extensions
	return tx.Respond(resp)
}
