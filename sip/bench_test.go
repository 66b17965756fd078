package sip

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// benchInvite is an INVITE of 1,048 octets with two Via values, sixteen fields
// and SDP.
func benchInvite(tb testing.TB) []byte {
	packet, err := os.ReadFile("testdata/invite.sip")
	require.NoError(tb, err)
	require.Len(tb, packet, 1048)
	return packet
}

// readCore reads what a proxy needs of a request.
func readCore(r *Request) bool {
	via, err1 := r.Via()
	from, err2 := r.From()
	to, err3 := r.To()
	cseq, err4 := r.CSeq()
	hops, err5 := r.Uint("Max-Forwards")
	return err1 == nil && err2 == nil && err3 == nil && err4 == nil && err5 == nil &&
		via.Branch() != "" && from.Tag() != "" && to.Tag() == "" && r.CallID() != "" &&
		cseq.Seq != 0 && hops != 0 && r.URI.Host() != ""
}

// forward edits a request as a proxy does.
func forward(r *Request, via Via, recordRoute, target URI) {
	top, _ := r.Via()
	top.Params = top.Params.With("received", "192.0.2.9")
	_ = r.SetVia(top)
	r.PushVia(via)
	r.Set("Max-Forwards", "68")
	r.URI = target
	r.Prepend("Record-Route", Address{URI: recordRoute}.String())
}

func BenchmarkParseInvite(b *testing.B) {
	packet := benchInvite(b)
	b.ReportAllocs()
	b.SetBytes(int64(len(packet)))
	for b.Loop() {
		m, err := Parse(packet)
		if err != nil || !readCore(m.(*Request)) {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseAlone(b *testing.B) {
	packet := benchInvite(b)
	b.ReportAllocs()
	for b.Loop() {
		_, _ = Parse(packet)
	}
}

func BenchmarkForwardInvite(b *testing.B) {
	packet := benchInvite(b)
	via, _ := ParseVia("SIP/2.0/UDP proxy2.biloxi.example.com:5060;branch=z9hG4bKd1f2.1")
	recordRoute := MustParseURI("sip:proxy2.biloxi.example.com;lr")
	target := MustParseURI("sip:bob@192.0.2.4:5062;transport=udp")
	buf := make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		m, err := Parse(packet)
		if err != nil {
			b.Fatal(err)
		}
		r := m.(*Request)
		if !readCore(r) {
			b.Fatal("core fields")
		}
		forward(r, via, recordRoute, target)
		buf = r.Append(buf[:0])
	}
}

func BenchmarkRead(b *testing.B) {
	m, err := Parse(benchInvite(b))
	require.NoError(b, err)
	r := m.(*Request)
	for _, bm := range []struct {
		name string
		read func()
	}{
		{"Via", func() { _, _ = r.Via() }},
		{"Branch", func() { v, _ := r.Via(); _ = v.Branch() }},
		{"From", func() { _, _ = r.From() }},
		{"To", func() { _, _ = r.To() }},
		{"Call-ID", func() { _ = r.CallID() }},
		{"CSeq", func() { _, _ = r.CSeq() }},
		{"Max-Forwards", func() { _, _ = r.Uint("Max-Forwards") }},
		{"URI", func() { _, _ = ParseURI("sip:bob@biloxi.example.com") }},
		{"Validate", func() { _ = r.Validate() }},
		{"Clone", func() { r.Clone() }},
		{"NewResponse", func() { NewResponse(r, 180) }},
	} {
		b.Run(bm.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				bm.read()
			}
		})
	}
}
