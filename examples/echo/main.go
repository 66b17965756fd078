// Echo is a mirror for telephones: it answers every call and sends back what it hears. Call it to learn whether a phone, and
// the network between, work:
//
//	echo -listen 192.0.2.7:5060
//
// It rings reliably (RFC 3262) and keeps session timers (RFC 4028) for callers that know how. Sound goes where the offer says:
// at once if the call came from there, else once a packet came from there, so that nobody can aim it at somebody else.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"time"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/transport"
	"github.com/patchbay-sip/patchbay/transaction"
	"github.com/patchbay-sip/patchbay/transaction/dialog"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:5060", "`address` to listen on, UDP and TCP")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	udp, err := transport.ListenUDP(*listen)
	if err != nil {
		log.Fatal(err)
	}
	tcp, err := transport.ListenTCP(udp.Addrs()[0].String())
	if err != nil {
		log.Fatal(err)
	}
	log.Printf("echo on UDP %v and TCP %v", udp.Addrs(), tcp.Addrs())
	if err := serve(ctx, udp, tcp); ctx.Err() == nil {
		log.Fatal(err)
	}
}

// serve mirrors calls until ctx ends, and then hangs up.
func serve(ctx context.Context, ts ...transport.Transport) error {
	endpoint, mux := transaction.New(), transaction.NewMux()
	calls := dialog.NewSet(endpoint, mux, dialog.WithExtensions("100rel"))
	mux.HandleFunc(sip.INVITE, func(_ context.Context, req *sip.Request, tx *transaction.ServerTx) error {
		return answer(calls, req, tx)
	})
	context.AfterFunc(ctx, func() {
		goodbye, stop := context.WithTimeout(context.Background(), 5*time.Second)
		defer stop()
		_ = errors.Join(calls.Shutdown(goodbye), endpoint.Shutdown(goodbye), endpoint.Close())
	})
	return endpoint.Serve(context.WithoutCancel(ctx), transaction.Chain(calls, transaction.RefuseMerged()), ts...)
}

// answer takes a call: it rings, answers as soon as the caller knows that, and reflects until somebody hangs up.
func answer(calls *dialog.Set, req *sip.Request, tx *transaction.ServerTx) error {
	local := tx.Flow().Local.Addr().Unmap()
	sound, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(local, 0)))
	if err != nil {
		return fmt.Errorf("no port for sound: %w", err)
	}
	us := netip.AddrPortFrom(local, sound.LocalAddr().(*net.UDPAddr).AddrPort().Port())
	answer, caller := mirrored(req.Body(), us)
	if !caller.IsValid() {
		return errors.Join(&sip.StatusError{Code: 488}, sound.Close())
	}
	ring, ok := sip.NewResponse(req, 180), sip.NewResponse(req, 200)
	ring.SetBody("application/sdp", answer)
	ok.SetBody("application/sdp", answer)
	if _, err = calls.Progress(tx, ring); err != nil {
		return errors.Join(err, sound.Close())
	}
	call, err := calls.Accept(tx, ok)
	if err != nil {
		return errors.Join(err, sound.Close())
	}
	go reflect(sound, caller, caller.Addr() == tx.Flow().Remote.Addr().Unmap())
	go func() {
		<-call.Done()
		_ = sound.Close()
	}()
	return nil
}

// reflect sends the caller what comes, once the caller is known to be there, until the socket is closed.
func reflect(sound *net.UDPConn, caller netip.AddrPort, known bool) {
	packet := make([]byte, 2048)
	for {
		n, from, err := sound.ReadFromUDPAddrPort(packet)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		known = known || netip.AddrPortFrom(from.Addr().Unmap(), from.Port()) == caller
		if err == nil && known {
			_, _ = sound.WriteToUDPAddrPort(packet[:n], caller) // what is lost is lost
		}
	}
}

// mirrored answers an offer (RFC 3264 section 6): its first stream of plain audio comes to us, whatever the codecs, and the
// others are declined. caller is where that stream comes from; it is not valid if there is none.
func mirrored(offer string, us netip.AddrPort) (answer string, caller netip.AddrPort) {
	family := "IP4"
	if us.Addr().Is6() {
		family = "IP6"
	}
	answer = fmt.Sprintf("v=0\r\no=- 1 1 IN %[1]s %[2]s\r\ns=-\r\nc=IN %[1]s %[2]s\r\nt=0 0\r\n", family, us.Addr())
	session, streams, _ := strings.Cut(offer, "\nm=")
	for stream := range strings.SplitSeq(streams, "\nm=") {
		first, rest, _ := strings.Cut(stream, "\n")
		fields := strings.Fields(first) // media, port, protocol, formats
		if len(fields) < 4 {
			return "", netip.AddrPort{}
		}
		port, err := strconv.ParseUint(fields[1], 10, 16)
		from := connection(rest, connection(session, netip.Addr{}))
		fields[1] = "0"
		mirror := err == nil && port > 0 && fields[0] == "audio" && fields[2] == "RTP/AVP" && from.IsValid() && !caller.IsValid()
		if mirror {
			fields[1], caller = strconv.Itoa(int(us.Port())), netip.AddrPortFrom(from, uint16(port))
		}
		answer += "m=" + strings.Join(fields, " ") + "\r\n"
		for line := range strings.Lines(rest) {
			if mirror && (strings.HasPrefix(line, "a=rtpmap:") || strings.HasPrefix(line, "a=fmtp:")) {
				answer += strings.TrimSpace(line) + "\r\n"
			}
		}
	}
	return answer, caller
}

// connection is the address in a part of a description, or def.
func connection(part string, def netip.Addr) netip.Addr {
	for line := range strings.Lines(part) {
		if fields := strings.Fields(line); strings.HasPrefix(line, "c=") && len(fields) == 3 {
			def, _ = netip.ParseAddr(fields[2])
		}
	}
	return def
}
