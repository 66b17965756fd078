package sip

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// wire makes a message of lines: the fields that each must have, then what is
// given, then Content-Length 0.
func wire(start string, fields ...string) string {
	lines := []string{start,
		"Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1",
		"From: <sip:alice@example.com>;tag=a",
		"To: <sip:bob@example.com>",
		"Call-ID: c1@192.0.2.1",
		"CSeq: 1 OPTIONS",
	}
	return strings.Join(append(append(lines, fields...), "Content-Length: 0", "", ""), "\r\n")
}

const optionsLine = "OPTIONS sip:bob@example.com SIP/2.0"

// parseCases drive parse, write and the fuzz seeds.
var parseCases = []struct {
	name string
	wire string
	code int    // as torture.code
	out  string // what is written, if not what came
}{
	{"plain", wire(optionsLine), 0, ""},
	{"empty lines in front", "\r\n\r\n" + wire(optionsLine), 0, wire(optionsLine)},
	{"bare LF", strings.ReplaceAll(wire(optionsLine), "\r\n", "\n"), 0, wire(optionsLine)},
	{"bare LF in a fold", wire(optionsLine, "Subject: a\n b"), 0, wire(optionsLine, "Subject: a b")},
	{"fold", wire(optionsLine, "Subject: a \r\n\t b"), 0, ""},
	{"fold in front of the value", wire(optionsLine, "Subject:\r\n b"), 0, ""},
	{"empty value", wire(optionsLine, "Subject:", "Supported:   "), 0, ""},
	{"white space around the colon", wire(optionsLine, "Subject \t : x"), 0, ""},
	{"unknown field of separators", wire(optionsLine, "X: ;;,,\"<"), 0, ""},
	{"UTF-8 in a field", wire(optionsLine, "Subject: žluťoučký"), 0, ""},
	{"lower case version", wire("OPTIONS sip:bob@example.com sip/2.0"), 0, ""},
	{"method in lower case is another", wire("options sip:bob@example.com SIP/2.0"), 400, ""},
	{"CR in a field", wire(optionsLine, "Subject: a\rb"), 400, wire(optionsLine)},
	{"two CR in front of LF", wire(optionsLine, "Subject: a\r"), 400, wire(optionsLine)},
	{"line without colon", wire(optionsLine, "Subject"), 400, wire(optionsLine)},
	{"name with a space", wire(optionsLine, "My Subject: x"), 400, wire(optionsLine)},
	{"name is missing", wire(optionsLine, ": x"), 400, wire(optionsLine)},
	{"first field begins with space", optionsLine + "\r\n Via: x\r\n\r\n", 400, optionsLine + "\r\n\r\n"},
	{"no empty line", strings.TrimSuffix(wire(optionsLine), "\r\n"), 400, wire(optionsLine)},
	{"no field at all", optionsLine + "\r\n\r\n", 400, ""},
	{"start line alone", optionsLine, 400, optionsLine + "\r\n\r\n"},
	{"Content-Length 2^40", wire(optionsLine, "l: 1099511627776"), 400, ""},
	{"Content-Length 1 GiB", wire(optionsLine, "l: 1073741824"), 400, ""},
	{"Content-Length negative", wire(optionsLine, "l: -1"), 400, ""},
	{"Content-Length twice the same", wire(optionsLine, "l: 0"), 0, ""},
	{"Content-Length twice", wire(optionsLine, "l: 00, 0"), 400, ""},
	{"Request-URI with tel", wire("OPTIONS tel:+1-201-555-0123 SIP/2.0"), 0, ""},
	{"Request-URI with white space", wire("OPTIONS sip:bob @example.com SIP/2.0"), 400, wire("OPTIONS  SIP/2.0")},
	{"Request-URI too long", wire("OPTIONS sip:" + strings.Repeat("a", 2050) + "@h SIP/2.0"), 414, wire("OPTIONS  SIP/2.0")},
	{"SIP/7.0", wire("OPTIONS sip:bob@example.com SIP/7.0"), 505, ""},
	{"HTTP", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", drop, ""},
	{"zeros", "\x00\x00\x00\x00\x00\x00\x00\x00", drop, ""},
	{"keep-alive", "\r\n\r\n", drop, ""},
	{"nothing", "", drop, ""},
	{"status too low", wire("SIP/2.0 099 X"), drop, ""},
	{"status too high", wire("SIP/2.0 700 X"), drop, ""},
	{"status is 5 modulo 2^32", wire("SIP/2.0 4294967301 X"), drop, ""},
	{"status of four digits", wire("SIP/2.0 0200 X"), drop, ""},
	{"response", wire("SIP/2.0 200 OK"), 0, ""},
	{"response with an error in its header", wire("SIP/2.0 200 OK", "Subject"), drop, ""},
	{"response without phrase and space", wire("SIP/2.0 200"), 0, wire("SIP/2.0 200 ")},
	{"CR in a reason phrase", wire("SIP/2.0 200 O\rK"), drop, ""},
	{"Max-Forwards malformed", wire(optionsLine, "Max-Forwards: -1"), 400, ""},
	{"Max-Forwards beyond 2^32", wire(optionsLine, "Max-Forwards: 4294967296"), 400, ""},
	{"Max-Forwards twice", wire(optionsLine, "Max-Forwards: 70", "Max-Forwards: 70"), 400, ""},
	{"To twice", wire(optionsLine, "t: <sip:bob@example.com>"), 400, ""},
	{"tel in From", strings.Replace(wire(optionsLine), "sip:alice@example.com", "tel:+12015550123", 1), 0, ""},
	{"zone in Via", strings.Replace(wire(optionsLine), "192.0.2.1:5060", "[fe80::1%25eth0]:5060", 1), 400, ""},
	{"no branch, no rport", strings.Replace(wire(optionsLine), ";branch=z9hG4bK1", "", 1), 0, ""},
}

func TestParse(t *testing.T) {
	for _, tt := range parseCases {
		t.Run(tt.name, func(t *testing.T) {
			m, code := verdict([]byte(tt.wire))
			require.Equal(t, tt.code, code)
			if m == nil {
				return
			}
			want := tt.out
			if want == "" {
				want = tt.wire
			}
			require.Equal(t, want, m.String())
		})
	}
}

// TestParseNeedsEachField takes the fields that a message must have away, one
// at a time.
func TestParseNeedsEachField(t *testing.T) {
	for _, name := range []string{"Via", "From", "To", "Call-ID", "CSeq"} {
		t.Run(name, func(t *testing.T) {
			m, err := Parse([]byte(wire(optionsLine)))
			require.NoError(t, err)
			m.Head().Del(name)
			var status *StatusError
			require.ErrorAs(t, m.(*Request).Validate(), &status)
			require.Equal(t, 400, status.Code)
			require.Equal(t, "Missing "+name, status.Reason)
			require.ErrorIs(t, status, ErrNoField)
		})
	}
}

func TestParseError(t *testing.T) {
	packet := wire(optionsLine, "Subject")
	_, err := Parse([]byte(packet))
	var parse *ParseError
	require.ErrorAs(t, err, &parse)
	require.Equal(t, strings.Index(packet, "Subject"), parse.Offset)
	require.Equal(t, "RFC 3261 7.3", parse.Section)
	require.Equal(t, "header line without a colon", parse.Reason)
}

// TestParseCompact asks for each compact form by its long name.
func TestParseCompact(t *testing.T) {
	for letter, name := range map[string]string{
		"a": "Accept-Contact", "b": "Referred-By", "c": "Content-Type", "d": "Request-Disposition",
		"e": "Content-Encoding", "f": "From", "i": "Call-ID", "j": "Reject-Contact", "k": "Supported",
		"l": "Content-Length", "m": "Contact", "o": "Event", "r": "Refer-To", "s": "Subject",
		"t": "To", "u": "Allow-Events", "v": "Via", "x": "Session-Expires", "y": "Identity",
		"n": "Identity-Info",
	} {
		var h Header
		h.Add(letter, "one")
		require.Equal(t, "one", h.Get(name))
		require.Equal(t, "one", h.Get(strings.ToUpper(letter)))
		require.Equal(t, "one", h.Get(strings.ToUpper(name)))
		require.Equal(t, "one", h.Get(strings.ToLower(name)))
		h.Set(name, "two")
		require.Equal(t, 1, h.Len())
		require.Equal(t, "two", h.Get(letter))
	}
}

func TestHeaderNames(t *testing.T) {
	for id := hOther + 1; id < headerIDs; id++ {
		require.NotEmpty(t, headerNames[id])
		for _, name := range []string{headerNames[id], strings.ToLower(headerNames[id]), strings.ToUpper(headerNames[id])} {
			require.Equal(t, id, lookupName(name))
			size, scanned, reason := scanName(name + ": and a value")
			require.Equal(t, []any{len(name), id, ""}, []any{int(size), scanned, reason})
			size, scanned, reason = scanName(name + " \t:")
			require.Equal(t, []any{len(name), id, ""}, []any{int(size), scanned, reason})
			for i := range len(name) {
				for _, c := range []byte{'\n', '\v', 0, name[i] ^ 1, name[i] | 0x80, name[i] ^ 0x40} {
					near := name[:i] + string([]byte{c}) + name[i+1:]
					require.NotEqual(t, id, lookupName(near), "%q", near)
				}
			}
			require.NotEqual(t, id, lookupName(name+"\x00"))
			require.NotEqual(t, id, lookupName(name+"x"))
		}
	}
	for _, name := range []string{"", "q", "1", "Vi", "Vias", "X-Unknown", "\x00", "\x00\x00", "a ", strings.Repeat("v", 300)} {
		require.Equal(t, hOther, lookupName(name))
	}
}

func TestParseBody(t *testing.T) {
	const head = "MESSAGE sip:a@b SIP/2.0\r\n"
	for _, tt := range []struct{ name, wire, body string }{
		{"no Content-Length", head + "\r\nrest\r\n\r\nof it", "rest\r\n\r\nof it"},
		{"shorter", head + "Content-Length: 4\r\n\r\nbodynoise", "body"},
		{"exact", head + "l : 0004\r\n\r\nbody", "body"},
		{"NUL and line ends", head + "Content-Length: 6\r\n\r\na\x00\r\n\nb", "a\x00\r\n\nb"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m, err := Parse([]byte(tt.wire))
			require.NoError(t, err)
			require.Equal(t, tt.body, m.Body())
		})
	}
}

