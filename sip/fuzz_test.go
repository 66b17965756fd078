package sip

import (
	"errors"
	"strings"
	"testing"
)

// seed adds each message of the tables to a fuzz target.
func seed(f *testing.F) {
	for _, tt := range tortures {
		f.Add(readTestdata(f, tt.file))
	}
	for _, tt := range parseCases {
		f.Add([]byte(tt.wire))
	}
	f.Add(benchInvite(f))
	f.Add([]byte(inviteWire))
}

// FuzzParse holds three promises: no input panics, what Parse accepts is written
// so that it parses to the same again, and no typed access does harm.
func FuzzParse(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, packet []byte) {
		m, err := Parse(packet)
		if m == nil {
			if err == nil {
				t.Fatal("neither message nor error")
			}
			return
		}
		if err == nil {
			written := m.String()
			again, err := Parse([]byte(written))
			if err != nil {
				t.Fatalf("%v: %q becomes %q", err, packet, written)
			}
			if again.String() != written {
				t.Fatalf("%q becomes %q", written, again.String())
			}
			if again.Body() != m.Body() || again.Head().Len() != m.Head().Len() {
				t.Fatalf("%q: body or fields differ", packet)
			}
			if strings.Contains(strings.ReplaceAll(string(m.Head().append(nil)), "\r\n", ""), "\n") {
				t.Fatalf("%q: a bare LF is written", packet)
			}
		}
		c := clone(m)
		before := c.String()
		touch(m)
		if r, ok := m.(*Request); ok && r.Size() != len(r.String()) {
			t.Fatalf("%q: %d octets, not %d", packet, len(r.String()), r.Size())
		}
		if c.String() != before {
			t.Fatalf("%q: the clone changed", packet)
		}
		reparse, _ := Parse([]byte(m.String()))
		if reparse == nil {
			t.Fatalf("%q: not readable after edits: %q", packet, m.String())
		}
	})
}

func clone(m Message) Message {
	if r, ok := m.(*Request); ok {
		return r.Clone()
	}
	return m.(*Response).Clone()
}

func FuzzURI(f *testing.F) {
	for _, tt := range uriCases {
		f.Add(tt.text, "user", "example.com")
	}
	f.Add("sip:a@b;x=y", "%41 \x00@", "[::1]")
	f.Fuzz(func(t *testing.T, text, user, host string) {
		u, err := ParseURI(text)
		if err != nil {
			if !u.IsZero() {
				t.Fatal("an error and a URI")
			}
			return
		}
		if u.String() != text || !u.Equal(u) {
			t.Fatalf("%q is not itself", text)
		}
		if aor := u.AOR(); u.IsSIP() && aor.URI().AOR() != aor {
			t.Fatalf("%q: AOR %q is not canonical", text, aor)
		}
		for name, value := range u.Params().All() {
			if !u.Params().Has(name) || strings.ContainsAny(value, ";") {
				t.Fatalf("%q: parameter %q %q", text, name, value)
			}
		}
		for _, v := range []URI{
			u.WithUser(user), u.WithHost(host, 5060), u.WithParam(user, host), u.WithoutParam("lr"), u.WithoutHeaders(),
		} {
			if v.IsZero() {
				continue
			}
			if again, err := ParseURI(v.String()); err != nil || again != v {
				t.Fatalf("%q: an edit makes %q", text, v.String())
			}
		}
		if u.IsSIP() && user != "" {
			if got := u.WithUser(Escape(user)); Unescape(got.User()) != user {
				t.Fatalf("user %q becomes %q", user, got.User())
			}
		}
	})
}

func FuzzVia(f *testing.F) {
	for _, tt := range viaCases {
		f.Add(tt.text, "value")
	}
	f.Fuzz(func(t *testing.T, text, value string) {
		v, err := ParseVia(text)
		if err != nil {
			return
		}
		written := v.String()
		again, err := ParseVia(written)
		if err != nil || again != v || again.String() != written {
			t.Fatalf("%q becomes %q", text, written)
		}
		v.Params = v.Params.With("received", value)
		again, err = ParseVia(v.String())
		if err != nil {
			t.Fatalf("%v: %q with received %q becomes %q", err, text, value, v.String())
		}
		if got, _ := again.Params.Get("received"); got != strings.TrimSpace(oneLine(value)) && got != oneLine(value) {
			t.Fatalf("received %q becomes %q", value, got)
		}
	})
}

