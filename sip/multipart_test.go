package sip

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// bodied makes a message with that body.
func bodied(contentType, body string) Message {
	r := NewRequest(MESSAGE, MustParseURI("sip:a@b"), Address{URI: MustParseURI("sip:c@d")}, Address{})
	r.SetBody(contentType, body)
	return r
}

func collectParts(m Message) (parts []string, err error) {
	for p, err := range Parts(m) {
		if err != nil {
			return parts, err
		}
		parts = append(parts, p.Header.Get("Content-Type")+"|"+p.Body)
	}
	return parts, nil
}

func TestParts(t *testing.T) {
	for _, tt := range []struct {
		name, contentType, body string
		want                    []string
	}{
		{"empty", "multipart/mixed;boundary=b", "", nil},
		{"no multipart", "text/plain", "--b\r\nx", []string{"text/plain|--b\r\nx"}},
		{"two", `multipart/mixed; boundary="b"`,
			"preamble\r\n--b\r\nContent-Type: a/b\r\n\r\none\r\n--b \t\r\nc: c/d\r\n\r\ntwo\x00\r\n\r\n--b--\r\nepilogue",
			[]string{"a/b|one", "c/d|two\x00\r\n"}},
		{"no fields", "multipart/mixed;boundary=b", "--b\r\n\r\nbody\r\n--b--", []string{"|body"}},
		{"empty part", "multipart/mixed;boundary=b", "--b\r\n\r\n\r\n--b--", []string{"|"}},
		{"longer boundary in a part", "multipart/mixed;boundary=b", "--b\r\n\r\n--bc\r\n--b\r\n\r\nx--b\r\n\r\n--b--", []string{"|--bc", "|x--b\r\n"}},
		{"bare LF", "multipart/mixed;boundary=b", "--b\nContent-Type: a/b\n\none\ntwo\n--b--\n", []string{"a/b|one\ntwo"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			parts, err := collectParts(bodied(tt.contentType, tt.body))
			require.NoError(t, err)
			require.Equal(t, tt.want, parts)
		})
	}
}

func TestPartsRefuses(t *testing.T) {
	for name, body := range map[string]string{
		"no delimiter":    "text",
		"not closed":      "--b\r\n\r\nx",
		"no header end":   "--b\r\n--b--",
		"malformed field": "--b\r\nx\r\n\r\n\r\n--b--",
	} {
		_, err := collectParts(bodied("multipart/mixed;boundary=b", body))
		require.Error(t, err, name)
	}
	for _, contentType := range []string{"multipart/mixed", "multipart/mixed;boundary=" + strings.Repeat("x", 71)} {
		_, err := collectParts(bodied(contentType, "--b\r\n\r\nx\r\n--b--"))
		require.Error(t, err)
	}
}

func TestFindPart(t *testing.T) {
	sdp := &Part{Body: "v=0\r\n"}
	sdp.Header.Set("Content-Type", "application/sdp")
	text := &Part{Body: "hello"}
	text.Header.Set("Content-Type", "text/plain; charset=utf-8")
	body := []*Part{text, sdp}
	var contentType, inner string
	for range 3 {
		contentType, inner = NewMultipart("mixed", body...)
		nested := &Part{Body: inner}
		nested.Header.Set("Content-Type", contentType)
		body = []*Part{text, nested}
	}
	m := bodied(contentType, inner)
	part, err := FindPart(m, "application/SDP")
	require.NoError(t, err)
	require.Equal(t, "v=0\r\n", part.Body)
	_, err = FindPart(m, "image/png")
	require.ErrorIs(t, err, ErrNoPart)
	_, err = Limits{Nesting: 2}.FindPart(m, "application/sdp")
	require.ErrorContains(t, err, "nested too deep")
	part, err = FindPart(bodied("application/sdp", "v=0"), "application/sdp")
	require.NoError(t, err)
	require.Equal(t, "v=0", part.Body)
	_, err = FindPart(bodied("", ""), "application/sdp")
	require.ErrorIs(t, err, ErrNoPart)
	_, err = FindPart(bodied("multipart/mixed;boundary=b", "x"), "application/sdp")
	require.Error(t, err)
}

// TestTorturePart takes the multipart of RFC 4475 section 3.1.1.11 apart.
func TestTorturePart(t *testing.T) {
	m, err := Parse(readTestdata(t, "rfc4475/mpart01.dat"))
	require.NoError(t, err)
	parts, err := collectParts(m)
	require.NoError(t, err)
	require.Len(t, parts, 2)
	require.Equal(t, "text/plain|Hello", parts[0])
	require.Contains(t, parts[1], "\x00")
}

func TestPartsLinear(t *testing.T) {
	for _, s := range []string{"--b\r\n", "\r\n--b", "--bb", "\r\n--b\r\n\r\n", "-"} {
		m := bodied("multipart/mixed;boundary=b", strings.Repeat(s, megabyte/len(s)))
		within(t, s, func() { _, _ = collectParts(m) })
	}
}
