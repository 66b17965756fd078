package digest_test

import (
	"testing"

	"github.com/patchbay-sip/patchbay/sip/digest"
)

func BenchmarkAuthenticate(b *testing.B) {
	for _, alg := range []digest.Algorithm{digest.MD5, digest.SHA256} {
		b.Run(string(alg), func(b *testing.B) {
			s := digest.NewServer(users, digest.WithAlgorithms(alg))
			req := request(b, "REGISTER", "sip:example.com")
			_, e := status(b, s, req, digest.UAS)
			if err := digest.Answer(req, challenged(req, e), as("alice", "secret")); err != nil {
				b.Fatal(err)
			}
			ctx := b.Context()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Authenticate(ctx, req, realm, digest.UAS); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkChallenge(b *testing.B) {
	s := digest.NewServer(users)
	req := request(b, "REGISTER", "sip:example.com")
	ctx := b.Context()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Authenticate(ctx, req, realm, digest.UAS); err == nil {
			b.Fatal("let in")
		}
	}
}
