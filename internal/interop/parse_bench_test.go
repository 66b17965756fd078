// Package interop compares Patchbay with other Go libraries. It is a module of
// its own, so that the SDK depends on none of them.
package interop

import (
	"bytes"
	"os"
	"testing"

	sipgo "github.com/emiago/sipgo/sip"
	"github.com/ghettovoice/gosip/log"
	gosip "github.com/ghettovoice/gosip/sip"
	"github.com/ghettovoice/gosip/sip/parser"

	"github.com/patchbay-sip/patchbay/sip"
)

// Each benchmark does the same: parse an INVITE of 1,048 octets and read Via,
// From, To, Call-ID, CSeq, Max-Forwards and Request-URI; with Forward, also add
// received to the topmost Via, push a Via and a Record-Route, set Max-Forwards
// and Request-URI, and write the message.

const (
	receivedFrom = "192.0.2.9"
	proxyHost    = "proxy2.biloxi.example.com"
	proxyBranch  = "z9hG4bKd1f2.1"
)

func packet(b *testing.B) []byte {
	data, err := os.ReadFile("../../sip/testdata/invite.sip")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.SetBytes(int64(len(data)))
	return data
}

func readPatchbay(b *testing.B, r *sip.Request) {
	via, err1 := r.Via()
	from, err2 := r.From()
	to, err3 := r.To()
	cseq, err4 := r.CSeq()
	hops, err5 := r.Uint("Max-Forwards")
	if err1 != nil || err2 != nil || err3 != nil || err4 != nil || err5 != nil ||
		via.Branch() == "" || from.Tag() == "" || to.Tag() != "" || cseq.Seq == 0 ||
		hops == 0 || r.CallID() == "" || r.URI.Host() == "" {
		b.Fatal("fields are missing")
	}
}

func BenchmarkParse(b *testing.B) {
	b.Run("patchbay", func(b *testing.B) {
		data := packet(b)
		for b.Loop() {
			m, err := sip.Parse(data)
			if err != nil {
				b.Fatal(err)
			}
			readPatchbay(b, m.(*sip.Request))
		}
	})
	b.Run("sipgo", func(b *testing.B) {
		data := packet(b)
		p := sipgo.NewParser()
		for b.Loop() {
			m, err := p.ParseSIP(data)
			if err != nil {
				b.Fatal(err)
			}
			readSipgo(b, m.(*sipgo.Request))
		}
	})
	b.Run("gosip", func(b *testing.B) {
		data := packet(b)
		p := quietGosip()
		for b.Loop() {
			m, err := p.ParseMessage(data)
			if err != nil {
				b.Fatal(err)
			}
			readGosip(b, m.(gosip.Request))
		}
	})
}

func BenchmarkForward(b *testing.B) {
	b.Run("patchbay", func(b *testing.B) { forwardPatchbay(b, packet(b)) })
	b.Run("sipgo", func(b *testing.B) { forwardSipgo(b, packet(b)) })
	b.Run("gosip", func(b *testing.B) { forwardGosip(b, packet(b)) })
}

func forwardPatchbay(b *testing.B, data []byte) {
	target := sip.MustParseURI("sip:bob@192.0.2.4:5062;transport=udp")
	recordRoute := sip.Address{URI: sip.MustParseURI("sip:proxy2.biloxi.example.com;lr")}
	buf := make([]byte, 0, 4096)
	for b.Loop() {
		m, err := sip.Parse(data)
		if err != nil {
			b.Fatal(err)
		}
		r := m.(*sip.Request)
		readPatchbay(b, r)
		top, _ := r.Via()
		top.Params = top.Params.With("received", receivedFrom)
		_ = r.SetVia(top)
		r.PushVia(sip.Via{
			Transport: "UDP", SentBy: sip.HostPort{Host: proxyHost, Port: 5060},
			Params: sip.Params{}.With("branch", proxyBranch),
		})
		r.Prepend("Record-Route", recordRoute.String())
		r.Set("Max-Forwards", "68")
		r.URI = target
		buf = r.Append(buf[:0])
	}
}

