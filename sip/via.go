package sip

// MagicCookie begins each branch of a client that follows RFC 3261 (section
// 8.1.1.7).
const MagicCookie = "z9hG4bK"

// A Via is one value of the Via field (RFC 3261 section 20.42).
type Via struct {
	// Transport is UDP, TCP, TLS, WS, WSS or another token, as it is written.
	Transport string
	SentBy    HostPort
	Params    Params
}

// ParseVia parses a single value.
func ParseVia(s string) (Via, error) { panic("stub") }

// String writes the value: "SIP/2.0/UDP host:port;branch=...".
func (v Via) String() string { panic("stub") }

// Branch returns the branch parameter, "" if there is none.
func (v Via) Branch() string { panic("stub") }

// A HostPort is a host and a port as they stand in Via and in URIs.
type HostPort struct {
	// Host is a name or an IP address, an IPv6 address without brackets.
	Host string
	// Port is 0 where none is written.
	Port uint16
}

// String writes host[:port], an IPv6 address in brackets.
func (hp HostPort) String() string { panic("stub") }

// ParseHostPort parses host[:port]. An IPv6 address must stand in brackets;
// a zone is refused.
func ParseHostPort(s string) (HostPort, error) { panic("stub") }

// A CSeq is the value of the CSeq field (RFC 3261 section 20.16).
type CSeq struct {
	Seq    uint32 // below 2^31
	Method Method
}

// String writes "1 INVITE".
func (c CSeq) String() string { panic("stub") }
