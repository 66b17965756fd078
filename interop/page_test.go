//go:build interop

package interop

import (
	"bufio"
	"context"
	"crypto/md5"
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// A page is the phone of a web page: one WebSocket, a host name that nobody can
// look up, and no way to be reached but that connection (RFC 7118).
type page struct {
	*wire
	s              *softswitch
	user, password string
	seq            int
	rang           bool // a 180 came
}

// pageOrigin is where the page was loaded from.
const pageOrigin = "https://phone.example.com"

// browse opens a page and registers it.
func browse(t *testing.T, s *softswitch, user, password string) *page {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	c, _, err := websocket.Dial(ctx, "wss://"+s.wss, &websocket.DialOptions{
		// softswitch has made its certificate itself.
		HTTPClient:   &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}},
		HTTPHeader:   http.Header{"Origin": {pageOrigin}},
		Subprotocols: []string{"sip"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if c.Subprotocol() != "sip" {
		t.Fatalf("subprotocol %q", c.Subprotocol())
	}
	conn := websocket.NetConn(context.Background(), c, websocket.MessageText) // one message a Write
	t.Cleanup(func() { conn.Close() })
	p := &page{
		wire: &wire{Conn: conn, network: "wss", host: strings.ToLower(rand.Text()) + ".invalid", reader: bufio.NewReaderSize(conn, 1<<16)},
		s:    s, user: user, password: password,
	}
	registered := p.ask(t, "REGISTER", "sip:"+s.addr, user, "Expires: 600")
	if got := registered.field("Contact"); !strings.HasPrefix(got, "<"+p.uri(user)+">") {
		t.Fatalf("registered as %q", got)
	}
	return p
}

// tone is what a page offers and answers: nobody listens there.
const tone = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 6998 RTP/AVP 0\r\n"

// ask sends a request outside of dialogs, once more with credentials when it is
// asked for them, and returns the 200.
func (p *page) ask(t *testing.T, method, uri, to string, more ...string) message {
	t.Helper()
	common := []string{
		"Max-Forwards: 70", fmt.Sprintf("From: <sip:%s@%s>;tag=%s", p.user, p.s.addr, rand.Text()),
		fmt.Sprintf("To: <sip:%s@%s>", to, p.s.addr), "Call-ID: " + rand.Text(), "Contact: <" + p.uri(p.user) + ">",
	}
	body := ""
	if method == "INVITE" {
		common, body = append(common, "Content-Type: application/sdp"), tone
	}
	common = append(common, more...)
	send := func(more ...string) message {
		p.seq++
		via, cseq := "Via: "+p.via(rand.Text()), fmt.Sprintf("CSeq: %d ", p.seq)
		p.sendBody(t, body, method+" "+uri+" SIP/2.0", slices.Concat([]string{via, cseq + method}, common, more)...)
		answer := p.final(t)
		if method == "INVITE" && !strings.HasPrefix(answer[0], "SIP/2.0 2") {
			p.send(t, "ACK "+uri+" SIP/2.0", via, cseq+"ACK", "Max-Forwards: 70",
				"From: "+answer.field("From"), "To: "+answer.field("To"), "Call-ID: "+answer.field("Call-ID"))
		}
		return answer
	}
	answer := send()
	if challenge := answer.field("WWW-Authenticate"); challenge != "" {
		answer = send("Authorization: " + p.credentials(challenge, method, uri))
	} else if challenge := answer.field("Proxy-Authenticate"); challenge != "" {
		answer = send("Proxy-Authorization: " + p.credentials(challenge, method, uri))
	}
	if !strings.HasPrefix(answer[0], "SIP/2.0 200") {
		t.Fatalf("%s was answered\n%s", method, strings.Join(answer, "\n"))
	}
	return answer
}

// final returns the next final response.
func (p *page) final(t *testing.T) message {
	t.Helper()
	for {
		m := p.receive(t, "SIP/2.0 ")
		p.rang = p.rang || strings.HasPrefix(m[0], "SIP/2.0 180")
		if !strings.HasPrefix(m[0], "SIP/2.0 1") {
			return m
		}
	}
}

// credentials answers a challenge (RFC 7616 section 3.4, MD5 with qop=auth).
func (p *page) credentials(challenge, method, uri string) string {
	param := func(name string) string {
		found := regexp.MustCompile(name + `="([^"]*)"`).FindStringSubmatch(challenge)
		if found == nil {
			return ""
		}
		return found[1]
	}
	hash := func(parts ...string) string { return fmt.Sprintf("%x", md5.Sum([]byte(strings.Join(parts, ":")))) }
	realm, nonce, cnonce := param("realm"), param("nonce"), rand.Text()
	response := hash(hash(p.user, realm, p.password), nonce, "00000001", cnonce, "auth", hash(method, uri))
	return fmt.Sprintf(`Digest username="%s", realm="%s", nonce="%s", uri="%s", response="%s", algorithm=MD5, cnonce="%s", qop=auth, nc=00000001`,
		p.user, realm, nonce, uri, response, cnonce)
}

// A dialog is a page's side of one.
type dialog struct {
	callID, local, remote, target string
	routes                        []string
}

// placed is the dialog of a page that called, and was answered so.
func placed(t *testing.T, answer message) dialog {
	t.Helper()
	routes := recorded(t, answer)
	slices.Reverse(routes)
	return dialog{answer.field("Call-ID"), answer.field("From"), answer.field("To"), target(answer), routes}
}

// taken is the dialog of a page that was called, and has answered with a tag.
func taken(t *testing.T, invite message, tag string) dialog {
	t.Helper()
	return dialog{invite.field("Call-ID"), invite.field("To") + ";tag=" + tag, invite.field("From"), target(invite), recorded(t, invite)}
}

// recorded returns the Record-Route values. The one next to a page is for
// WebSockets, and never says wss (RFC 7118 section 5.2).
func recorded(t *testing.T, m message) []string {
	t.Helper()
	var values []string
	for _, line := range m.fields("Record-Route") {
		_, list, _ := strings.Cut(line, ":")
		for value := range strings.SplitSeq(list, ",") {
			values = append(values, strings.TrimSpace(value))
		}
	}
	all := strings.Join(values, ", ")
	if !strings.Contains(all, ";transport=ws;") || strings.Contains(all, "wss") {
		t.Fatalf("Record-Route: %s", all)
	}
	return values
}

// target returns the URI of the Contact.
func target(m message) string {
	_, uri, _ := strings.Cut(m.field("Contact"), "<")
	uri, _, _ = strings.Cut(uri, ">")
	return uri
}

// within sends a request within a dialog.
func (p *page) within(t *testing.T, d dialog, method string) {
	t.Helper()
	if method != "ACK" {
		p.seq++
	}
	fields := []string{
		"Via: " + p.via(rand.Text()), "Max-Forwards: 70", "From: " + d.local, "To: " + d.remote,
		"Call-ID: " + d.callID, fmt.Sprintf("CSeq: %d %s", p.seq, method),
	}
	for _, route := range d.routes {
		fields = append(fields, "Route: "+route)
	}
	p.send(t, method+" "+d.target+" SIP/2.0", fields...)
}
