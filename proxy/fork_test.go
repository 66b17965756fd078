package proxy_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip"
)

// forked registers n phones for bob, has alice call and all of them ring.
func forked(s *site, alice *phone, phones ...*phone) []asked {
	s.t.Helper()
	alice.send(proxyAddr, alice.request(sip.INVITE, "sip:bob@example.com"))
	ins := make([]asked, len(phones))
	for i, p := range phones {
		ins[i] = p.asked(sip.INVITE)
		ins[i].answer(180)
		alice.expect(180)
	}
	return ins
}

// yields has a phone that is cancelled end its branch.
func (a asked) yields() {
	a.phone.t.Helper()
	cancel := a.phone.asked(sip.CANCEL)
	mine, err := a.Via()
	require.NoError(a.phone.t, err)
	via, err := cancel.Via()
	require.NoError(a.phone.t, err)
	require.Equal(a.phone.t, mine.Branch(), via.Branch())
	cancel.answer(200)
	a.answer(487)
}

func threePhones(s *site) []*phone {
	phones := []*phone{s.phone("bob", "21"), s.phone("bob", "22"), s.phone("bob", "23")}
	s.users.register("bob", phones...)
	return phones
}

// RFC 3261 section 16.7 items 5, 6 and 10, by class: three phones answer one
// after another, in each combination of results.
func TestForkedClasses(t *testing.T) {
	codes := []int{200, 302, 404, 486, 500, 603}
	best := func(answers []int) int {
		lowest := 0
		for _, code := range answers {
			switch {
			case code < 300, code >= 600:
				return code // the others are cancelled
			case lowest == 0, code/100 < lowest/100:
				lowest = code
			}
		}
		return lowest
	}
	inBubble(t, siteConfig{}, func(t *testing.T, s *site) {
		alice, phones := s.phone("alice", "10"), threePhones(s)
		for n := range len(codes) * len(codes) * len(codes) {
			answers := []int{codes[n%6], codes[n/6%6], codes[n/36]}
			ins := forked(s, alice, phones...)
			want := best(answers)
			for i, in := range ins {
				if decided := in.answerUnlessCanceled(answers[i]); decided == 487 {
					require.True(t, want < 300 || want >= 600, "%v", answers)
				}
				synctest.Wait()
			}
			alice.expect(want)
			alice.silent(0)
			for _, p := range phones {
				p.silent(0)
			}
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Zero(t, s.ep.Stats().Server+s.ep.Stats().Client)
	})
}

// answerUnlessCanceled answers with code, or with 487 if CANCEL came before. It
// returns what it answered.
func (a asked) answerUnlessCanceled(code int) int {
	a.phone.t.Helper()
	if len(a.phone.in) > 0 {
		a.yields()
		return 487
	}
	a.answer(code)
	return code
}

// RFC 3261 section 16.7 item 6, within a class, and 503.
func TestBestResponse(t *testing.T) {
	tests := []struct {
		answers [3]int
		want    int
	}{
		{[3]int{404, 401, 486}, 401},
		{[3]int{486, 404, 407}, 407},
		{[3]int{486, 415, 404}, 415},
		{[3]int{420, 404, 486}, 420},
		{[3]int{404, 486, 484}, 484},
		{[3]int{484, 401, 486}, 401},
		{[3]int{486, 404, 480}, 486}, // the first of those that are as good
		{[3]int{408, 487, 486}, 486},
		{[3]int{503, 408, 500}, 408},
		{[3]int{503, 503, 503}, 500},
		{[3]int{503, 501, 500}, 501},
		{[3]int{503, 407, 501}, 407},
		{[3]int{404, 302, 401}, 302},
	}
	inBubble(t, siteConfig{}, func(t *testing.T, s *site) {
		alice, phones := s.phone("alice", "10"), threePhones(s)
		for _, tt := range tests {
			for i, in := range forked(s, alice, phones...) {
				in.answer(tt.answers[i])
				synctest.Wait()
			}
			require.Equal(t, tt.want, alice.expect(tt.want).StatusCode, "%v", tt.answers)
		}
	})
}

// RFC 4320: a non-INVITE branch that timed out counts for nothing.
func TestForkedTimeoutOutsideInvite(t *testing.T) {
	inBubble(t, siteConfig{}, func(_ *testing.T, s *site) {
		alice, phones := s.phone("alice", "10"), threePhones(s)
		alice.send(proxyAddr, alice.request(sip.MESSAGE, "sip:bob@example.com"))
		phones[0].asked(sip.MESSAGE)
		phones[1].asked(sip.MESSAGE).answer(501)
		phones[2].asked(sip.MESSAGE).answer(408)
		alice.silent(2 * time.Minute)
	})
}

// RFC 3261 section 16.7 item 7.
func TestGatheredChallenges(t *testing.T) {
	challenge := func(field, realm string) func(*sip.Response) {
		return func(r *sip.Response) {
			r.Add(field, fmt.Sprintf(`Digest realm="%s", nonce="x,y"`, realm))
		}
	}
	inBubble(t, siteConfig{}, func(t *testing.T, s *site) {
		alice, phones := s.phone("alice", "10"), threePhones(s)
		ins := forked(s, alice, phones...)
		ins[0].answer(407, challenge("Proxy-Authenticate", "a"))
		synctest.Wait()
		ins[1].answer(401, challenge("WWW-Authenticate", "b"))
		synctest.Wait()
		ins[2].answer(401, challenge("WWW-Authenticate", "c"))
		resp := alice.expect(407)
		var got []string
		for name, value := range resp.All() {
			if name == "WWW-Authenticate" || name == "Proxy-Authenticate" {
				got = append(got, name+": "+value)
			}
		}
		require.Equal(t, []string{
			`Proxy-Authenticate: Digest realm="a", nonce="x,y"`,
			`WWW-Authenticate: Digest realm="b", nonce="x,y"`,
			`WWW-Authenticate: Digest realm="c", nonce="x,y"`,
		}, got)
	})
}

// The two who answer at once both reach the caller, each by its own tag (RFC
// 3261 section 16.7 item 5).
func TestTwoAnswers(t *testing.T) {
	inBubble(t, siteConfig{}, func(t *testing.T, s *site) {
		alice, phones := s.phone("alice", "10"), threePhones(s)
		ins := forked(s, alice, phones...)
		ins[0].answer(200)
		ins[1].answer(200)
		tags := map[string]bool{}
		for range 2 {
			to, err := alice.expect(200).To()
			require.NoError(t, err)
			tags[to.Tag()] = true
		}
		require.Equal(t, map[string]bool{phones[0].tag: true, phones[1].tag: true}, tags)
		ins[2].yields()
		alice.silent(time.Minute)
	})
}

// A 200 that crossed the CANCEL of a loser goes to the caller as well, and so
// does each repetition of it: the callee repeats it until it sees ACK.
func TestLateAnswer(t *testing.T) {
	inBubble(t, siteConfig{}, func(t *testing.T, s *site) {
		alice, phones := s.phone("alice", "10"), threePhones(s)
		ins := forked(s, alice, phones...)
		ins[0].answer(200)
		alice.expect(200)
		ins[1].yields()
		phones[2].asked(sip.CANCEL).answer(481)
		time.Sleep(3 * time.Second)
		for range 2 {
			ins[2].answer(200)
			to, err := alice.expect(200).To()
			require.NoError(t, err)
			require.Equal(t, phones[2].tag, to.Tag())
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		require.Zero(t, s.ep.Stats().Server+s.ep.Stats().Client)
	})
}

// A 6xx waits for the branches that it cancels (RFC 3261 section 16.7 item 5),
// and yields to a 2xx that comes meanwhile.
func TestDecline(t *testing.T) {
	inBubble(t, siteConfig{}, func(_ *testing.T, s *site) {
		alice, phones := s.phone("alice", "10"), threePhones(s)
		ins := forked(s, alice, phones...)
		ins[1].answer(603)
		ins[0].yields()
		alice.silent(time.Second)
		ins[2].yields()
		alice.expect(603)

		ins = forked(s, alice, phones...)
		ins[1].answer(603)
		ins[0].yields()
		phones[2].asked(sip.CANCEL).answer(200)
		ins[2].answer(200)
		alice.expect(200)
		alice.silent(time.Minute)
	})
}

// Whoever answers first, a request other than INVITE reaches each target: there
// is no CANCEL for it.
func TestForkedMessage(t *testing.T) {
	inBubble(t, siteConfig{}, func(_ *testing.T, s *site) {
		alice, phones := s.phone("alice", "10"), threePhones(s)
		alice.send(proxyAddr, alice.request(sip.MESSAGE, "sip:bob@example.com"))
		phones[1].asked(sip.MESSAGE).answer(200)
		alice.expect(200)
		phones[0].asked(sip.MESSAGE).answer(200)
		phones[2].asked(sip.MESSAGE).answer(486)
		alice.silent(time.Minute)
	})
}

// Provisional responses of all branches reach the caller, each with its own
// tag, and none after the final response.
func TestForkedProvisionals(t *testing.T) {
	inBubble(t, siteConfig{}, func(t *testing.T, s *site) {
		alice, phones := s.phone("alice", "10"), threePhones(s)
		ins := forked(s, alice, phones...)
		for i, in := range ins {
			in.answer(183)
			to, err := alice.expect(183).To()
			require.NoError(t, err)
			require.Equal(t, phones[i].tag, to.Tag())
		}
		ins[0].answer(200)
		alice.expect(200)
		ins[1].answer(183)
		alice.silent(0)
		ins[1].yields()
		ins[2].yields()
	})
}

// No branch shares anything with another (RFC 3261 section 16.6 item 1).
func TestBranchesAreCopies(t *testing.T) {
	inBubble(t, siteConfig{}, func(t *testing.T, s *site) {
		alice, phones := s.phone("alice", "10"), threePhones(s)
		branches := map[string]bool{}
		for _, in := range forked(s, alice, phones...) {
			require.Equal(t, "69", in.Get("Max-Forwards"))
			require.Equal(t, in.phone.contact(), in.URI)
			via, err := in.Via()
			require.NoError(t, err)
			branches[via.Branch()] = true
			in.answer(486)
		}
		require.Len(t, branches, 3)
		alice.expect(486)
	})
}
