//go:build interop

package interop

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestBrowser has a web page and a phone call each other, and either of them
// hang up. What is for the page has to come over the connection that it opened,
// within a call as well.
func TestBrowser(t *testing.T) {
	for i, network := range []string{"udp", "tls"} {
		t.Run(network, func(t *testing.T) {
			s := serveSecure(t, fmt.Sprintf("127.0.47.%d", i+1), "--user", "web:site", "--user", "bob:builder", "--origin", pageOrigin)
			web := browse(t, s, "web", "site")
			domain, number := s.addr, "sip:web@"+s.addr
			if network == "tls" {
				domain, number = s.tls, "sip:web@"+s.tls+";transport=tls"
			}
			bob := pickUp(t, account{
				User: "bob", Password: "builder", Domain: domain, Transport: network,
				IP: fmt.Sprintf("127.0.48.%d", i+1), RTP: 6240, LastRTP: 6259, Tone: 880,
			})
			for n, call := range []struct{ caller, hangsUp string }{{"web", "web"}, {"web", "bob"}, {"bob", "web"}, {"bob", "bob"}} {
				var d dialog
				if call.caller == "web" {
					d = web.call(t, "bob")
				} else {
					bob.control(t, "dial", number)
					d = web.answer(t)
				}
				bob.count(t, `Call established: sip:web@`, n+1, 5*time.Second)
				if call.hangsUp == "web" {
					web.within(t, d, "BYE")
					if m := web.final(t); !strings.HasPrefix(m[0], "SIP/2.0 200") {
						t.Fatalf("BYE was answered\n%s", strings.Join(m, "\n"))
					}
				} else {
					bob.control(t, "hangup", "")
					bye := web.receive(t, "BYE "+web.uri("web")+" ")
					web.send(t, "SIP/2.0 200 OK", bye.reply("")...)
				}
				bob.count(t, `terminate call '\S+' with sip:web@|sip:web@\S+ session closed`, n+1, 5*time.Second)
			}
			bob.putDown(t)
		})
	}
}

// TestBrowserAndSIPp has SIPp call a web page, at 50 calls a second, and the page
// call SIPp.
func TestBrowserAndSIPp(t *testing.T) {
	const calls, rate = 200, 50
	s := serveSecure(t, "127.0.49.1", "--auth", "off", "--origin", pageOrigin)
	web := browse(t, s, "web", "")
	calling := sipp{
		scenario: "call-caller", network: "udp", local: s.ip + ":5080", remote: s.addr,
		calls: calls, rate: rate, hold: 100 * time.Millisecond, fields: []string{"web"},
	}.start(t)
	web.takeCalls(t, calls)
	calling.result(t).check(t, "caller", calls)

	callee := s.ip + ":5081"
	register(t, s, "udp", callee, []string{"bob"})
	answering := sipp{scenario: "call-callee", network: "udp", local: callee, calls: 1, hold: 10 * time.Second}.start(t)
	d := web.call(t, "bob")
	if !web.rang {
		t.Error("the page did not hear SIPp ring")
	}
	web.within(t, d, "BYE")
	web.final(t)
	answering.result(t).check(t, "callee", 1)
}

// takeCalls answers as many calls, until each of them was hung up.
func (p *page) takeCalls(t *testing.T, calls int) {
	t.Helper()
	acknowledged := 0
	for ended := 0; ended < calls; {
		m := p.receive(t, "")
		fields := append(m.reply("here"), "Contact: <"+p.uri(p.user)+">")
		switch method, _, _ := strings.Cut(m[0], " "); method {
		case "INVITE":
			p.send(t, "SIP/2.0 180 Ringing", fields...)
			p.sendBody(t, tone, "SIP/2.0 200 OK", append(fields, "Content-Type: application/sdp")...)
		case "ACK":
			acknowledged++
		case "BYE":
			ended++
			p.send(t, "SIP/2.0 200 OK", m.reply("")...)
		default:
			t.Fatalf("got\n%s", strings.Join(m, "\n"))
		}
	}
	if acknowledged != calls {
		t.Errorf("%d calls were acknowledged, of %d", acknowledged, calls)
	}
}

// call calls a user, who has to answer.
func (p *page) call(t *testing.T, user string) dialog {
	t.Helper()
	d := placed(t, p.ask(t, "INVITE", "sip:"+user+"@"+p.s.addr, user))
	p.within(t, d, "ACK")
	return d
}

// answer takes the next call.
func (p *page) answer(t *testing.T) dialog {
	t.Helper()
	invite := p.receive(t, "INVITE "+p.uri(p.user)+" ")
	fields := append(invite.reply("here"), "Contact: <"+p.uri(p.user)+">")
	p.send(t, "SIP/2.0 180 Ringing", fields...)
	p.sendBody(t, tone, "SIP/2.0 200 OK", append(fields, "Content-Type: application/sdp")...)
	ack := p.receive(t, "ACK ")
	if want := "ACK " + p.uri(p.user) + " SIP/2.0"; ack[0] != want {
		t.Fatalf("got %q, want %q", ack[0], want)
	}
	return taken(t, invite, "here")
}