func FuzzAddresses(f *testing.F) {
	for _, tt := range addressCases {
		f.Add(tt.text+", "+tt.text, "Display")
	}
	f.Fuzz(func(t *testing.T, list, display string) {
		var h Header
		h.Set("Contact", list)
		for a, err := range h.Addresses("Contact") {
			if err != nil {
				return
			}
			again, err := ParseAddress(a.String())
			if err != nil || again != a {
				t.Fatalf("%q becomes %q", list, a.String())
			}
			a.Display = display
			again, err = ParseAddress(a.WithTag("x").String())
			if err != nil {
				t.Fatalf("%v: %q with %q becomes %q", err, list, display, a.String())
			}
			if again.Display != oneLine(display) || again.Tag() != "x" || again.URI != a.URI {
				t.Fatalf("%q becomes %q", list, a.String())
			}
		}
	})
}

// FuzzFrame gives a stream in two cuts; what comes out must not depend on where
// they are.
func FuzzFrame(f *testing.F) {
	for _, tt := range frameCases {
		if len(tt.stream) < 10000 {
			f.Add([]byte(tt.stream), 3, 10)
		}
	}
	f.Fuzz(func(t *testing.T, stream []byte, a, b int) {
		whole, wholeErr := cutFrames(stream, len(stream), len(stream))
		var parse *ParseError
		if wholeErr != nil && !errors.As(wholeErr, &parse) {
			t.Fatalf("%q: %v", stream, wholeErr)
		}
		if a < 0 || b < a || b > len(stream) {
			return
		}
		parts, partsErr := cutFrames(stream, a, b)
		if strings.Join(whole, "|") != strings.Join(parts, "|") || (wholeErr == nil) != (partsErr == nil) {
			t.Fatalf("%q at %d and %d: %q %v, %q %v", stream, a, b, whole, wholeErr, parts, partsErr)
		}
	})
}

// cutFrames returns the frames of a stream that comes in three pieces.
func cutFrames(stream []byte, a, b int) (got []string, err error) {
	var f Framer
	begin := 0
	for _, end := range []int{a, b, len(stream)} {
		for {
			kind, n, err := f.Next(stream[begin:end])
			if err != nil {
				return got, err
			}
			if kind == FrameNone {
				break
			}
			frame := string(stream[begin : begin+n])
			if kind == FrameMessage {
				// Framer and Parse must see the same header and the same body.
				if m, err := Parse([]byte(frame)); err == nil {
					head := strings.TrimSuffix(frame, m.Body())
					if !strings.HasSuffix(head, "\n\r\n") && !strings.HasSuffix(head, "\n\n") {
						return nil, errors.New("body begins elsewhere")
					}
				}
			}
			got = append(got, frame)
			begin += n
		}
	}
	return got, nil
}

// FuzzTyped reads a value as each typed field; what is read is written so that
// it reads the same.
func FuzzTyped(f *testing.F) {
	for _, tt := range typedCases {
		f.Add(tt.value)
	}
	f.Fuzz(func(t *testing.T, value string) {
		for _, tt := range typedCases {
			var h Header
			h.Set(tt.field, value)
			got, err := readTyped(&h, tt.field, tt.want)
			if err != nil {
				continue
			}
			written := writeTyped(got)
			h.Set(tt.field, written)
			again, err := readTyped(&h, tt.field, tt.want)
			if err != nil || writeTyped(again) != written {
				t.Fatalf("%v: %s %q becomes %q", err, tt.field, value, written)
			}
		}
	})
}

// FuzzParts takes a multipart apart; each part lies in the body.
func FuzzParts(f *testing.F) {
	f.Add("b", "--b\r\nContent-Type: a/b\r\n\r\none\r\n--b\r\n\r\ntwo\r\n--b--\r\n")
	f.Fuzz(func(t *testing.T, boundary, body string) {
		m := bodied("multipart/mixed"+Params{}.With("boundary", boundary).String(), body)
		at := 0
		for p, err := range Parts(m) {
			if err != nil {
				return
			}
			n := strings.Index(body[at:], p.Body)
			if n < 0 {
				t.Fatalf("%q: part %q is not in order", body, p.Body)
			}
			at += n + len(p.Body)
		}
		_, _ = FindPart(m, "a/b")
	})
}
