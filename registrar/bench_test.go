package registrar

import (
	"fmt"
	"testing"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/digest"
)

// BenchmarkRegister is a refresh from the parsed request to the response, which
// is what each phone costs once in an hour.
func BenchmarkRegister(b *testing.B) {
	r := newRegistrar()
	p := newPhone(b, r, "alice")
	req := p.request("Contact: <sip:alice@192.0.2.9:5060;transport=udp>;+sip.instance=\"<urn:uuid:1>\"", "Expires: 3600", "User-Agent: phone/1")
	ctx := b.Context()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		req.Set("CSeq", sip.CSeq{Seq: uint32(i + 1), Method: sip.REGISTER}.String())
		if _, err := r.register(ctx, req, sip.Flow{Network: "udp"}, digest.Identity{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkTargets(b *testing.B) {
	for _, contacts := range []int{1, 5} {
		b.Run(fmt.Sprint(contacts), func(b *testing.B) {
			r := newRegistrar()
			p := newPhone(b, r, "alice")
			for i := range contacts {
				p.ok(fmt.Sprintf("Contact: <sip:alice@192.0.2.%d:5060>;q=0.%d", i, i))
			}
			ctx := b.Context()
			b.ReportAllocs()
			for b.Loop() {
				if targets, err := r.Targets(ctx, aliceAOR); err != nil || len(targets) != contacts {
					b.Fatal(err)
				}
			}
		})
	}
}
