package sip

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestForwardChangesNothingElse parses each message of the corpus that is
// accepted, edits it as a proxy does, and compares every line.
func TestForwardChangesNothingElse(t *testing.T) {
	via, err := ParseVia("SIP/2.0/UDP proxy.example.com;branch=z9hG4bKnew")
	require.NoError(t, err)
	target := MustParseURI("sip:target@192.0.2.99;transport=udp")
	for _, tt := range tortures {
		packet := string(readTestdata(t, tt.file))
		m, code := verdict([]byte(packet))
		r, ok := m.(*Request)
		if code != 0 || !ok || !tt.same {
			continue
		}
		t.Run(tt.file, func(t *testing.T) {
			want := strings.Replace(packet, " "+r.URI.String()+" SIP/2.0", " "+target.String()+" SIP/2.0", 1)
			first := firstLine(t, want, hVia)
			want = strings.Replace(want, first, "Via: "+via.String()+"\r\n"+first, 1)
			hops, err := r.Uint("Max-Forwards")
			if err == nil && hops > 0 {
				want = strings.Replace(want, firstLine(t, want, hMaxForwards), "Max-Forwards: 68\r\n", 1)
				r.Set("Max-Forwards", "68")
			}
			r.PushVia(via)
			r.URI = target
			require.Equal(t, want, r.String())

			popped, err := r.PopVia()
			require.NoError(t, err)
			require.Equal(t, via, popped)
		})
	}
}

// firstLine returns the first line of a message with a field of that id.
func firstLine(t *testing.T, packet string, id headerID) string {
	for line := range strings.Lines(packet) {
		name, _, ok := strings.Cut(line, ":")
		if ok && lookupName(strings.TrimRight(name, " \t")) == id {
			return line
		}
	}
	require.Fail(t, "no such field")
	return ""
}

// TestSetViaInPlace adds received and rport to the topmost of several Via
// values in one field.
func TestSetViaInPlace(t *testing.T) {
	h := parseHeader(t, "v : SIP/2.0/UDP 10.0.0.1:5060 ;rport;branch=a ,\tSIP/2.0/UDP  h;branch=b", "Via: SIP/2.0/TCP c")
	v, err := h.Via()
	require.NoError(t, err)
	v.Params = v.Params.With("received", "192.0.2.9").With("rport", "40000")
	require.NoError(t, h.SetVia(v))
	require.Equal(t, []string{
		"v : SIP/2.0/UDP 10.0.0.1:5060;rport=40000;branch=a;received=192.0.2.9 ,\tSIP/2.0/UDP  h;branch=b",
		"Via: SIP/2.0/TCP c",
	}, lines(h))
}

func TestForwardAllocations(t *testing.T) {
	packet := benchInvite(t)
	via, _ := ParseVia("SIP/2.0/UDP proxy2.biloxi.example.com:5060;branch=z9hG4bKd1f2.1")
	recordRoute := MustParseURI("sip:proxy2.biloxi.example.com;lr")
	target := MustParseURI("sip:bob@192.0.2.4:5062;transport=udp")
	buf := make([]byte, 0, 4096)
	require.LessOrEqual(t, testing.AllocsPerRun(100, func() {
		m, _ := Parse(packet)
		readCore(m.(*Request))
		forward(m.(*Request), via, recordRoute, target)
		buf = m.Append(buf[:0])
	}), 6.0)
	m, _ := Parse(packet)
	require.LessOrEqual(t, testing.AllocsPerRun(100, func() { NewResponse(m.(*Request), 180) }), 3.0)
}

func TestSetBody(t *testing.T) {
	m, err := Parse([]byte(wire(optionsLine, "c: text/plain", "l: 0")))
	require.NoError(t, err)
	m.SetBody("application/sdp", "v=0\r\n")
	require.Equal(t, "v=0\r\n", m.Body())
	require.Equal(t, "application/sdp", m.Head().Get("Content-Type"))
	require.Equal(t, "5", m.Head().Get("Content-Length"))
	require.Equal(t, 1, strings.Count(m.String(), "Content-Length:"))
	require.NotContains(t, m.String(), "l: 0")
	again, err := Parse([]byte(m.String()))
	require.NoError(t, err)
	require.Equal(t, m.String(), again.String())

	resp := NewResponse(m.(*Request), 200)
	require.Empty(t, resp.Body())
	resp.SetBody("text/plain", "x")
	resp.SetBody("", "")
	require.False(t, resp.Has("Content-Type"))
	require.True(t, strings.HasSuffix(resp.String(), "Content-Length: 0\r\n\r\n"))
}

func TestClone(t *testing.T) {
	packet := wire(optionsLine, "Max-Forwards: 70", "X: y")
	m, err := Parse([]byte(packet))
	require.NoError(t, err)
	r := m.(*Request)
	r.Set("X", "changed")
	before := r.String()

	forks := []*Request{r.Clone(), r.Clone()}
	for i, f := range forks {
		f.Set("Max-Forwards", []string{"1", "2"}[i])
		f.Set("X", "fork")
		f.PushVia(Via{Transport: "UDP", SentBy: HostPort{Host: "h"}})
		f.URI = MustParseURI("sip:fork@h")
		f.SetBody("text/plain", "fork")
	}
	require.Equal(t, before, r.String(), "forks share nothing that can change")
	require.Equal(t, "1", forks[0].Get("Max-Forwards"))
	require.Equal(t, "2", forks[1].Get("Max-Forwards"))

	resp := NewResponse(r, 180)
	c := resp.Clone()
	c.Set("X", "1")
	c.StatusCode, c.Reason = 200, "OK"
	require.NotContains(t, resp.String(), "X: 1")
	require.Equal(t, 180, resp.StatusCode)
}

// TestCloneAcrossGoroutines edits forks at the same time, for the race detector.
func TestCloneAcrossGoroutines(t *testing.T) {
	m, err := Parse(benchInvite(t))
	require.NoError(t, err)
	r := m.(*Request)
	r.Set("X", "y")
	done := make(chan string)
	for range 4 {
		fork := r.Clone()
		go func() {
			for range 100 {
				fork.Set("Max-Forwards", "1")
				fork.PushVia(Via{Transport: "UDP", SentBy: HostPort{Host: "h"}})
				_, _ = fork.PopVia()
			}
			done <- fork.String()
		}()
	}
	first := <-done
	for range 3 {
		require.Equal(t, first, <-done)
	}
}

func TestManyFields(t *testing.T) {
	var fields []string
	for range inlineFields + 10 {
		fields = append(fields, "X: y")
	}
	packet := wire(optionsLine, fields...)
	m, err := Parse([]byte(packet))
	require.NoError(t, err)
	require.Equal(t, packet, m.String())
	require.Equal(t, packet, m.(*Request).Clone().String())
}