func TestParseLimits(t *testing.T) {
	many := func(n int, format string) []string {
		var fields []string
		for i := range n {
			fields = append(fields, fmt.Sprintf(format, i))
		}
		return fields
	}
	for _, tt := range []struct {
		name   string
		limits Limits
		wire   string
		code   int
	}{
		{"fields at the limit", Limits{}, wire(optionsLine, many(250, "X-%d: y")...), 0},
		{"too many fields", Limits{}, wire(optionsLine, many(251, "X-%d: y")...), 400},
		{"10,000 fields", Limits{}, wire(optionsLine, many(5000, "X-%d: y")...), 400},
		{"fewer fields", Limits{Fields: 5}, wire(optionsLine), 400},
		{"field at the limit", Limits{}, wire(optionsLine, "X: "+strings.Repeat("y", 8189)), 0},
		{"field too long", Limits{}, wire(optionsLine, "X: "+strings.Repeat("y", 8190)), 400},
		{"fold too long", Limits{}, wire(optionsLine, "X: "+strings.Repeat("y\r\n ", 2048)), 400},
		{"Via at the limit", Limits{}, wire(optionsLine, many(69, "Via: SIP/2.0/UDP h;branch=%d")...), 0},
		{"too many Via", Limits{}, wire(optionsLine, many(70, "Via: SIP/2.0/UDP h;branch=%d")...), 400},
		{"too many Via in a list", Limits{}, wire(optionsLine, "v: "+strings.Repeat("SIP/2.0/UDP h,", 70)+"SIP/2.0/UDP h"), 400},
		{"commas are no Via", Limits{}, wire(optionsLine, "v: "+strings.Repeat(",", 200)), 0},
		{"parameters at the limit", Limits{}, wire(optionsLine, "m: <sip:a>"+strings.Repeat(";x", 128)), 0},
		{"too many parameters", Limits{}, wire(optionsLine, "m: <sip:a>"+strings.Repeat(";x", 129)), 400},
		{"more parameters", Limits{Params: 129}, wire(optionsLine, "m: <sip:a>"+strings.Repeat(";x", 129)), 0},
		{"parameters of several values", Limits{}, wire(optionsLine, "m: "+strings.Repeat("<sip:a;x>;y,", 100)), 0},
		{"parameters of nobody", Limits{}, wire(optionsLine, "X: "+strings.Repeat(";x", 1000)), 0},
		{"message too large", Limits{}, wire(optionsLine) + strings.Repeat("x", 65536), 513},
		{"message larger", Limits{Message: 1 << 20}, wire(optionsLine) + strings.Repeat("x", 65536), 0},
		{"header beyond the message limit", Limits{Message: 200}, wire(optionsLine), 513},
		{"URI", Limits{URI: 10}, wire(optionsLine), 414},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m, err := tt.limits.Parse([]byte(tt.wire))
			require.NotNil(t, m, "a request that is too large can be answered")
			if tt.code == 0 {
				require.NoError(t, err)
				return
			}
			var parse *ParseError
			require.ErrorAs(t, err, &parse)
			require.Equal(t, tt.code, parse.Code)
			require.Equal(t, tt.code, NewResponse(m.(*Request), parse.Code).StatusCode)
		})
	}
}

// TestParseAllocates holds the parser to what it may allocate, whatever a
// message claims.
func TestParseAllocates(t *testing.T) {
	packet := benchInvite(t)
	require.LessOrEqual(t, testing.AllocsPerRun(100, func() {
		m, _ := Parse(packet)
		readCore(m.(*Request))
	}), 2.0)
	huge := []byte(strings.Replace(wire(optionsLine), "Content-Length: 0", "Content-Length: 1073741824", 1))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 100 {
		_, _ = Parse(huge)
	}
	runtime.ReadMemStats(&after)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(100*4096))
}

// TestParseCopies changes the datagram after it was parsed.
func TestParseCopies(t *testing.T) {
	packet := []byte(wire(optionsLine))
	m, err := Parse(packet)
	require.NoError(t, err)
	clear(packet)
	require.Equal(t, wire(optionsLine), m.String())
}
