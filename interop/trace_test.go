//go:build interop

package interop

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// TestTrace has tshark read what softswitch has written of a call over each
// network: every packet is a SIP message, none is malformed, each checksum is
// right, and to TCP nothing is missing or out of order.
func TestTrace(t *testing.T) {
	for name, ip := range map[string]string{"IPv4": "127.0.50.1", "IPv6": "[::1]"} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "trace.pcapng")
			ws := fmt.Sprintf("%s:%d", ip, port+3)
			s := serveSecure(t, ip, "--ws", ws, "--auth", "off", "--origin", "*", "--pcap", file)
			networks := map[string]string{"udp": s.addr, "tcp": s.addr, "tls": s.tls, "ws": ws, "wss": s.wss}
			for network, addr := range networks {
				alice, bob := reach(t, network, addr), reach(t, network, addr)
				tracedCall(t, s, alice, bob, "bob-"+network)
			}
			eventually(t, 5*time.Second, func() bool { // both ends of the last answer
				text, err := os.ReadFile(file)
				return err == nil && bytes.Count(text, []byte("\r\nCSeq: 2 BYE\r\n")) == 4*len(networks)
			}, "the calls are not in the trace")

			seen := make(map[string]int)
			for _, p := range dissect(t, file) {
				if p["sip"] == "" || p["_ws.malformed"] != "" || p["tcp.analysis.flags"] != "" {
					t.Errorf("tshark says of packet %s: %v", p["frame.number"], p)
				}
				sums := p["ip.checksum.status"] + p["udp.checksum.status"] + p["tcp.checksum.status"]
				if want := map[string]string{"IPv4": "11", "IPv6": "1"}[name]; sums != want { // 1: good
					t.Errorf("packet %s: checksums %v", p["frame.number"], p)
				}
				seen[p["network"]+" "+p["sip.Method"]+p["sip.Status-Code"]]++
			}
			for network := range networks {
				// In and out; UDP may have had to repeat one.
				for what, n := range map[string]int{"REGISTER": 1, "INVITE": 2, "ACK": 2, "BYE": 2, "180": 2, "200": 5} {
					if got := seen[network+" "+what]; got < n || got > n && network != "udp" {
						t.Errorf("%s over %s: %d times, want %d", what, network, got, n)
					}
				}
			}
		})
	}
}

// reach makes a wire over any network.
func reach(t *testing.T, network, addr string) *wire {
	t.Helper()
	noVerify := &tls.Config{InsecureSkipVerify: true} // softswitch has made its certificate itself
	var conn net.Conn
	var err error
	switch network {
	case "udp", "tcp":
		conn, err = net.DialTimeout(network, addr, 5*time.Second)
	case "tls":
		conn, err = tls.DialWithDialer(&net.Dialer{Timeout: 5 * time.Second}, "tcp", addr, noVerify)
	default:
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		var c *websocket.Conn
		c, _, err = websocket.Dial(ctx, network+"://"+addr, &websocket.DialOptions{
			HTTPClient:   &http.Client{Transport: &http.Transport{TLSClientConfig: noVerify}},
			Subprotocols: []string{"sip"},
		})
		if err == nil {
			conn = websocket.NetConn(context.Background(), c, websocket.MessageText)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	w := &wire{Conn: conn, network: network, host: conn.LocalAddr().String(), reader: bufio.NewReaderSize(conn, 1<<16)}
	if strings.HasPrefix(network, "ws") {
		w.host = "phone.invalid"
	}
	return w
}

// tracedCall registers bob, has alice call him, and hang up.
func tracedCall(t *testing.T, s *softswitch, alice, bob *wire, user string) {
	t.Helper()
	transport := strings.Replace(bob.network, "wss", "ws", 1)
	aor := fmt.Sprintf("<sip:%s@%s>", user, s.addr)
	contact := func(w *wire, user string) string {
		return fmt.Sprintf("Contact: <sip:%s@%s;transport=%s>", user, w.host, transport)
	}
	bob.send(t, "REGISTER sip:"+s.addr+" SIP/2.0", "Via: "+bob.via("r"+user), "Max-Forwards: 70",
		"From: "+aor+";tag=r", "To: "+aor, "Call-ID: r-"+user, "CSeq: 1 REGISTER", contact(bob, user))
	bob.receive(t, "SIP/2.0 200")

	request := func(method, uri, to string, seq int, more ...string) {
		body := ""
		if method == "INVITE" {
			more, body = append(more, "Content-Type: application/sdp", contact(alice, "alice")), tone
		}
		alice.sendBody(t, body, method+" "+uri+" SIP/2.0", append(more, "Via: "+alice.via(method+user), "Max-Forwards: 70",
			fmt.Sprintf("From: <sip:alice@%s>;tag=a", s.addr), "To: "+to, "Call-ID: "+user, fmt.Sprintf("CSeq: %d %s", seq, method))...)
	}
	request("INVITE", strings.Trim(aor, "<>"), aor, 1)
	invite := bob.receive(t, "INVITE ")
	bob.send(t, "SIP/2.0 180 Ringing", append(invite.reply("b"), contact(bob, user))...)
	alice.receive(t, "SIP/2.0 180", "SIP/2.0 100")
	bob.sendBody(t, tone, "SIP/2.0 200 OK", append(invite.reply("b"), contact(bob, user), "Content-Type: application/sdp")...)
	answer := alice.receive(t, "SIP/2.0 200")
	routes := answer.fields("Record-Route")
	slices.Reverse(routes)
	for i, line := range routes {
		routes[i] = strings.Replace(line, "Record-Route", "Route", 1)
	}
	request("ACK", target(answer), answer.field("To"), 1, slices.Clone(routes)...)
	bob.receive(t, "ACK ")
	request("BYE", target(answer), answer.field("To"), 2, slices.Clone(routes)...)
	bob.send(t, "SIP/2.0 200 OK", bob.receive(t, "BYE ").reply("b")...)
	alice.receive(t, "SIP/2.0 200")
}

// dissect returns what tshark says of each packet. The network is that of the
// comment on those whose TLS or WebSocket was taken off, and else the packet's.
func dissect(t *testing.T, file string) []map[string]string {
	t.Helper()
	fields := []string{
		"frame.number", "frame.comment", "frame.protocols", "sip", "sip.Method", "sip.Status-Code", "_ws.malformed",
		"tcp.analysis.flags", "ip.checksum.status", "udp.checksum.status", "tcp.checksum.status",
	}
	args := []string{"-n", "-r", file, "-T", "fields", "-E", "separator=/t"}
	for _, protocol := range []string{"ip", "udp", "tcp"} {
		args = append(args, "-o", protocol+".check_checksum:TRUE")
	}
	for _, field := range fields {
		args = append(args, "-e", field)
	}
	out, err := exec.Command(peer(t, "tshark"), args...).Output()
	if err != nil {
		t.Fatalf("tshark: %v", err)
	}
	var packets []map[string]string
	for line := range strings.Lines(string(out)) {
		p := make(map[string]string)
		for i, value := range strings.Split(strings.TrimRight(line, "\n"), "\t") {
			p[fields[i]] = value
		}
		network, _, _ := strings.Cut(p["frame.comment"], " ")
		if network == "" { // raw:ip:udp:sip
			network = strings.Split(p["frame.protocols"], ":")[2]
		}
		p["network"] = network
		packets = append(packets, p)
	}
	t.Logf("%d packets", len(packets))
	return packets
}
