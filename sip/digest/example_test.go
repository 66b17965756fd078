package digest_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/digest"
)

// ask plays the network: it authenticates req and makes the response that the
// transaction layer would make of the error.
func ask(s *digest.Server, req *sip.Request) *sip.Response {
	id, err := s.Authenticate(context.Background(), req, "example.com", digest.UAS)
	var e *sip.StatusError
	if errors.As(err, &e) {
		resp := sip.NewResponse(req, e.Code)
		resp.Copy(&e.Header, "WWW-Authenticate")
		return resp
	}
	fmt.Println("authenticated:", id.User)
	return sip.NewResponse(req, 200)
}

func ExampleNewServer() {
	s := digest.NewServer(digest.Passwords{"alice": "secret"},
		digest.WithAlgorithms(digest.SHA256, digest.MD5))

	alice := sip.Address{URI: sip.MustParseURI("sip:alice@example.com")}
	req := sip.NewRequest(sip.REGISTER, sip.MustParseURI("sip:example.com"), alice, alice)
	resp := ask(s, req)
	fmt.Println(resp.StatusCode)
	for range resp.Values("WWW-Authenticate") {
		fmt.Println("a challenge")
	}
	// Output:
	// 401
	// a challenge
	// a challenge
}

func ExampleAnswer() {
	s := digest.NewServer(digest.Passwords{"alice": "secret"})

	alice := sip.Address{URI: sip.MustParseURI("sip:alice@example.com")}
	req := sip.NewRequest(sip.REGISTER, sip.MustParseURI("sip:example.com"), alice, alice)
	resp := ask(s, req)

	err := digest.Answer(req, resp, func(realm string) (digest.Credentials, bool) {
		return digest.Credentials{User: "alice", Password: "secret"}, realm == "example.com"
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	cseq, _ := req.CSeq()
	fmt.Println(cseq)
	fmt.Println(ask(s, req).StatusCode)
	// Output:
	// 2 REGISTER
	// authenticated: alice
	// 200
}

// accounts keeps hashes instead of passwords.
type accounts map[string][]byte

func (a accounts) HA1(_ context.Context, realm, user string, alg digest.Algorithm) ([]byte, error) {
	if alg != digest.SHA256 {
		return nil, digest.ErrNoAlgorithm
	}
	ha1, ok := a[user+"@"+realm]
	if !ok {
		return nil, digest.ErrUnknownUser
	}
	return ha1, nil
}

func ExampleSecrets() {
	s := accounts{"alice@example.com": digest.HA1(digest.SHA256, "alice", "example.com", "secret")}
	_, err := s.HA1(context.Background(), "example.com", "bob", digest.SHA256)
	fmt.Println(err)

	// A realm must offer only what each of its accounts has.
	digest.NewServer(s, digest.WithAlgorithms(digest.SHA256))
	// Output: digest: unknown user
}
