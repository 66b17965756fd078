package proxy

import (
	"strings"

	"github.com/patchbay-sip/patchbay/sip"
)

// consumeCredentials removes the Proxy-Authorization that was meant for us, by
// its realm, and leaves that of other proxies and of schemes without a realm
// (RFC 3261 section 22.3). Whoever gets the request next could replay it, or try
// passwords on it.
func (p *Proxy) consumeCredentials(r *sip.Request, c *Call) {
	const field = "Proxy-Authorization"
	if !r.Has(field) {
		return
	}
	var others []string
	for value := range r.Values(field) {
		realm := realmOf(value)
		if realm != "" && realm == c.Caller.Realm || p.ours(sip.NewURI("", realm, 0)) {
			continue
		}
		others = append(others, value)
	}
	r.Del(field)
	for _, value := range others {
		r.Add(field, value)
	}
}

// realmOf returns the realm parameter of credentials, "" if there is none (RFC
// 3261 section 25.1, credentials).
func realmOf(credentials string) string {
	_, rest, _ := strings.Cut(credentials, " ")
	for {
		name, after, ok := strings.Cut(rest, "=")
		if !ok {
			return ""
		}
		var value string
		value, rest = cutValue(strings.TrimLeft(after, " \t"))
		if strings.EqualFold(strings.Trim(name, ", \t"), "realm") {
			return value
		}
	}
}

// cutValue cuts a token or a quoted string off the front of s, and unquotes it.
func cutValue(s string) (value, rest string) {
	if !strings.HasPrefix(s, `"`) {
		value, rest, _ = strings.Cut(s, ",")
		return strings.TrimRight(value, " \t"), rest
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return b.String(), s[i+1:]
		case s[i] == '\\' && i+1 < len(s):
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String(), ""
}
