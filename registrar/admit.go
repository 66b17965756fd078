package registrar

import (
	"fmt"
	"strings"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/digest"
)

// admit finds the address-of-record that a REGISTER is about and whether its
// sender may change it (RFC 3261 section 10.3 steps 1 to 5).
func (r *Registrar) admit(req *sip.Request, who digest.Identity) (sip.AOR, error) {
	if req.Method != sip.REGISTER {
		e := &sip.StatusError{Code: 405}
		e.Header.Set("Allow", string(sip.REGISTER))
		return "", e
	}
	if !req.URI.IsSIP() {
		return "", &sip.StatusError{Code: 416} // section 8.2.2.1
	}
	domain, ours := r.domains.Lookup(req.URI)
	if !ours {
		return "", &sip.StatusError{Code: 404, Reason: "Not Our Domain"}
	}
	// No extension is supported yet (section 8.2.2.3).
	if err := req.Unsupported("Require"); err != nil {
		return "", err
	}
	to, err := req.To()
	if err != nil {
		return "", badRequest("Bad To", err)
	}
	from, err := req.From()
	if err != nil {
		return "", badRequest("Bad From", err)
	}
	if !to.URI.IsSIP() {
		// Section 10.2: an address-of-record is a sip or sips URI.
		return "", badRequest("Bad To: Not A SIP URI", nil)
	}
	aor, ours := r.domains.AOR(to.URI)
	if len(aor) > maxAddress {
		return "", badRequest(fmt.Sprintf("Bad To: Longer Than %d Bytes", maxAddress), nil)
	}
	if in, _ := r.domains.Lookup(to.URI); !ours || in != domain || to.URI.User() == "" {
		return "", &sip.StatusError{Code: 404}
	}
	if !mayRegister(who, to.URI, domain) {
		return "", &sip.StatusError{Code: 403, Reason: "Not Your Address"}
	}
	if sender, ours := r.domains.AOR(from.URI); !ours || sender != aor {
		return "", &sip.StatusError{Code: 403, Reason: "No Third-Party Registration"}
	}
	return aor, nil
}

// mayRegister tells whether an authenticated sender is the user in To. Some
// clients have the domain in their user name. The realm is not looked at: who
// chose it for the request has said which accounts are a domain's.
func mayRegister(who digest.Identity, to sip.URI, domain string) bool {
	if who.IsZero() {
		return true
	}
	user := sip.Unescape(to.User())
	if name, at, ok := strings.Cut(who.User, "@"); ok && name == user && strings.EqualFold(at, domain) {
		return true
	}
	return who.User == user
}
