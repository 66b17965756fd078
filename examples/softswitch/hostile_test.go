package main

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/patchbay-sip/patchbay/sip"
)

// A vandal sends what no phone does.
type vandal struct {
	t    *testing.T
	rnd  *rand.Rand
	addr string // the server's
	udp  net.Conn
	tcp  net.Conn // nil once the server has had enough
	n    int
}

// message is one that a phone could send, about now and then.
func (v *vandal) message(method string) string {
	v.n++
	user := pick(v.rnd, "alice", "bob", "%61lice", "", "eve")
	uri := pick(v.rnd, "sip:"+user+"@"+v.addr, "sip:"+v.addr, "sips:bob@"+v.addr, "tel:+15550100",
		"sip:bob@"+v.addr+";maddr=127.0.0.1", "sip:bob@127.1", "http://"+v.addr)
	from := pick(v.rnd, "<sip:alice@"+v.addr+">", `"b\"ob" <sip:bob@`+v.addr+">", "<sip:eve@192.0.2.66>", "<tel:+1>")
	self := v.udp.LocalAddr().String()
	field := pick(v.rnd,
		"Contact: <sip:alice@"+self+">", "Contact: *\r\nExpires: 0", "Contact: <sip:bob@"+v.addr+">, <sip:alice@"+v.addr+";x=1>",
		"Route: <sip:"+v.addr+";lr;pb=AAAAAAAAAAAAAAAAAAAAAA>", "Route: <sip:"+v.addr+">, <sip:"+self+";lr>", "Max-Breadth: 2",
		`Authorization: Digest username="alice", realm="x", nonce="`+strings.Repeat("0", 46)+`", uri="sip:x", response="0"`,
		"Proxy-Require: a, b", "Require: 100rel", "Record-Route: <sip:a;lr>", "Max-Forwards: 0", "Subject: x\r\n y")
	return fmt.Sprintf("%[1]s %[2]s SIP/2.0\r\nVia: SIP/2.0/UDP %[3]s;branch=z9hG4bKv%[4]d;rport\r\n"+
		"From: %[5]s;tag=%[4]d\r\nTo: <%[2]s>%[6]s\r\nCall-ID: v%[4]d\r\nCSeq: 1 %[1]s\r\n%[7]s\r\nContent-Length: 0\r\n\r\n",
		method, uri, self, v.n, from, pick(v.rnd, "", ";tag=there"), field)
}

// spoil changes a few octets.
func (v *vandal) spoil(text string) []byte {
	b := []byte(text)
	for range max(0, v.rnd.IntN(6)-2) {
		i := v.rnd.IntN(len(b))
		switch v.rnd.IntN(4) {
		case 0:
			b[i] = byte(v.rnd.Uint32())
		case 1:
			b = append(b[:i:i], b[min(len(b), i+1+v.rnd.IntN(20)):]...)
		case 2:
			j := v.rnd.IntN(len(b))
			b = append(b[:i:i], append([]byte(string(b[j:min(len(b), j+40)])), b[i:]...)...)
		default:
			scrap := pick(v.rnd, "\r\n", "\r", "\x00", "<", ">", `"`, ";", ",", "%", "%00", "@", ":", "[", " ", "\xff", "9999999999", ";lr", "*")
			b = append(b[:i:i], append([]byte(strings.Repeat(scrap, 1<<v.rnd.IntN(8))), b[i:]...)...)
		}
		if len(b) == 0 {
			return b
		}
	}
	return b
}

func pick(r *rand.Rand, of ...string) string { return of[r.IntN(len(of))] }

// answer turns the calls away that come, until the socket is closed.
func (v *vandal) answer() {
	buf := make([]byte, 65536)
	for {
		n, err := v.udp.Read(buf)
		if err != nil {
			return
		}
		m, err := sip.Parse(buf[:n])
		if req, ok := m.(*sip.Request); ok && err == nil {
			_, _ = v.udp.Write([]byte(sip.NewResponse(req, 486).String()))
		}
	}
}

// send sends it, over UDP or over a connection, which the server may close.
func (v *vandal) send(b []byte) {
	if v.rnd.IntN(5) > 0 {
		_, _ = v.udp.Write(b) // what is too long is no test
		return
	}
	if v.tcp == nil {
		var err error
		v.tcp, err = net.Dial("tcp", v.addr)
		require.NoError(v.t, err)
	}
	if _, err := v.tcp.Write(b); err != nil || v.rnd.IntN(10) == 0 {
		v.tcp.Close()
		v.tcp = nil
	}
}

// Whatever comes, the server lives, says nothing of it above debug level but
// what a target that cannot be reached costs, answers the next request, and
// leaves nothing behind.
func TestHostileInput(t *testing.T) {
	for name, args := range map[string][]string{
		"near": nil, "passwords": {"--user", "alice:secret", "--user", "bob:secret"}, "off": {"--auth", "off"},
	} {
		t.Run(name, func(t *testing.T) {
			defer goleak.VerifyNone(t) // the last to run
			s := start(t, append(args, "--log-level", "debug")...)
			udp, err := net.Dial("udp", s.udp)
			require.NoError(t, err)
			defer udp.Close()
			v := &vandal{t: t, rnd: rand.New(rand.NewPCG(1, 2)), addr: s.tcp, udp: udp}
			go v.answer()
			for i := range 4000 {
				v.send(v.spoil(v.message(pick(v.rnd, "INVITE", "REGISTER", "OPTIONS", "BYE", "ACK", "CANCEL", "MESSAGE", "SUBSCRIBE", "X"))))
				if i%100 == 99 {
					require.Equal(t, "SIP/2.0 200 OK", v.options(s.udp))
				}
			}
			if v.tcp != nil {
				v.tcp.Close()
			}
			require.Zero(t, s.stop())
			require.NotContains(t, s.stderr.String(), "panic")
			require.NotContains(t, s.stderr.String(), "level=ERROR")
			require.NotContains(t, s.stderr.String(), "secret")
		})
	}
}

// options asks the server and returns the first line of the answer.
func (v *vandal) options(addr string) string {
	conn, err := net.Dial("udp", addr)
	require.NoError(v.t, err)
	defer conn.Close()
	v.n++
	_, err = fmt.Fprintf(conn, "OPTIONS sip:%s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bKo%d\r\n"+
		"From: <sip:a@b>;tag=1\r\nTo: <sip:b>\r\nCall-ID: o%[3]d\r\nCSeq: 1 OPTIONS\r\n\r\n", addr, conn.LocalAddr(), v.n)
	require.NoError(v.t, err)
	require.NoError(v.t, conn.SetDeadline(time.Now().Add(10*time.Second)))
	buf := make([]byte, 4096)
	n, err := conn.Read(buf)
	require.NoError(v.t, err)
	line, _, _ := strings.Cut(string(buf[:n]), "\r\n")
	return line
}
