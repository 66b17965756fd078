package registrar

import (
	"context"
	"errors"
	"testing"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/sip/digest"
)

// Whatever a Contact holds: a defined answer, nothing done by half, and what was
// accepted can be read again by the client and by a store.
func FuzzContact(f *testing.F) {
	for _, seed := range []string{
		"*", "<sip:a@h>;q=0.5;expires=60", "sip:a@h, <sips:b@[::1]:5061;transport=tcp?x=y>;+sip.instance=\"<urn:uuid:1>\"",
		"\"A, \\\" B\" <tel:+1;phone-context=x>", "<mailto:a@b>;expires=18446744073709551616", "<sip:a@h>;q=7;expires=-1,",
	} {
		f.Add(seed, "")
		f.Add(seed, "0")
	}
	f.Fuzz(func(t *testing.T, contact, expires string) {
		r := newRegistrar(WithMaxContacts(3))
		p := newPhone(t, r, "alice")
		p.ok("Contact: <sip:first@h>")
		req := p.request()
		req.Set("CSeq", "2 REGISTER")
		req.Set("Contact", contact)
		if expires != "" {
			req.Set("Expires", expires)
		}
		resp, err := r.register(context.Background(), req, sip.Flow{}, digest.Identity{})
		stored := dump(t, r)
		var e *sip.StatusError
		if errors.As(err, &e) && (e.Code == 400 || e.Code == 403 || e.Code == 423) {
			if len(stored) != 1 || stored[0].Contact.String() != "sip:first@h" {
				t.Fatalf("refused with %d, but changed: %+v", e.Code, stored)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if len(stored) > 3 {
			t.Fatalf("%d contacts", len(stored))
		}
		listed := 0
		for a, err := range resp.Addresses("Contact") {
			if err != nil {
				t.Fatalf("the 200 cannot be read: %v\n%s", err, resp)
			}
			if _, ok := a.Expires(); !ok {
				t.Fatalf("no expires: %s", a)
			}
			listed++
		}
		if listed != len(stored) {
			t.Fatalf("%d bindings, %d in the 200:\n%s", len(stored), listed, resp)
		}
		for _, b := range stored {
			if u, err := sip.ParseURI(b.Contact.String()); err != nil || u != b.Contact {
				t.Fatalf("contact %q: %v", b.Contact, err)
			}
			if q, err := sip.ParseParams(b.Params.String()); err != nil || q != b.Params {
				t.Fatalf("parameters %q: %v", b.Params, err)
			}
		}
	})
}
