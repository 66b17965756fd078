//go:build interop

package interop

import (
	"fmt"
	"testing"
)

// networks are what every test goes over.
var networks = []string{"udp", "tcp"}

// TestRegister has SIPp register users at 200 a second.
func TestRegister(t *testing.T) {
	const calls, rate = 2000, 200
	for i, network := range networks {
		t.Run(network, func(t *testing.T) {
			s := serve(t, fmt.Sprintf("127.0.31.%d", i+1))
			sipp{
				scenario: "register", network: network, local: s.ip + ":5080", remote: s.addr,
				calls: calls, rate: rate, fields: users(calls), keys: map[string]string{"contact": s.ip + ":5080"},
			}.run(t).check(t, "client", calls)
		})
	}
}

// TestRegisterDigest is the same, with each user asked for a password.
func TestRegisterDigest(t *testing.T) {
	const calls, rate, accounts = 2000, 200, 50
	for i, network := range networks {
		t.Run(network, func(t *testing.T) {
			var flags, fields []string
			for _, user := range users(accounts) {
				flags = append(flags, "--user", user+":secret-of-"+user)
				fields = append(fields, fmt.Sprintf("%s;[authentication username=%[1]s password=secret-of-%[1]s]", user))
			}
			s := serve(t, fmt.Sprintf("127.0.32.%d", i+1), flags...)
			sipp{
				scenario: "register-digest", network: network, local: s.ip + ":5080", remote: s.addr,
				calls: calls, rate: rate, fields: fields, keys: map[string]string{"contact": s.ip + ":5080"},
			}.run(t).check(t, "client", calls)
		})
	}
}

// register has SIPp register users, each with the contact user@contact.
func register(t *testing.T, s *softswitch, network, contact string, names []string) {
	t.Helper()
	sipp{
		scenario: "register", network: network, local: s.ip + ":5079", remote: s.addr,
		calls: len(names), rate: 200, fields: names, keys: map[string]string{"contact": contact},
	}.run(t).check(t, "client", len(names))
}

// users returns n names of users.
func users(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("user%04d", i)
	}
	return names
}
