//go:build interop

package interop

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestCancel has a caller give up while it rings. The callee has to see the
// CANCEL within 50 ms, with the branch and the CSeq number of the INVITE that
// it got (RFC 3261 section 9.1); the caller gets 200 for the CANCEL and 487
// for the INVITE (section 9.2).
func TestCancel(t *testing.T) {
	const calls, limit = 200, 50 * time.Millisecond
	for i, network := range networks {
		t.Run(network, func(t *testing.T) {
			s := serve(t, fmt.Sprintf("127.0.35.%d", i+1))
			callee := connect(t, network, s.ip+":0", s.addr)
			caller := connect(t, network, s.ip+":0", s.addr)
			registerWire(t, s, callee, "bob")

			delays := make([]time.Duration, calls)
			for n := range delays {
				delays[n] = cancelledCall(t, s, caller, callee, n)
			}
			slices.Sort(delays)
			t.Logf("%d calls cancelled; the callee saw CANCEL after %v in the middle, %v at worst", calls, delays[calls/2], delays[calls-1])
			if delays[calls-1] > limit {
				t.Errorf("the callee saw a CANCEL after %v; at most %v is right", delays[calls-1], limit)
			}
		})
	}
}

// registerWire registers a user at the wire.
func registerWire(t *testing.T, s *softswitch, w *wire, user string) {
	t.Helper()
	aor := fmt.Sprintf("<sip:%s@%s>", user, s.addr)
	w.send(t, "REGISTER sip:"+s.addr+" SIP/2.0", "Via: "+w.via("register"), "Max-Forwards: 70",
		"From: "+aor+";tag=r", "To: "+aor, "Call-ID: register-"+user, "CSeq: 1 REGISTER",
		"Contact: <"+w.uri(user)+">", "Expires: 600")
	w.receive(t, "SIP/2.0 200")
}

// cancelledCall returns how long after it was sent the CANCEL came out on the
// other side.
func cancelledCall(t *testing.T, s *softswitch, caller, callee *wire, n int) time.Duration {
	t.Helper()
	number := 100 + n
	target := "sip:bob@" + s.addr
	common := []string{
		"Via: " + caller.via(fmt.Sprint("cancelled", n)), "Max-Forwards: 70",
		fmt.Sprintf("From: <sip:alice@%s>;tag=a%d", s.addr, n), fmt.Sprintf("Call-ID: cancelled-%d", n),
	}
	caller.send(t, "INVITE "+target+" SIP/2.0", append(slices.Clone(common),
		"To: <"+target+">", fmt.Sprintf("CSeq: %d INVITE", number), "Contact: <"+caller.uri("alice")+">")...)

	invite := callee.receive(t, "INVITE ")
	callee.send(t, "SIP/2.0 180 Ringing", append(invite.reply("b"), "Contact: <"+callee.uri("bob")+">")...)
	caller.receive(t, "SIP/2.0 180", "SIP/2.0 100")

	caller.send(t, "CANCEL "+target+" SIP/2.0", append(slices.Clone(common), "To: <"+target+">", fmt.Sprintf("CSeq: %d CANCEL", number))...)
	sent := time.Now()
	cancel := callee.receive(t, "CANCEL ")
	delay := time.Since(sent)

	if got, want := cancel.branch(), invite.branch(); got != want || want == "" {
		t.Errorf("CANCEL has branch %q, its INVITE had %q", got, want)
	}
	if got, want := strings.Fields(cancel.field("CSeq")), strings.Fields(invite.field("CSeq")); len(got) != 2 || got[0] != want[0] || got[1] != "CANCEL" {
		t.Errorf("CANCEL has CSeq %q, its INVITE had %q", got, want)
	}
	if got, want := cancel[0], strings.Replace(invite[0], "INVITE", "CANCEL", 1); got != want {
		t.Errorf("CANCEL begins with %q, want %q", got, want)
	}
	callee.send(t, "SIP/2.0 200 OK", cancel.reply("b")...)
	callee.send(t, "SIP/2.0 487 Request Terminated", invite.reply("b")...)

	// The caller's own 200 and 487 are two transactions, in either order.
	first := caller.receive(t, "SIP/2.0 ")
	second := caller.receive(t, "SIP/2.0 ")
	if strings.HasPrefix(first[0], "SIP/2.0 487") {
		first, second = second, first
	}
	if !strings.HasPrefix(first[0], "SIP/2.0 200") || !strings.HasSuffix(first.field("CSeq"), " CANCEL") {
		t.Fatalf("the answer to CANCEL:\n%s", strings.Join(first, "\n"))
	}
	if !strings.HasPrefix(second[0], "SIP/2.0 487") || !strings.HasSuffix(second.field("CSeq"), " INVITE") {
		t.Fatalf("the answer to INVITE:\n%s", strings.Join(second, "\n"))
	}
	caller.send(t, "ACK "+target+" SIP/2.0", append(slices.Clone(common), "To: "+second.field("To"), fmt.Sprintf("CSeq: %d ACK", number))...)

	if ack := callee.receive(t, "ACK "); ack.branch() != invite.branch() {
		t.Errorf("ACK has branch %q, its INVITE had %q", ack.branch(), invite.branch())
	}
	return delay
}