func readSipgo(b *testing.B, r *sipgo.Request) {
	branch, _ := r.Via().Params.Get("branch")
	tag, _ := r.From().Params.Get("tag")
	if branch == "" || tag == "" || r.To() == nil || r.CSeq().SeqNo == 0 ||
		r.MaxForwards().Val() == 0 || r.CallID().Value() == "" || r.Recipient.Host == "" {
		b.Fatal("fields are missing")
	}
}

func forwardSipgo(b *testing.B, data []byte) {
	p := sipgo.NewParser()
	var target, recordRoute sipgo.Uri
	if err := sipgo.ParseUri("sip:bob@192.0.2.4:5062;transport=udp", &target); err != nil {
		b.Fatal(err)
	}
	if err := sipgo.ParseUri("sip:proxy2.biloxi.example.com;lr", &recordRoute); err != nil {
		b.Fatal(err)
	}
	var buf bytes.Buffer
	for b.Loop() {
		m, err := p.ParseSIP(data)
		if err != nil {
			b.Fatal(err)
		}
		r := m.(*sipgo.Request)
		readSipgo(b, r)
		r.Via().Params.Add("received", receivedFrom)
		params := sipgo.NewParams()
		params.Add("branch", proxyBranch)
		r.PrependHeader(&sipgo.ViaHeader{
			ProtocolName: "SIP", ProtocolVersion: "2.0", Transport: "UDP",
			Host: proxyHost, Port: 5060, Params: params,
		})
		r.PrependHeader(&sipgo.RecordRouteHeader{Address: recordRoute})
		r.MaxForwards().Dec()
		r.Recipient = target
		buf.Reset()
		r.StringWrite(&buf)
	}
}

// quietGosip makes a parser that logs errors alone.
func quietGosip() *parser.PacketParser {
	logger := log.NewDefaultLogrusLogger()
	logger.SetLevel(uint32(log.ErrorLevel))
	return parser.NewPacketParser(logger)
}

func readGosip(b *testing.B, r gosip.Request) {
	via, ok1 := r.ViaHop()
	from, ok2 := r.From()
	_, ok3 := r.To()
	cseq, ok4 := r.CSeq()
	callID, ok5 := r.CallID()
	hops := r.GetHeaders("Max-Forwards")
	if !ok1 || !ok2 || !ok3 || !ok4 || !ok5 || len(hops) == 0 || cseq.SeqNo == 0 ||
		callID.Value() == "" || r.Recipient().Host() == "" {
		b.Fatal("fields are missing")
	}
	if branch, ok := via.Params.Get("branch"); !ok || branch.String() == "" {
		b.Fatal("no branch")
	}
	if tag, ok := from.Params.Get("tag"); !ok || tag.String() == "" {
		b.Fatal("no tag")
	}
}

func forwardGosip(b *testing.B, data []byte) {
	p := quietGosip()
	target, err := parser.ParseUri("sip:bob@192.0.2.4:5062;transport=udp")
	if err != nil {
		b.Fatal(err)
	}
	recordRoute, err := parser.ParseUri("sip:proxy2.biloxi.example.com;lr")
	if err != nil {
		b.Fatal(err)
	}
	port := gosip.Port(5060)
	var out string
	for b.Loop() {
		m, err := p.ParseMessage(data)
		if err != nil {
			b.Fatal(err)
		}
		r := m.(gosip.Request)
		readGosip(b, r)
		via, _ := r.ViaHop()
		via.Params.Add("received", gosip.String{Str: receivedFrom})
		r.PrependHeader(gosip.ViaHeader{{
			ProtocolName: "SIP", ProtocolVersion: "2.0", Transport: "UDP",
			Host: proxyHost, Port: &port,
			Params: gosip.NewParams().Add("branch", gosip.String{Str: proxyBranch}),
		}})
		r.PrependHeader(&gosip.RecordRouteHeader{Addresses: []gosip.Uri{recordRoute}})
		hops := gosip.MaxForwards(68)
		r.ReplaceHeaders("Max-Forwards", []gosip.Header{&hops})
		r.SetRecipient(target)
		out = r.String()
	}
	_ = out
}
